"""Compiled functions, called with many kinds of arguments."""

import numba
import numpy as np
from numba import float64, njit, prange
from numba import types as nb

FACTOR = 3.0
TABLE = np.arange(12.0).reshape(3, 4)
LARGE = np.linspace(0.0, 1.0, 200_000)  # used in place, never frozen


@njit
def scaled(x, by=2.0):
    """Scale it."""
    return x * by * FACTOR


@njit(parallel=True, fastmath=True)
def total(a):
    s = 0.0
    for i in prange(a.size):
        s += a.flat[i]
    return s


@njit
def looked_up(i):
    return TABLE[i].sum() + LARGE[i]


@njit
def checked(x):
    if x < 0:
        raise ValueError("negative", x)
    return scaled(x)


@njit(["f8(f8)", "i8(i8)", "f8(f8, f8)"][:2])
def declared(x):
    return x + x


@njit(["f8(f8[:])", "f4(f4[:])", "b1(b1[:])"])
def declared_arrays(a):
    return a[0]


@njit("f8(f8, f8)")
def one_signature(x, y):
    return x - y


@njit((nb.Tuple((float64, nb.int64)),))
def declared_tuple(p):
    return p[0] + p[1]


@njit
def of_tuple(p):
    return p[0] + p[1]


@njit
def of_text(a, b):
    return a + b


@njit
def of_records(r):
    return r["a"].sum() + r["b"].sum()


@njit
def of_dates(a, b):
    return a - b


@njit
def inner(x):
    """Compiled because `outer` calls it."""
    return x - 1


@njit
def outer(x):
    return inner(x) * 2


@njit
def of_nothing():
    return 7


@njit
def rest(x, *more):
    return x + len(more)


@njit
def maybe(x):
    return 0.0 if x is None else x + 1.0


@njit
def count_to(n):
    for i in range(n):
        yield i * FACTOR


@njit
def both(a, b):
    return a, b


@njit
def shape(a):
    return a.ndim * 100 + (1 if a.flags.c_contiguous else 0)


def make_adder(amount):
    @njit
    def add(x):
        return x + amount

    return add


add_three = make_adder(3)
add_half = make_adder(0.5)
second_name = scaled


def slow(x):
    return x + 1


fast = njit(slow)
faster = njit(slow, fastmath=True)


def plain(a):
    """Python that calls compiled code."""
    return scaled(total(a))


def compiled_now(k):
    """Python that needs Numba."""
    return njit(lambda x: x + k)(1.0)


def is_dispatcher(value):
    return isinstance(value, numba.core.dispatcher.Dispatcher)
