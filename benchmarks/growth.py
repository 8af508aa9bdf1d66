"""How a quantity grows with the number of functions, and where it stops being linear. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

# A slope that has grown by less is called the same: caches get colder, a machine is never quiet.
TOLERANCE = 1.5

Points = Sequence[tuple[int, float]]  # functions and value, by rising number of functions


@dataclass(frozen=True)
class Bend:
    """Where a series stops being linear.

    functions: the smallest number at which it is seen; before, after: its slopes, a function;
    excess: by how much the value there is more than the line through those before gives.
    """

    series: str
    functions: int
    before: float
    after: float
    excess: float


def slopes(points: Points) -> list[float]:
    """What a further function costs, between each two neighbouring points."""
    return [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in pairwise(points)]


def bend(series: str, points: Points, floor: Mapping[int, float]) -> Bend | None:
    """The first point above the line through the first point and the one before it.

    It counts when the slope is `TOLERANCE` times that line's, and when what it is above the line is
    more than `floor` at that number of functions: what is lost in the whole is not looked for.
    """
    first = points[0]
    for previous, (functions, value) in pairwise(points[1:]):
        before = max(0.0, (previous[1] - first[1]) / (previous[0] - first[0]))
        after = (value - previous[1]) / (functions - previous[0])
        excess = (after - before) * (functions - previous[0])
        if after > before * TOLERANCE and excess > floor[functions]:
            return Bend(series, functions, before, after, excess)
    return None


def first_bend(series: Mapping[str, Points], floor: Mapping[int, float]) -> Bend | None:
    """Which series stops being linear first; of several at one place, the one that costs most."""
    found = [bend(name, points, floor) for name, points in series.items()]
    bends = [one for one in found if one]
    return min(bends, key=lambda one: (one.functions, -one.excess), default=None)
