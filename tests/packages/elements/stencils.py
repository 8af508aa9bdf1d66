"""Stencils."""

import numpy as np
from numba import njit, stencil

WEIGHT = 0.25


@stencil
def smooth(a):
    return WEIGHT * (a[-1] + 2 * a[0] + a[1])


@stencil(cval=1.5, neighborhood=((-1, 1), (-1, 1)))
def around(a):
    total = 0.0
    for i in range(-1, 2):
        for j in range(-1, 2):
            total += a[i, j]
    return total


@stencil(standard_indexing=("w",))
def weighted(a, w):
    return a[0] * w[0] + a[1] * w[1]


@njit
def weigh(x):
    return x * WEIGHT


@stencil
def weighed(a):
    return weigh(a[0]) + a[1]


@njit
def caller(a):
    return smooth(a).sum() + np.sum(a)
