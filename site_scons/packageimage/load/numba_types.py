"""Numba's types from specs (`model.type_spec`); `capture.numba_dispatchers` goes the other way.

Imported with Numba only.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy
from numba.core import types
from numba.core.typing.typeof import typeof
from numba.np import numpy_support

from ..model.type_spec import OMITTED, Spec
from . import dispatchers

_PLAIN = {"none": types.none, "str": types.unicode_type}


def types_of(specs: Sequence[Spec], defaults: Sequence[Any]) -> tuple[Any, ...]:
    """The types of a call's arguments. defaults: of the last ones, for those left out."""
    first = len(specs) - len(defaults)
    return tuple(
        types.Omitted(defaults[at - first]) if spec == OMITTED else type_of(spec)
        for at, spec in enumerate(specs)
    )


def type_of(spec: Spec) -> Any:
    """The type with this spec."""
    if isinstance(spec, str):
        if spec == "bytes":
            return typeof(b"")
        return _PLAIN.get(spec) or numpy_support.from_dtype(numpy.dtype(spec))
    kind, *rest = spec
    if kind == "array":
        item, dimensions, layout, mutable, aligned = rest
        return types.Array(type_of(item), dimensions, layout, readonly=not mutable, aligned=aligned)
    if kind == "tuple":
        return types.Tuple(tuple(map(type_of, rest)))
    if kind == "named":
        module, name, _, *items = rest
        return types.BaseTuple.from_types([*map(type_of, items)], _class_named(module, name))
    if kind == "enum":
        return typeof(_class_named(*rest[:2])).member_type
    if kind == "function":
        return types.Dispatcher(dispatchers.as_argument[rest[0]])
    if kind == "optional":
        return types.Optional(type_of(*rest))
    return numpy_support.from_dtype(_dtype_of(spec))


def _class_named(module: str, qualname: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


def _dtype_of(spec: Spec) -> Any:
    if isinstance(spec, str):
        return numpy.dtype(spec)
    _, names, specs, offsets, size, aligned = spec
    fields: Any = {
        "names": list(names), "formats": [*map(_dtype_of, specs)], "offsets": list(offsets),
        "itemsize": size,
    }  # fmt: skip
    return numpy.dtype(fields, align=aligned)
