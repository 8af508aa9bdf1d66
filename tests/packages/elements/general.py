"""Generalised universal functions."""

from numba import guvectorize, njit

from .ufuncs import FACTOR, helper


@guvectorize(["void(f8[:], i8, f8[:])", "void(f4[:], i8, f4[:])"], "(n),()->(n)")
def spread(values, width, out):
    """Spread them."""
    for i in range(values.shape[0]):
        out[i] = values[i] * width + FACTOR


@guvectorize("(n)->()")
def total(values, out):
    out[0] = 0
    for value in values:
        out[0] += helper(value)


@guvectorize(["void(f8[:], f8[:])"], "(n)->(n)", writable_args=(0,))
def moved(values, out):
    for i in range(values.shape[0]):
        out[i] = values[i]
        values[i] = 0


@guvectorize(["void(f8[:,:], f8[:], f8[:])"], "(m,n),(n)->(m)", nopython=True)
def product(matrix, vector, out):
    for i in range(matrix.shape[0]):
        out[i] = 0
        for j in range(matrix.shape[1]):
            out[i] += matrix[i, j] * vector[j]


@guvectorize("(),()->()", identity=0)
def added(a, b, out):
    out[0] = a + b


@njit
def caller(a, out):
    spread(a, 3, out)
    return out.sum()
