"""Functions whose exceptions tell a file and a line, for the tests of tracebacks."""

import numpy as np
from numba import float64, njit, objmode, prange, vectorize
from numba.experimental import jitclass
from numba.extending import overload

from .helpers import inlined, plain_callee, raising_jitable


@njit
def static(x):
    if x > 2:
        raise ValueError("too large")
    return x


@njit
def dynamic(x):
    if x > 2:
        raise ValueError(
            "too large",
            x,
        )
    return x


@njit
def through_callee(x):
    return plain_callee(x) + 1


@njit
def through_inlined(x):
    return inlined(x) + 1


@njit
def through_jitable(x):
    return raising_jitable(x) + 1


@njit
def zero(x):
    return 1 // x


@njit
def in_numba(values):
    return values.pop(7)


@njit
def key_error(d):
    return d["missing"]


@njit(parallel=True)
def sizes(a, b):
    return a + b * 2.0


@njit
def broadcast(a, b):
    return np.add(a, b)


@njit(parallel=True)
def in_loop(a):
    total = 0.0
    for i in prange(a.size):
        total += a[i]
    if total > 2:
        raise OverflowError("total")
    return total


def make(limit):
    @njit
    def closure(x):
        if x > limit:
            raise KeyError("closure")
        return x

    return closure


small = make(1)


@njit
def with_inner(x):
    def inner(y):
        if y > 2:
            raise IndexError("inner")
        return y

    return inner(x)


def target(x):
    raise NotImplementedError


@overload(target)
def _target(x):
    if x is float64:

        def impl(x):
            if x > 3:
                raise RuntimeError("float")
            return x
    else:

        def impl(x):
            if x > 2:
                raise RuntimeError("other")
            return x

    return impl


@njit
def overloaded(x):
    return target(x)


@jitclass([("value", float64)])
class Guard:
    def __init__(self, value):
        if value > 2:
            raise ValueError("guard")
        self.value = value

    def check(self, x):
        if x > self.value:
            raise ArithmeticError("check")
        return x


@vectorize(["float64(float64)"])
def universal(x):
    if x > 2:
        raise ValueError("universal")
    return x


def python_part(x):
    if x > 2:
        raise LookupError("python")
    return x


@njit
def object_mode(x):
    with objmode(y="float64"):
        y = float(python_part(x))
    return y


@njit
def object_mode_own(x):
    with objmode(y="float64"):
        y = float(np.zeros(1)[int(x)])
    return y


exec("def made(x):\n    if x > 2:\n        raise ValueError('made')\n    return x\n")
made = njit(made)  # noqa: F821
