"""What the other modules of this package share."""

import ctypes

import numpy as np
from numba import njit
from numba.extending import overload, register_jitable

OFFSET = 10.0
WEIGHTS = np.array([0.5, 0.25, 0.25])
LARGE = np.arange(200_000, dtype=np.float64)  # over 1 MB: Numba uses it in place
STRIDED = np.arange(20.0)[::2]  # not contiguous: in place too

_labs = ctypes.CDLL(None).labs
_labs.argtypes = [ctypes.c_long]
_labs.restype = ctypes.c_long
labs = _labs


@register_jitable
def shifted(x):
    return x + OFFSET


@njit(inline="always")
def tripled(x):
    return x * 3


def python_only(x):
    raise NotImplementedError


@overload(python_only)
def _python_only(x):
    def implementation(x):
        return x * 7

    return implementation
