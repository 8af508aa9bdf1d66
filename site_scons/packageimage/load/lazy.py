"""Globals of restored modules that are objects of Numba, until Numba is imported."""

from __future__ import annotations

import importlib
from typing import Any


class Lazy:
    """A global of a restored module that is an object of Numba, until Numba is imported.

    Whatever is asked of it is asked of that object, which takes importing Numba; that also puts the
    object itself in the place of this one.
    """

    __slots__ = ("_module", "_qualname")

    def __init__(self, module: str, qualname: str) -> None:
        object.__setattr__(self, "_module", module)
        object.__setattr__(self, "_qualname", qualname)

    def _resolve(self) -> Any:
        found: Any = importlib.import_module(self._module)
        for part in filter(None, self._qualname.split(".")):
            found = getattr(found, part)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._resolve(), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._resolve(), name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._resolve()(*args, **kwargs)

    def __getitem__(self, key: Any) -> Any:
        return self._resolve()[key]

    def __eq__(self, other: object) -> bool:
        return bool(self._resolve() == (other._resolve() if isinstance(other, Lazy) else other))

    def __hash__(self) -> int:
        return hash(self._resolve())

    def __repr__(self) -> str:
        return repr(self._resolve())

    def __str__(self) -> str:
        return str(self._resolve())

    def __dir__(self) -> list[str]:
        return dir(self._resolve())

    def __iter__(self) -> Any:
        return iter(self._resolve())

    def __or__(self, other: Any) -> Any:
        return self._resolve() | other

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._resolve())

    def __subclasscheck__(self, subclass: type) -> bool:
        return issubclass(subclass, self._resolve())

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._resolve(),)

    def __reduce__(self) -> Any:
        return _resolved, (self._module, self._qualname)


def _resolved(module: str, qualname: str) -> Any:
    return Lazy(module, qualname)._resolve()


_waiting: list[tuple[dict[str, Any], str, Lazy, dict[str, Any]]] = []


def put(namespace: dict[str, Any], kept: dict[str, Any], name: str, lazy: Lazy) -> None:
    """Let `lazy` stand in a namespace, and among the values `kept` of it, until `resolve_all`."""
    namespace[name] = kept[name] = lazy
    _waiting.append((namespace, name, lazy, kept))


def resolve_all() -> None:
    """Numba is there: its objects take the places that nothing else has taken since."""
    while _waiting:
        namespace, name, lazy, kept = _waiting.pop()
        if namespace.get(name) is lazy:
            namespace[name] = kept[name] = lazy._resolve()
