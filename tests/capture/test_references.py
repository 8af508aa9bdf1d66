"""Constants of compiled code, and when they can be read."""

from collections import OrderedDict
from enum import Enum
from types import SimpleNamespace

import numpy as np
import pytest
from numba import njit
from packageimage.capture.numba_references import dumps, needs_no_module
from packageimage.load.image import loads


class Colour(Enum):
    RED = 1


@njit
def named(x):
    return x


RECORD = np.dtype([("a", "i4"), ("b", [("c", "f8", (2,))])], align=True)
NEED_NONE = [
    np.dtype("f8"), np.dtype("complex64"), np.dtype("datetime64[ns]"), np.dtype("U3"), RECORD, None,
    1, 2.5, 3j, "text", b"bytes", (1, ("a", None)), [1], {"a": 1}, True, ValueError, int,
]  # fmt: skip
NEED_SOME = [
    OrderedDict, Colour.RED, Colour, SimpleNamespace(a=1), named, named.py_func, np.sum,
    np.arange(2), np.float64(1), (np.dtype("f8"), Colour),
]  # fmt: skip


@pytest.mark.parametrize("value", NEED_NONE, ids=lambda value: type(value).__name__)
def test_what_needs_no_module(value):
    constants = dumps([value])
    assert needs_no_module(constants)
    assert loads(constants) == [value]


@pytest.mark.parametrize("value", NEED_SOME, ids=lambda value: type(value).__name__)
def test_what_needs_one(value):
    assert not needs_no_module(dumps([value]))
