"""A package of universal functions for `target='parallel'`, restored as a whole."""

from .ufuncs import product, shifted

functions = [product, shifted]
