"""Partitions are balanced, and an edit moves few functions."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageimage.capture.partitions import assign

units = st.dictionaries(st.text(min_size=1, max_size=8), st.integers(0, 10**6), max_size=60)


def package(count: int, seed: int = 0) -> dict[str, int]:
    """Units as real packages have them: most small, a few ten times as large."""
    chance = random.Random(seed)
    return {f"pkg.m{i % 30}:f{i}": int(chance.lognormvariate(8.5, 0.8)) for i in range(count)}


@given(units, st.integers(1, 8))
def test_every_unit_has_one_place_whatever_the_order(weights, count):
    places = assign(weights, count)
    assert places.keys() == weights.keys()
    assert set(places.values()) <= set(range(count))
    assert assign(dict(reversed(weights.items())), count) == places


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("functions", "count"), [(120, 4), (300, 8), (1000, 32)])
def test_balanced(functions, count, seed):
    weights = package(functions, seed)
    loads = [0] * count
    for unit, place in assign(weights, count).items():
        loads[place] += weights[unit]
    assert max(loads) < 2 * sum(loads) / count
    assert min(loads) > 0.4 * sum(loads) / count


@pytest.mark.parametrize("seed", range(20))
def test_an_added_function_moves_few(seed):
    weights = package(300)
    before = assign(weights, 8)
    after = assign({**weights, f"pkg.new:g{seed}": 5000}, 8)
    assert sum(before[unit] != after[unit] for unit in before) <= 2


@pytest.mark.parametrize("seed", range(20))
def test_an_edited_function_stays(seed):
    weights = package(300)
    before = assign(weights, 8)
    unit = random.Random(seed).choice(sorted(weights))
    after = assign(weights | {unit: int(weights[unit] * 1.05)}, 8)
    assert sum(before[other] != after[other] for other in before) <= 2


def test_one_that_is_larger_than_all_others_gets_a_place():
    places = assign({"huge": 10**9, **{f"small{i}": 10 for i in range(20)}}, 4)
    assert sum(place == places["huge"] for place in places.values()) == 1
