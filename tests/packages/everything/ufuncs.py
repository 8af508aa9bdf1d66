"""Universal functions, eager and lazy, for one thread and for several."""

import math

from numba import guvectorize, vectorize


@vectorize(["float64(float64, float64)", "int64(int64, int64)"])
def eager(a, b):
    return a * 2 + b


@vectorize
def lazy(a, b):
    return a - b


@vectorize(["float64(float64)"], target="parallel")
def parallel(a):
    return math.sqrt(a)


@guvectorize(["(float64[:], float64[:])"], "(n)->(n)")
def running_sum(a, out):
    total = 0.0
    for i in range(a.size):
        total += a[i]
        out[i] = total


@guvectorize(["(float64[:], float64, float64[:])"], "(n),()->(n)", target="parallel")
def plus(a, b, out):
    for i in range(a.size):
        out[i] = a[i] + b


@guvectorize("(n)->()")
def dynamic(a, out):
    out[0] = a[0] + a[-1]
