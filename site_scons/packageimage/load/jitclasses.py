"""Jitclasses, restored without Numba until one is used: then Numba makes it again.

Its instances are Numba's, so that there is nothing that it could do without. But its module, and
those that take it from there, need not run from source.
"""

from __future__ import annotations

from typing import Any

from . import callables, dispatchers
from .callables import PART, Part
from .numba_extensions import Extensions


class JitClassPart(Part):
    """head: (name, doc, names of static methods); fields: the pickle of their types."""

    @property
    def fields(self) -> bytes:
        return self._body  # type: ignore[no-any-return]


class JitClassType(type):
    """What stands for Numba's metaclass of this name until Numba is imported."""

    def __new__(cls, name: str, bases: tuple[Any, ...], namespace: dict[str, Any]) -> Any:
        # A subclass, which Numba refuses.
        for base in bases:
            if isinstance(base, JitClassType):
                callables.become_numbas(base)
        return type(bases[0])(name, bases, namespace)

    @staticmethod
    def new(part: JitClassPart) -> Any:
        name, text, static = part.head
        namespace: dict[str, Any] = {each: _Static(each) for each in static}
        namespace.update(__doc__=text, __module__=part.py_func.__module__)
        return type.__new__(JitClassType, name, (part.py_func,), namespace)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        callables.become_numbas(cls)
        return cls(*args, **kwargs)

    def __instancecheck__(cls, instance: object) -> bool:
        return PART not in vars(cls) and isinstance(instance, cls)

    def __getattr__(cls, name: str) -> Any:
        part = vars(cls).get(PART)
        if part is None or name in ("class_type", "_ctor", "_ctor_sig", "_set_init"):
            if part is not None:
                _become(cls, part)
            return getattr(cls, name)
        raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")


class _Static:
    """A static method that Numba has compiled."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: Any) -> Any:
        callables.become_numbas(owner)
        return getattr(owner, self._name)


def _become(cls: Any, part: JitClassPart) -> None:
    import numba  # noqa: F401

    if PART in vars(cls):  # another class that becomes Numba's has it among its fields
        from . import numba_callables

        numba_callables.give_classes([(cls, part)])


def class_for(kind: str, native: Extensions) -> Any:
    """The metaclass of restored jitclasses."""
    dispatchers.classes.add(JitClassType)
    return JitClassType


def part_for(kind: str) -> Any:
    return JitClassPart


def initialise(found: Any, part: Any) -> None:
    """Its body is the Python class's, which it derives from."""
