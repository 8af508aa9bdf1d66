"""Which partition each function goes to, so that an edit recompiles one partition and few move.

The rule. A *unit* is what must stay together: a module's outermost function with all that is
defined in it, or the functions that call each other in a circle. Each unit ranks the partitions by
a hash of both names (rendezvous hashing) and takes the first that still has room. Heavier units
choose first, and a partition has room up to half above the average. Weights and that limit
are rounded to powers of two and of the fourth root of two: so an edited or added function changes
the places of others only when it carries the sum over a step.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

_SLACK = 1.5
_STEPS_PER_DOUBLING = 4


def assign(weights: Mapping[str, int], count: int) -> dict[str, int]:
    """The partition, from 0 to `count` - 1, of each unit; `weights` in bytes of bitcode."""
    if count == 1:
        return dict.fromkeys(weights, 0)
    coarse = {unit: 1 << max(weight, 1).bit_length() - 1 for unit, weight in weights.items()}
    room = _rounded_up(sum(coarse.values()) / count * _SLACK)
    loads = [0] * count
    places = {}
    for unit in sorted(coarse, key=lambda unit: (-coarse[unit], _hash(unit))):
        ranked = sorted(range(count), key=lambda partition: _hash(f"{partition} {unit}"))
        fitting = [place for place in ranked if loads[place] + coarse[unit] <= room]
        place = fitting[0] if fitting else min(ranked, key=lambda place: loads[place])
        loads[place] += coarse[unit]
        places[unit] = place
    return places


def _rounded_up(value: float) -> int:
    step = math.ceil(math.log2(max(value, 1.0)) * _STEPS_PER_DOUBLING)
    return math.ceil(2 ** (step / _STEPS_PER_DOUBLING))


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
