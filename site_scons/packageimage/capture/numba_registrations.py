"""Which modules tell Numba something while their sources run: overloads, intrinsics, types, models
and whatever else extends it (`numba.extending`).

A process that restored such a module would not tell Numba, and could compile nothing that needs it.
It is read off Numba's own registries, in which every way of telling ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from numba.core import compiler_machinery, imputils, pythonapi, types
from numba.core.datamodel import default_manager
from numba.core.rewrites import rewrite_registry
from numba.core.typing import cffi_utils, templates
from numba.core.typing.asnumbatype import as_numba_type
from numba.core.typing.typeof import typeof_impl

# Where `DUFunc` defines what it registers for each universal function, which is restored with it.
_OF_UFUNCS = "numba.np.ufunc.dufunc"


class Registration(NamedTuple):
    """One thing that Numba was told: the module and the name of what says it, a function or a class
    as a rule; nothing where that has no names."""

    module: str
    qualname: str

    @property
    def path(self) -> str:
        return f"{self.module}.{self.qualname}".strip(".")


class Watch:
    """What each module tells Numba, while sources run within each other."""

    def __init__(self) -> None:
        self._found: dict[str, list[Registration]] = {}
        self._running: list[str] = []
        self._before = _contents()

    def begin(self, module: str) -> None:
        """The source of a module is about to run; "": what counts for none."""
        self._settle()
        self._running.append(module)

    def end(self) -> None:
        """The one that has begun last is finished, or has raised."""
        self._settle()
        self._running.pop()

    def _settle(self) -> None:
        if self._running:
            self._found.setdefault(self._running[-1], []).extend(_since(self._before))
        self._before = _contents()

    def paths(self, package: str) -> dict[str, str]:
        """The modules of a package that have told something, each with the path to the first thing
        that the package defines, or with its own name."""
        paths = {}
        for module, found in self._found.items():
            if found and _is_of(module, package):
                own = [one.path for one in found if _is_of(one.module, package)]
                paths[module] = own[0] if own else module
        return paths


def _is_of(module: str, package: str) -> bool:
    return module.partition(".")[0] == package


_Contents = tuple[tuple[int, ...], tuple[dict[Any, Any], ...]]


def _contents() -> _Contents:
    """What Numba has been told until now: the lengths of its lists, its tables."""
    return tuple(map(len, _lists())), tuple(map(dict, _tables()))


def _since(before: _Contents) -> list[Registration]:
    """What Numba was told after that, and is not told anew by what makes restored objects."""
    lengths, tables = before
    found = []
    for length, items in zip(lengths, _lists(), strict=True):
        found += [one for one in map(_of_item, items[length:]) if one.module != _OF_UFUNCS]
    for known, table in zip(tables, _tables(), strict=True):
        for key, value in table.items():
            of_jitclass = isinstance(value, types.ClassInstanceType)
            if known.get(key) is not value and not of_jitclass:
                found.append(_named(value, key))
    return found


def _lists() -> Iterator[list[Any]]:
    typing, lowering = templates.builtin_registry, imputils.builtin_registry
    yield from (typing.functions, typing.attributes, typing.globals)
    yield from (lowering.functions, lowering.getattrs, lowering.setattrs)
    yield from (lowering.casts, lowering.constants)
    yield as_numba_type.functions
    for kind in sorted(rewrite_registry._kinds):
        yield rewrite_registry.rewrites[kind]


def _tables() -> Iterator[Mapping[Any, Any]]:
    yield typeof_impl.registry
    for registry in (pythonapi._boxers, pythonapi._unboxers, pythonapi._reflectors):
        yield registry.functions
    yield default_manager._handlers
    yield as_numba_type.lookup  # of jitclasses too
    yield cffi_utils._ool_func_types
    yield compiler_machinery._pass_registry._registry


def _of_item(item: Any) -> Registration:
    """Of what a registry's list holds: a template, or (value or implementation, ...)."""
    if isinstance(item, tuple):
        return _named(*item)
    for attribute in ("_overload_func", "_definition_func"):
        function = getattr(item, attribute, None)
        if function is not None:
            return _named(function)
    return _named(item)


def _named(*things: Any) -> Registration:
    """The first of these that has names, one that is not Numba's where there is one: what a helper
    of Numba's has registered is about something."""
    names = list(_names(things))
    others = [one for one in names if not _is_of(one.module, "numba")]
    return (others or names or [Registration("", "")])[0]


def _names(things: tuple[Any, ...]) -> Iterator[Registration]:
    for thing in things:
        if isinstance(thing, tuple):
            yield from _names(thing)
            continue
        module, qualname = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
        if isinstance(module, str) and isinstance(qualname, str):
            yield Registration(module, qualname)
