"""What code means another type on Windows: it counts as a global that the function froze."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from numba import types
from packageimage.capture import numba_globals


def names_long(n):
    return np.zeros(n, np.long)


def says_long(n):
    return np.zeros(n, "l")


def draws():
    return np.random.zipf(2.0)


def adds(a):
    return a.sum()


def plain(n):
    return np.zeros(n, np.float64)


def test_attributes_of_numpy_that_are_cs_long():
    found = numba_globals.frozen_globals(names_long, numba_globals.names_in(names_long.__code__))
    assert ("numpy", "long") in {(module, name) for module, name, _ in found}
    found = numba_globals.frozen_globals(plain, numba_globals.names_in(plain.__code__))
    assert {(module, name) for module, name, _ in found} == {(__name__, "np")}


@pytest.mark.parametrize(("function", "of_system"), [(says_long, 1), (draws, 1), (plain, 0)])
def test_texts_that_mean_long(function, of_system):
    assert len(numba_globals.text_of_system(function.__code__)) == of_system


@pytest.mark.parametrize(
    ("version", "kind", "function", "of_system"),
    [
        ("1.26.4", types.int32[:], adds, 1),
        ("1.26.4", types.boolean[:], adds, 1),
        ("1.26.4", types.int64[:], adds, 0),
        ("1.26.4", types.int32[:], plain, 0),
        ("2.4.6", types.int32[:], adds, 0),
    ],
)
def test_sums_of_narrow_integers_before_numpy_2(monkeypatch, version, kind, function, of_system):
    monkeypatch.setattr(numba_globals.numpy, "__version__", version)
    descriptor = SimpleNamespace(argtypes=(kind,), typemap={})
    assert len(numba_globals.types_of_system(descriptor, function)) == of_system
