"""Reductions: one pass, compensated, and in parallel."""

import numpy as np
from numba import njit, prange


@njit
def running_total(values):
    """Sum with Kahan's compensation, so that the order of magnitudes does not matter."""
    total = 0.0
    lost = 0.0
    for value in values.flat:
        term = value - lost
        grown = total + term
        lost = (grown - total) - term
        total = grown
    return total


@njit
def moments(values):
    """Mean, variance and the number of values, in one pass (Welford)."""
    count = 0
    mean = 0.0
    squares = 0.0
    for value in values.flat:
        count += 1
        step = value - mean
        mean += step / count
        squares += step * (value - mean)
    return mean, squares / count if count else 0.0, count


@njit(parallel=True)
def total_parallel(rows):
    """Sum of each row's compensated sum, rows shared among the threads."""
    totals = np.empty(rows.shape[0])
    for i in prange(rows.shape[0]):
        totals[i] = running_total(rows[i])
    return running_total(totals)
