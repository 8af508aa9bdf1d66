"""Parallel loops."""

import math

import numpy as np
from numba import njit, prange


@njit(parallel=True)
def nearest(points):
    """The distance of every point to its nearest neighbour."""
    out = np.empty(len(points))
    for i in prange(len(points)):
        best = np.inf
        for j in range(len(points)):
            if i != j:
                dx = points[i, 0] - points[j, 0]
                dy = points[i, 1] - points[j, 1]
                best = min(best, dx * dx + dy * dy)
        out[i] = math.sqrt(best)
    return out


@njit(parallel=True)
def parallel_sum(values):
    """A reduction over threads."""
    total = 0.0
    for i in prange(len(values)):
        total += math.sqrt(values[i])
    return total
