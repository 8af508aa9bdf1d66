"""A C callback, a function that takes a function, and a closure over a constant."""

import math

from numba import cfunc, njit

_WIDTH = 0.75


@cfunc("float64(float64)")
def gaussian(x):
    """The integrand, callable from C by its address."""
    return math.exp(-x * x / (2 * _WIDTH * _WIDTH))


@njit
def trapezoid(function, start, stop, steps):
    """Integral of a compiled function by the trapezoidal rule."""
    width = (stop - start) / steps
    total = 0.5 * (function(start) + function(stop))
    for i in range(1, steps):
        total += function(start + i * width)
    return total * width


def _polynomial(a, b, c):
    @njit
    def at(x):
        return (a * x + b) * x + c

    return at


parabola = _polynomial(3.0, 2.0, 1.0)


@njit
def trapezoid_of(stop):
    """Integral of 3 x^2 + 2 x + 1 from zero to `stop`."""
    return trapezoid(parabola, 0.0, stop, 1000)
