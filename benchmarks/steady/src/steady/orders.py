"""Sorting, searching, counting, text."""

import numpy as np
from numba import njit, types
from numba.typed import Dict


@njit
def sort(values):
    """Numba's own quicksort, compiled into its caller."""
    return np.sort(values)


@njit
def heap_sort(values):
    out = values.copy()
    size = len(out)
    for start in range(size // 2 - 1, -1, -1):
        _sift(out, start, size)
    for end in range(size - 1, 0, -1):
        out[0], out[end] = out[end], out[0]
        _sift(out, 0, end)
    return out


@njit
def _sift(out, root, end):
    while True:
        child = 2 * root + 1
        if child >= end:
            break
        if child + 1 < end and out[child] < out[child + 1]:
            child += 1
        if out[root] >= out[child]:
            break
        out[root], out[child] = out[child], out[root]
        root = child


@njit
def search(ordered, wanted):
    """Binary searches: loads at places that are not known ahead."""
    found = np.empty(len(wanted), dtype=np.int64)
    for i in range(len(wanted)):
        low, high = 0, len(ordered)
        while low < high:
            middle = (low + high) >> 1
            if ordered[middle] < wanted[i]:
                low = middle + 1
            else:
                high = middle
        found[i] = low
    return found


@njit
def histogram(values, bins):
    counts = np.zeros(bins, dtype=np.int64)
    for value in values:
        counts[min(bins - 1, int(value * bins))] += 1
    return counts


@njit
def count_keys(keys):
    """A typed dictionary from integers to integers."""
    counts = Dict.empty(types.int64, types.int64)
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
    return len(counts), counts[keys[0]]


@njit
def edit_distance(a, b):
    """Levenshtein's distance of two strings."""
    row = np.arange(len(b) + 1)
    for i in range(len(a)):
        corner = row[0]
        row[0] = i + 1
        for j in range(len(b)):
            step = min(row[j + 1] + 1, row[j] + 1, corner + (a[i] != b[j]))
            corner = row[j + 1]
            row[j + 1] = step
    return row[-1]


@njit
def count_words(text):
    """Words of a text: strings that are made, hashed and compared."""
    counts = Dict.empty(types.unicode_type, types.int64)
    for word in text.split(" "):
        counts[word] = counts.get(word, 0) + 1
    longest = ""
    for word in counts:
        if len(word) > len(longest):
            longest = word
    return longest, len(counts)
