"""Package images for Python: native code for Numba packages, built once and loaded at once."""

__version__ = "0.1.0.dev0"
