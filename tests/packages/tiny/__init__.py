"""The smallest package worth an image: two modules, a frozen constant, a callee."""

from numba import njit

from .constants import FACTOR

LIMIT = 100


@njit
def scaled(x):
    return x * FACTOR


@njit("float64(float64[::1])")
def total(a):
    result = 0.0
    for value in a:
        if value < LIMIT:
            result += scaled(value)
    return result


def make(power):
    @njit
    def raised(x):
        return x**power

    return raised


squared = make(2)
