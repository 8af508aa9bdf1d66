"""Functions of single elements and of windows: ufuncs, with and without declared types."""

import math

from numba import guvectorize, vectorize


@vectorize(["float64(float64, float64, float64)", "float32(float32, float32, float32)"])
def hypot3(x, y, z):
    """Length of a vector of three components."""
    return math.sqrt(x * x + y * y + z * z)


@vectorize
def clip_soft(value, limit):
    """Limit a value smoothly to (-limit, limit); compiled for the types it meets."""
    return limit * math.tanh(value / limit)


@guvectorize(["void(float64[:], int64, float64[:])"], "(n),()->(n)")
def window_mean(values, width, out):
    """Mean of the last `width` values, or of as many as there are."""
    total = 0.0
    for i in range(values.shape[0]):
        total += values[i]
        if i >= width:
            total -= values[i - width]
        out[i] = total / min(i + 1, width)
