"""Names for objects whose address Numba would bake into the code.

A function may use a module's array, C function pointer, jitclass or callback by address.  In an
image that address becomes a slot whose name says where the loader finds the object again:
``pkgimage.ref.KIND:MODULE:NAME``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any


class UnnamedObject(LookupError):
    """The object has no name that another process could look up."""


def find_object(functions: Iterable[FunctionType], wanted: object) -> str:
    """``MODULE:NAME`` of an object among the globals of the functions being compiled."""
    for module, name, value in _candidates(functions):
        if value is wanted:
            return f"{module}:{name}"
    raise UnnamedObject("it has no name at module level")


def find_address(
    functions: Iterable[FunctionType],
    address: int,
    function_address: Callable[[object], int | None],
) -> str:
    """The slot name for an address: an object's own, or that of the C function it stands for.

    `function_address` tells the address of the C function behind a global, as Numba takes it.
    """
    for module, name, value in _candidates(functions):
        if id(value) == address:
            return f"pkgimage.ref.object:{module}:{name}"
        if function_address(value) == address:
            return f"pkgimage.ref.function:{module}:{name}"
    raise UnnamedObject("it has no name at module level")


def _candidates(functions: Iterable[FunctionType]) -> Iterator[tuple[str, str, object]]:
    seen: set[int] = set()
    for function in functions:
        namespace = function.__globals__
        if id(namespace) in seen or not _is_module_namespace(namespace):
            continue
        seen.add(id(namespace))
        yield from _in_namespace(namespace["__name__"], namespace)
        for value in list(namespace.values()):
            if isinstance(value, ModuleType) and id(vars(value)) not in seen:
                seen.add(id(vars(value)))
                yield from _in_namespace(value.__name__, vars(value))


def _is_module_namespace(namespace: dict[str, Any]) -> bool:
    module = sys.modules.get(namespace.get("__name__", ""))
    return module is not None and vars(module) is namespace


def _in_namespace(module: str, namespace: dict[str, Any]) -> Iterator[tuple[str, str, object]]:
    for name in sorted(namespace):
        yield module, name, namespace[name]
