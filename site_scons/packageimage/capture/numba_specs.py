"""Specs (`model.type_spec`) of Numba's types; `load.numba_types` goes the other way."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from numba.core import types
from numba.np import numpy_support

from ..model.method_key import Unkeyable, dispatcher_text, short_digest
from ..model.type_spec import OMITTED, Spec


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
    if type(kind) is types.Dispatcher:
        try:
            return ("function", short_digest(dispatcher_text(kind.dispatcher).encode()))
        except Unkeyable:
            return None
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
