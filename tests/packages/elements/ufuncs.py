"""Universal functions."""

import math

import numpy as np
from numba import njit, types, vectorize

FACTOR = 2.0
LARGE = np.linspace(0.0, 1.0, 200_000)  # used in place, never frozen


@vectorize(["f4(f4, f4)", "f8(f8, f8)", "i8(i8, i8)"], identity=0)
def eager(a, b):
    """Add them."""
    return a + b


@vectorize
def lazy(a: float, b):
    return a * b + FACTOR


@vectorize(identity="reorderable")
def largest(a, b):
    return a if a > b else b


@vectorize(["f8(i4)"], nopython=True, fastmath={"nnan", "contract"})
def half(x):
    return x / 2


@vectorize
def checked(x):
    if x < 0:
        raise ValueError("negative")
    return math.sqrt(x)


@vectorize(
    [
        types.NPDatetime("s")(types.NPDatetime("s"), types.NPTimedelta("s")),
        types.NPTimedelta("s")(types.NPTimedelta("s"), types.NPTimedelta("s")),
    ]
)
def later(a, b):
    return a + b


@vectorize
def looked_up(i):
    return LARGE[i] * FACTOR


@vectorize(["f8(f8)"], forceobj=True)
def in_python(x):
    return float(str(x))


@njit
def helper(x):
    return x * FACTOR


@vectorize
def calls_helper(x):
    return helper(x) + 1


def make(amount):
    @vectorize
    def add(x):
        return x + amount

    return add


add_three = make(3)
add_half = make(0.5)
same = lazy


def plain(x, y):
    return x - y


difference = vectorize(plain)
compiled = vectorize()(helper)


@vectorize
def used_at_import(x):
    return x + 1


result = used_at_import(np.arange(3, dtype=np.int32))


@njit
def caller(a, b):
    return eager(a, b) + lazy(a, b)


def with_extra(x):
    return x


with_extra.note = [1]
with_note = vectorize(with_extra)
