"""A package of universal functions, callbacks and stencils, which are restored."""

from . import callbacks, general, stencils, ufuncs
from .general import spread
from .ufuncs import eager, lazy

__all__ = ["callbacks", "eager", "general", "lazy", "spread", "stencils", "ufuncs"]
table = {"lazy": lazy, "spread": spread, "callback": callbacks.half}
