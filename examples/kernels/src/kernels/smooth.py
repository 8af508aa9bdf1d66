"""A stencil, and a parallel loop around it."""

import numpy as np
from numba import njit, prange, stencil

from kernels.sums import running_total


@stencil
def _neighbours(field):
    return 0.25 * (field[-1, 0] + field[1, 0] + field[0, -1] + field[0, 1])


@njit
def diffuse(field, steps):
    """Let a field diffuse for a number of steps; its border becomes zero."""
    for _ in range(steps):
        field = _neighbours(field)
    return field


@njit(parallel=True)
def edge_energy(field):
    """Sum of squared differences of vertical neighbours."""
    energy = np.zeros(field.shape[0])
    for i in prange(1, field.shape[0]):
        for j in range(field.shape[1]):
            step = field[i, j] - field[i - 1, j]
            energy[i] += step * step
    return running_total(energy)
