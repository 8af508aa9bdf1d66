"""A package whose modules are restored: what each holds is compared with a plain import."""

from . import calls, held, kinds
from .calls import scaled, total
from .kinds import Grade, Point

__all__ = ["Grade", "Point", "calls", "held", "kinds", "scaled", "total"]
__version__ = "1.2"


def __getattr__(name):
    if name == "answer":
        return 42
    raise AttributeError(name)
