"""Numba's dispatchers as data: what an image keeps of each, so that it is restored without Numba.

One of the modules that use Numba's private interfaces, as `capture.numba_bridge` is.
"""

from __future__ import annotations

import gc
import marshal
import sys
import types as python_types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from numba import njit
from numba.core import compiler, dispatcher, types
from numba.core.registry import CPUDispatcher
from numba.experimental.jitclass import base as jitclass
from numba.np import numpy_support
from numba.np.ufunc import dufunc, gufunc
from numba.stencils.stencil import StencilFunc

from ..model import package_data
from ..model.method_key import (
    Unkeyable,
    dispatcher_options,
    function_key,
    key_of,
    lives_in_its_module,
)
from ..model.type_spec import OMITTED, Spec
from . import numba_bridge
from .captured import CapturedMethod
from .data import SPECIAL, CannotRestore
from .data_code import marshalled

Entry = tuple[int, int]
"""Partition, and place in it, of an entry."""

# References that only Numba can make sense of.
_NUMBAS_REFERENCES = ("pkgimage.ref.function", "pkgimage.ref.jitclass")
_OF_NUMBA = {
    dufunc.DUFunc: "a universal function of Numba",
    gufunc.GUFunc: "a generalised universal function of Numba",
    StencilFunc: "a stencil of Numba",
    jitclass.JitClassType: "a class that Numba compiles",
    dispatcher.LiftedCode: "a part of a function that Numba has compiled",
    numba_bridge.ccallback.CFunc: "a C callback of Numba",
}


