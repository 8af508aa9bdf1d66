"""Sorting and searching; errors of compiled code; a typed dictionary."""

import numpy as np
from numba import njit, types
from numba.typed import Dict


class Unsorted(ValueError):
    """Raised by `find_sorted` when two neighbours are in the wrong order."""


@njit("int64[:](int64[:])")
def shell_sort(values):
    """A sorted copy (Ciura's gaps)."""
    out = values.copy()
    for gap in (701, 301, 132, 57, 23, 10, 4, 1):
        for i in range(gap, len(out)):
            value = out[i]
            j = i
            while j >= gap and out[j - gap] > value:
                out[j] = out[j - gap]
                j -= gap
            out[j] = value
    return out


@njit
def find_sorted(values, wanted):
    """Index of `wanted` in a sorted array, or -1.

    Raises Unsorted, with the place, when the search meets a pair in the wrong order.
    """
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        if middle and values[middle - 1] > values[middle]:
            raise Unsorted("not sorted at", middle)
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low if low < len(values) and values[low] == wanted else -1


@njit
def mode_of(values):
    """The most frequent value; of equally frequent ones the smallest."""
    counts = Dict.empty(types.int64, types.int64)
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    best = np.int64(0)
    most = 0
    for value, count in counts.items():
        if count > most or (count == most and value < best):
            best, most = value, count
    return best, most
