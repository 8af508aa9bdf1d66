"""Reductions, stencils, matrices, scans, structured arrays."""

import numpy as np
from numba import njit, stencil


@njit
def sum_of_squares(values):
    """A reduction in strict order, so it is not vectorised."""
    total = 0.0
    for value in values:
        total += value * value
    return total


@njit(fastmath=True)
def dot_fast(a, b, shifts):
    """Reductions that may be reordered, so they are vectorised and contracted."""
    total = 0.0
    for shift in range(shifts):
        for i in range(len(a) - shift):
            total += a[i] * b[i + shift]
    return total


@njit
def kahan(values):
    total = 0.0
    lost = 0.0
    for value in values:
        term = value - lost
        grown = total + term
        lost = (grown - total) - term
        total = grown
    return total


@njit
def saxpy(a, x, y, times):
    """Single precision, element by element, into a copy that fits the cache."""
    out = y.copy()
    for _ in range(times):
        for i in range(len(x)):
            out[i] = a * x[i] + out[i]
    return out


@njit
def expression(a, b, c):
    """An array expression, which Numba fuses to one loop."""
    return (a + b) * c - a / (1.0 + b * b)


@stencil
def _laplacian(field):
    return field[-1, 0] + field[1, 0] + field[0, -1] + field[0, 1] - 4.0 * field[0, 0]


@njit
def heat(field, steps):
    for _ in range(steps):
        field = field + 0.1 * _laplacian(field)
    return field


@njit
def matrix_product(a, b):
    """The textbook's three loops, in the order that runs along rows."""
    out = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            for j in range(b.shape[1]):
                out[i, j] += a[i, k] * b[k, j]
    return out


@njit
def exponential_average(values, weight):
    """A scan: every element needs the one before."""
    out = np.empty_like(values)
    level = values[0]
    for i in range(len(values)):
        level += weight * (values[i] - level)
        out[i] = level
    return out


PARTICLE = np.dtype([("x", "f8"), ("y", "f8"), ("vx", "f8"), ("vy", "f8"), ("hits", "i8")])


@njit
def move(particles, steps):
    """Particles in a box: a structured array, updated in place of a copy."""
    out = particles.copy()
    for _ in range(steps):
        for i in range(len(out)):
            particle = out[i]
            particle.x += particle.vx * 0.01
            particle.y += particle.vy * 0.01
            if particle.x < 0.0 or particle.x > 1.0:
                particle.vx = -particle.vx
                particle.hits += 1
            if particle.y < 0.0 or particle.y > 1.0:
                particle.vy = -particle.vy
                particle.hits += 1
    return out
