"""A package of all kinds of objects."""
# ruff: noqa

__version__ = "1.2"
__all__ = ["functions", "answer"]

from . import functions, classes, standard, arrays, registry, plugin, sharing  # noqa: I001
from .functions import simple

answer = 42
early = functions.counter  # an object of a submodule


def __getattr__(name):
    if name == "made_on_demand":
        return "made"
    raise AttributeError(name)


def __dir__():
    return ["answer", "made_on_demand"]
