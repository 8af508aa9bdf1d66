"""Callees in another module, one of them inlined by Numba itself."""

from numba import njit
from numba.extending import register_jitable


@njit
def plain_callee(x):
    if x > 2:
        raise ValueError("callee")
    return x


@njit(inline="always")
def inlined(x):
    if x > 2:
        raise ValueError("inlined")
    return x


@register_jitable
def raising_jitable(x):
    if x > 2:
        raise ValueError("jitable")
    return x
