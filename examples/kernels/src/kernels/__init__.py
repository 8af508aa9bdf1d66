"""A small package of compiled functions: one of each kind that Numba offers.

The modules import each other, some signatures are explicit and some are lazy, as in real packages.
"""

from kernels.elementwise import clip_soft, hypot3, window_mean
from kernels.integrate import gaussian, trapezoid, trapezoid_of
from kernels.order import Unsorted, find_sorted, mode_of, shell_sort
from kernels.recursion import ackermann, is_even, primes_below
from kernels.smooth import diffuse, edge_energy
from kernels.sums import moments, running_total, total_parallel
from kernels.text import count_words, slug

__all__ = [
    "Unsorted",
    "ackermann",
    "clip_soft",
    "count_words",
    "diffuse",
    "edge_energy",
    "find_sorted",
    "gaussian",
    "hypot3",
    "is_even",
    "mode_of",
    "moments",
    "primes_below",
    "running_total",
    "shell_sort",
    "slug",
    "total_parallel",
    "trapezoid",
    "trapezoid_of",
    "window_mean",
]
