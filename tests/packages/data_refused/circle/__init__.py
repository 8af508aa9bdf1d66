"""Is taken from while it is imported, by a module whose source must run."""

NUMBER = 1

from . import taker  # noqa: E402, F401

LATER = 2