class FunctionTable:
    """The dispatchers of the modules that are restored, by module and number."""

    def __init__(self, modules: Iterable[str]) -> None:
        self.modules = frozenset(modules)
        self.dispatchers: dict[str, list[Any]] = {name: [] for name in sorted(self.modules)}
        self._numbers: dict[int, tuple[str, int]] = {}
        self._declared: dict[int, list[tuple[Any, Any]]] = {}
        self._owners: dict[int, Any] = {}  # the dispatcher that a Python function comes from
        for found in gc.get_objects():
            if isinstance(found, CPUDispatcher) and found.py_func.__module__ in self.modules:
                self._owners.setdefault(id(found.py_func), found)

    def special(self, value: object) -> tuple[Any, ...] | None:
        """How a dispatcher, or the function that it was made of, is pickled.

        Raises CannotRestore for what Numba makes of functions otherwise.
        """
        if type(value) is CPUDispatcher:
            return self._dispatcher(value)
        if type(value) is python_types.FunctionType:
            owner = self._owners.get(id(value))
            return None if owner is None else (SPECIAL, ("py_func", owner))
        for kind, what in _OF_NUMBA.items():
            if isinstance(value, kind) and self._is_own(value):
                raise CannotRestore(what)
        return None

    def _is_own(self, value: object) -> bool:
        """Whether no other package can be asked for it."""
        module = getattr(value, "__dict__", {}).get("__module__")
        return not isinstance(module, str) or module in self.modules

    def _dispatcher(self, found: Any) -> tuple[Any, ...] | None:
        function = found.py_func
        module = function.__module__
        if module not in self.modules:
            return None
        if not lives_in_its_module(function):
            raise CannotRestore("a compiled function with globals of its own")
        if found._compiler.pipeline_class is not compiler.Compiler:
            raise CannotRestore("a function with a compiler pipeline of its own")
        try:
            marshal.dumps(dict(found.targetoptions), package_data.MARSHAL_VERSION)
        except ValueError:
            raise CannotRestore("a function with options that are objects") from None
        changed = _changed_attribute(found)
        if changed:
            raise CannotRestore(f"a compiled function whose attribute {changed} was set")
        if id(found) not in self._numbers:
            table = self.dispatchers[module]
            self._numbers[id(found)] = module, len(table)
            table.append(found)
            self._declared[id(found)] = [
                (tuple(args), result.signature.return_type)
                for args, result in found.overloads.items()
            ]
        attributes = {k: v for k, v in vars(function).items() if k != "__wrapped__"}
        owner = self._owners.get(id(function), found)
        parts = (
            function.__kwdefaults__,
            function.__closure__,
            function.__annotations__ or None,
            attributes or None,
            None if owner is found else function,
        )
        arguments = ("dispatcher", *self._numbers[id(found)], function.__defaults__)
        if all(part is None for part in parts):
            return SPECIAL, arguments
        return SPECIAL, arguments, parts, None, None, SPECIAL

    # -- tables --------------------------------------------------------------------------------

    def table(
        self,
        module: str,
        methods: Mapping[str, CapturedMethod],
        position: Callable[[str], Entry],
    ) -> bytes:
        """The functions of a module, see `load.dispatchers.Function`.

        `position` gives the place of an entry's symbol.
        """
        return package_data.dumps(
            [self._head(found, methods, position) for found in self.dispatchers[module]]
        )

    def _head(
        self,
        found: Any,
        methods: Mapping[str, CapturedMethod],
        position: Callable[[str], Entry],
    ) -> tuple[Any, ...]:
        function = found.py_func
        signature = found._compiler.pysig
        names = tuple(signature.parameters)
        takes_rest = any(p.kind == p.VAR_POSITIONAL for p in signature.parameters.values())
        declared, early = [], set()
        for args, return_type in self._declared[id(found)]:
            key, with_return = _captured_key(found, args, return_type, methods)
            declared.append((args, return_type if key and with_return else None))
            early.add(key)
        # Not by what this dispatcher has compiled: what an earlier capture answered for a caller
        # has compiled nothing.
        own = function_key(function, dispatcher_options(found))
        rows = [
            (method.specs, _row(method, position, key in early), key, key in early)
            for key, method in sorted(methods.items())
            if method.function == own
        ]
        calls = bool(found._can_compile), rows
        details = (
            marshalled([function.__code__], with_file=False),
            dict(found.targetoptions),
            bool(getattr(found, "_pkgimage_caches", False)),
            numba_bridge.dumps(declared) if declared else None,
            numba_bridge.dumps(found.locals) if found.locals else None,
        )
        return (
            function.__name__,
            function.__qualname__,
            names,
            takes_rest,
            not found.targetoptions.get("nopython", False),
            package_data.dumps(calls),
            package_data.dumps(details),
        )


_OF_DISPATCHERS = frozenset(vars(njit(lambda: None)))
_OF_FUNCTIONS = ("__doc__", "__module__", "__name__", "__qualname__")


def _changed_attribute(found: Any) -> str | None:
    """An attribute that was set on a dispatcher and neither Numba's nor its function's."""
    function, own = found.py_func, vars(found)
    for name in sorted(own):
        if name in _OF_FUNCTIONS:
            same = own[name] == getattr(function, name)
        else:
            same = name.startswith("_") or name in _OF_DISPATCHERS
            same = same or own[name] is vars(function).get(name, own)
        if not same:
            return str(name)
    return None


def _captured_key(
    found: Any, args: tuple[Any, ...], return_type: Any, methods: Mapping[str, CapturedMethod]
) -> tuple[str, bool]:
    """The key of a specialisation that is in the capture, and whether its return type was declared;
    "" when it is in none."""
    options = dispatcher_options(found)
    for declared in (None, return_type):
        try:
            key = key_of("function", found.py_func, options, "", args, declared)
        except Unkeyable:
            return "", False
        if key in methods:
            return key, declared is not None
    return "", False


