"""Universal functions that run on Numba's threads."""

import numpy as np
from numba import guvectorize, njit, vectorize

SCALE = 3.0
LARGE = np.linspace(0.0, 1.0, 200_000)  # used in place, never frozen


@njit
def helper(x):
    return x + SCALE


@vectorize(["f4(f4, f4)", "f8(f8, f8)", "i8(i8, i8)"], target="parallel", identity=1)
def product(a, b):
    """Multiply them."""
    return a * b


@vectorize(["f8(f8)"], target="parallel", fastmath={"contract"})
def scaled(x):
    return helper(x) * SCALE


@vectorize(["f8(i8)"], target="parallel")
def looked_up(i):
    return LARGE[i]


@guvectorize(["(f8[:], f8, f8[:])", "(f4[:], f4, f4[:])"], "(n),()->(n)", target="parallel")
def shifted(values, by, out):
    for i in range(values.shape[0]):
        out[i] = values[i] + by * SCALE


@guvectorize(
    ["(f8[:], f8[:])"], "(n),(m)", target="parallel", writable_args=("into",), nopython=True
)
def add_into(values, into):
    for i in range(into.shape[0]):
        into[i] += values.sum()


table = {"product": product, "again": product}
SCALE = 5.0  # what was compiled has frozen what it was before
