"""The specs of what is seldom an argument (`argument_types`): dispatchers, named tuples, members of
enumerations, NumPy's scalars, subclasses of its arrays, records."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .argument_types import spec_of, spec_of_array, spec_of_dtype

if TYPE_CHECKING:
    from ..model.type_spec import Spec

_ENUMERATIONS: dict[type, Spec | None] = {}
_CLASSES: dict[tuple[str, str], type] = {}


def spec_of_other(value: Any, numpy: Any) -> Spec | None:
    """`argument_types.spec_of` such a value."""
    kind = type(value)
    if kind.__name__ == "CPUDispatcher" and "_pkgimage_function" in vars(value):
        return vars(value)["_pkgimage_function"].spec_of(value)
    if hasattr(value, "_numba_type_"):
        return None
    if isinstance(value, tuple):
        return _of_named_tuple(value)
    if type(kind).__name__ == "EnumType" or type(kind).__name__ == "EnumMeta":
        return _of_member(value)
    if isinstance(value, numpy.generic):
        return None if isinstance(value, (str, bytes)) else spec_of_dtype(value.dtype)
    if isinstance(value, numpy.ndarray):
        return spec_of_array(value) if _typed_as_array(value, numpy) else None
    return None


def _of_named_tuple(value: Any) -> Spec | None:
    kind = type(value)
    fields = getattr(kind, "_fields", None)
    if not hasattr(kind, "_asdict") or type(fields) is not tuple or not _is_found_by_name(kind):
        return None
    parts = tuple([spec_of(item) for item in value])
    if None in parts or len(parts) != len(fields):
        return None
    return ("named", kind.__module__, kind.__qualname__, fields, *parts)


def _of_member(value: Any) -> Spec | None:
    kind = type(value)
    if kind not in _ENUMERATIONS:
        specs = {spec_of(member.value) for member in kind.__members__.values()}
        spec = specs.pop() if len(specs) == 1 else None
        _ENUMERATIONS[kind] = (
            ("enum", kind.__module__, kind.__qualname__, spec)
            if isinstance(spec, str) and _is_found_by_name(kind)
            else None
        )
    return _ENUMERATIONS[kind]


def _is_found_by_name(kind: type) -> bool:
    """Whether a class is the only one of its name that this process has seen, and is found under
    it: code of an image knows it by that name."""
    name = kind.__module__, kind.__qualname__
    known = _CLASSES.get(name)
    if known is None:
        found: Any = sys.modules.get(kind.__module__)
        for part in kind.__qualname__.split("."):
            found = getattr(found, part, None)
        if found is not kind:
            return False
        known = _CLASSES.setdefault(name, kind)
    return known is kind


def _typed_as_array(value: Any, numpy: Any) -> bool:
    if hasattr(value, "__numba_array_subtype_dispatch__"):
        return False
    masked = sys.modules.get("numpy.ma")
    return masked is None or not isinstance(value, masked.MaskedArray)


def spec_of_fields(dtype: Any) -> Spec | None:
    """`argument_types.spec_of_dtype` a record."""
    specs, offsets = [], []
    for name in dtype.names:
        field, offset, *title = dtype.fields[name]
        item = None if title or field.shape else spec_of_dtype(field)
        if item is None:
            return None
        specs.append(item)
        offsets.append(offset)
    return (
        "record", tuple(dtype.names), tuple(specs), tuple(offsets), dtype.itemsize,
        bool(dtype.isalignedstruct),
    )  # fmt: skip