def _row(
    method: CapturedMethod, position: Callable[[str], Entry], early: bool
) -> tuple[Any, ...] | None:
    """What the loader needs to run a method without Numba; None for one that needs Numba.

    early: it was compiled while the package was imported, so it has frozen what globals were then,
    whatever they are when it is called.
    """
    row = method.row
    init = [tuple(item) for item in row["init"]]
    if (
        method.specs is None
        or "cpython" not in method.roles
        or row["environment"] is None
        or any(item != numba_bridge.THREAD_INIT for item in init)
        or any(name.startswith(_NUMBAS_REFERENCES) for name in row["references"])
    ):
        return None
    environments = [
        (slot, module, None if blob is None else method.blobs[blob])
        for slot, module, blob in row["environments"]
    ]
    return (
        tuple(position(method.roles["cpython"][1])),
        row["environment"],
        tuple(environments),
        tuple(row["references"]),
        () if early else tuple(map(tuple, row["globals"])),
        bool(init),
        row["qualname"],
        row["module"],
    )


def specs_of(kinds: Iterable[Any]) -> tuple[Spec, ...] | None:
    """The specs of a call's arguments, None where one has none."""
    specs = tuple(map(spec_of_type, kinds))
    return None if None in specs else specs


def spec_of_type(kind: Any) -> Spec | None:
    """The spec of a Numba type (`model.type_spec`), None for one that has none."""
    if isinstance(kind, types.Literal):
        return None
    if isinstance(kind, types.Boolean):
        return "b1"
    if isinstance(kind, types.Integer):
        return f"{'i' if kind.signed else 'u'}{kind.bitwidth // 8}"
    if isinstance(kind, types.Float | types.Complex):
        return f"{'f' if isinstance(kind, types.Float) else 'c'}{kind.bitwidth // 8}"
    if isinstance(kind, types.NPDatetime | types.NPTimedelta):
        return str(numpy_support.as_dtype(kind).str[1:])
    if isinstance(kind, types.UnicodeCharSeq | types.CharSeq):
        return f"{'U' if isinstance(kind, types.UnicodeCharSeq) else 'S'}{kind.count}"
    if isinstance(kind, types.Omitted):
        return OMITTED
    if kind == types.none:
        return "none"
    if kind == types.unicode_type:
        return "str"
    if type(kind) is types.Bytes:
        plain = kind.ndim == 1 and kind.layout == "C" and not kind.mutable
        return "bytes" if plain and kind.dtype == types.uint8 else None
    return _spec_of_compound(kind)


def _spec_of_compound(kind: Any) -> Spec | None:
    if type(kind) is types.Optional:
        inner = spec_of_type(kind.type)
        return None if inner is None else ("optional", inner)
    if type(kind) is types.Array:
        item = spec_of_type(kind.dtype)
        if item is None:
            return None
        return ("array", item, kind.ndim, kind.layout, kind.mutable, kind.aligned)
    if type(kind) in (types.Tuple, types.UniTuple):
        items = tuple(map(spec_of_type, kind))
        return None if None in items else ("tuple", *items)
    if type(kind) in (types.NamedTuple, types.NamedUniTuple):
        items = tuple(map(spec_of_type, kind))
        if None in items or not _is_found_by_name(kind.instance_class):
            return None
        return ("named", *_name_of(kind.instance_class), tuple(kind.fields), *items)
    if type(kind) in (types.EnumMember, types.IntEnumMember):
        item = spec_of_type(kind.dtype)
        if not isinstance(item, str) or not _is_found_by_name(kind.instance_class):
            return None
        return ("enum", *_name_of(kind.instance_class), item)
    if type(kind) is types.Record:
        return _spec_of_record(kind)
    return None


def _name_of(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__


def _is_found_by_name(cls: type) -> bool:
    """Whether the loader will find a class by its name."""
    found: Any = sys.modules.get(cls.__module__)
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is cls


def _spec_of_record(kind: Any) -> Spec | None:
    specs = []
    for field in kind.fields.values():
        item = None if field.title is not None else spec_of_type(field.type)
        if item is None:
            return None
        specs.append(item)
    offsets = tuple(field.offset for field in kind.fields.values())
    return ("record", tuple(kind.fields), tuple(specs), offsets, kind.size, bool(kind.aligned))
