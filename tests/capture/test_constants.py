"""Constants of compiled code, and which of them functions may share."""

from collections import OrderedDict
from enum import Enum
from types import SimpleNamespace

import numpy as np
import pytest
from numba import njit
from packageimage.capture.numba_references import can_be_shared, dumps
from packageimage.load.image import loads


class Colour(Enum):
    RED = 1


@njit
def named(x):
    return x


RECORD = np.dtype([("a", "i4"), ("b", [("c", "f8", (2,))])], align=True)
SHARED = [
    np.dtype("f8"), np.dtype("complex64"), np.dtype("datetime64[ns]"), np.dtype("U3"), None, 1, 2.5,
    np.dtype(("f8", (2,))), 3j, "text", b"bytes", (1, ("a", None)), True, ValueError, int,
]  # fmt: skip
OWN = [
    OrderedDict, Colour.RED, Colour, SimpleNamespace(a=1), named, named.py_func, np.sum,
    np.arange(2), np.float64(1), [1], {"a": 1}, ([1],), RECORD, np.dtype((RECORD, (2,))), {1},
    (np.dtype("f8"), Colour),
]  # fmt: skip


@pytest.mark.parametrize("value", SHARED, ids=lambda value: type(value).__name__)
def test_what_can_be_shared(value):
    constants = dumps([value])
    assert can_be_shared(constants)
    assert loads(constants) == [value]


@pytest.mark.parametrize("value", OWN, ids=lambda value: type(value).__name__)
def test_what_may_not(value):
    assert not can_be_shared(dumps([value]))
