"""Whether some of many places lie in some of many ranges, in a time that a file cannot blow up."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable


def any_inside(places: Iterable[int], ranges: Iterable[tuple[int, int]]) -> bool:
    """Whether a place lies in a range, each given by its start and its size."""
    ascending = sorted(places)
    for start, size in ranges:
        first = bisect_left(ascending, start)
        if first < len(ascending) and ascending[first] < start + size:
            return True
    return False
