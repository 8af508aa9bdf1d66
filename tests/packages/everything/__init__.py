"""One of each kind of function that Numba compiles, for the tests of capture and load."""

from . import classes, functions, helpers, ufuncs

__all__ = ["classes", "functions", "helpers", "ufuncs"]
