"""How classes are made again: without their metaclass, with their attributes set one by one."""

from __future__ import annotations

import _abc  # type: ignore[import-not-found]
import sys
from collections.abc import Callable
from types import (
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
)
from typing import Any

from .data_nodes import CannotRestore, Made, Step

_OWN = ("__dict__", "__weakref__")
_SIMPLE = (
    FunctionType, classmethod, staticmethod, property, type, str, bytes, int, float, bool,
    type(None), MemberDescriptorType, GetSetDescriptorType, MethodDescriptorType,
)  # fmt: skip
# Made anew with the class, or on demand.
_NOT_DATA = ("_abc_impl", "__annotations_cache__")


def check_class(cls: type) -> None:
    """CannotRestore for a class that its attributes do not make."""
    meta = type(cls)
    if (
        meta.__basicsize__ != type.__basicsize__
        or not meta.__module__
        or meta.__module__ == "_ctypes"
    ):
        raise CannotRestore(f"a class whose metaclass {meta.__qualname__} is not Python's")
    if any(isinstance(value, MethodDescriptorType) and value.__objclass__ is cls
           for value in vars(cls).values()):  # fmt: skip
        raise CannotRestore("a built-in class that its name does not find")


def class_node(cls: Any, constructor: Callable[[str], object]) -> Made:
    """A class by value."""
    check_class(cls)
    own = vars(cls)
    slots: list[str] | None = None
    if "__slots__" in own:
        slots = [name for name, value in own.items() if _is_slot(cls, value)]
        slots += [name for name in _OWN if isinstance(own.get(name), GetSetDescriptorType)]
    items = [
        (name, value)
        for name, value in own.items()
        if not _is_slot(cls, value)
        and not (name in _OWN and isinstance(value, GetSetDescriptorType))
        and name != "__annotations_cache__"
    ]
    module = own.get("__module__")
    names = tuple(name for name, _ in items)
    base_name = type.__dict__["__name__"].__get__(cls)
    made = Made(
        obj=cls,
        function=constructor("class_"),
        args=[
            (".__class__", type(cls)),
            ("", base_name),
            ("", type.__dict__["__qualname__"].__get__(cls)),
            (".__bases__", type.__dict__["__bases__"].__get__(cls)),
            (".__module__", module),
            ("", names),
            ("", tuple(sorted(slots)) if slots is not None else None),
            (".__orig_bases__", own.get("__orig_bases__")),
        ],
    )
    values = [
        (name, value)
        for name, value in items
        if value is not None
        and name not in _NOT_DATA
        and name not in ("__module__", "__qualname__")
    ]
    # Instances come last: what makes them may need the class's methods.
    first = [pair for pair in values if _is_simple(*pair)]
    rest = [pair for pair in values if not _is_simple(*pair)]
    for part in (first, rest):
        if part:
            made.steps.append(_members(part, constructor))
    registered = registered_with(cls) if "_abc_impl" in own else []
    if registered:
        parts = [("", constructor("register"))]
        parts += [(".<registered>", other) for other in registered]
        made.steps.append(Step("call", parts))
    return made


def _members(pairs: list[tuple[str, object]], constructor: Callable[[str], object]) -> Step:
    names = tuple(name for name, _ in pairs)
    parts = [("", constructor("members")), ("", names)]
    return Step("call", parts + [(f".{name}", value) for name, value in pairs])


def _is_slot(cls: type, value: object) -> bool:
    return isinstance(value, MemberDescriptorType) and value.__objclass__ is cls


def _is_simple(name: str, value: object) -> bool:
    return isinstance(value, _SIMPLE) or (name[:2] == "__" and name[-2:] == "__")


def registered_with(cls: type) -> list[type]:
    """The virtual subclasses of an ABC, in an order that addresses do not decide."""
    registry = _abc._get_dump(cls)[0]
    found = [alive for reference in registry if (alive := reference()) is not None]
    return sorted(found, key=lambda other: (other.__module__, other.__qualname__))


def solid_base(cls: type) -> type:
    """The class in C whose instances the class's are, `object` for most."""
    for base in cls.__mro__:
        if not base.__flags__ & (1 << 9):  # Py_TPFLAGS_HEAPTYPE
            return base
    return object


def is_loaded_instance(obj: object, module: str, name: str) -> bool:
    """Whether an object is an instance of a class of a module that may not be loaded."""
    found = getattr(sys.modules.get(module), name, None)
    return isinstance(found, type) and isinstance(obj, found)
