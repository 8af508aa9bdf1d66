"""A package of universal functions, callbacks and stencils, which are restored."""

from . import callbacks, classes, general, stencils, ufuncs, users
from .general import spread
from .ufuncs import eager, lazy

__all__ = [
    "callbacks", "classes", "eager", "general", "lazy", "spread", "stencils", "ufuncs", "users",
]  # fmt: skip
table = {"lazy": lazy, "spread": spread, "callback": callbacks.half}
