"""C callbacks."""

from numba import carray, cfunc, njit, types

FACTOR = 0.5


@cfunc("f8(f8)")
def half(x):
    """Half of it."""
    return x * FACTOR


@cfunc(types.void(types.CPointer(types.float64), types.intp))
def clear(values, count):
    array = carray(values, count)
    for i in range(count):
        array[i] = 0


@cfunc("b1(i4, u1)", nopython=True)
def is_more(a, b):
    return a > b


def make(amount):
    @cfunc("i8(i8)")
    def add(x):
        return x + amount

    return add


add_seven = make(7)


@njit
def caller(x):
    return half(x) + 1
