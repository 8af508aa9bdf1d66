"""How a function of Numba's gives way to one of ours that calls it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


def replace(owner: Any, name: str, make: Callable[[Callable], Callable]) -> None:
    """Put what `make` makes of a function in its place, under its own name."""
    original = getattr(owner, name)
    setattr(owner, name, functools.wraps(original)(make(original)))
