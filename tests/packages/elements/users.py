"""A module that takes names from one with jitclasses."""

from numba import njit

from .classes import Counter, plain


@njit
def through(x):
    return plain(x) * 2


def start(value):
    return Counter(value)
