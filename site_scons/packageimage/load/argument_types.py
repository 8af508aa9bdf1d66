"""The spec of an argument's type (`model.type_spec`) from its value, as Numba's `typeof` has it.

NumPy is not imported here: an array can only come from a process that has imported it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..model.type_spec import Spec

OMITTED = ("omitted",)
"""As `model.type_spec` has it, which the runtime imports where it has to convert arguments."""

_PLAIN = {bool: "b1", float: "f8", complex: "c16", str: "str", bytes: "bytes", type(None): "none"}
# Kinds of NumPy's dtypes, and the sizes in bytes that Numba knows of each.
_SIZES = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8), "c": (8, 16)}
_ENUMERATIONS: dict[type, Spec | None] = {}
_CLASSES: dict[tuple[str, str], type] = {}
_NUMBERS: dict[Any, str] = {}  # the specs of the few dtypes of numbers that most arrays have


def spec_of(value: Any) -> Spec | None:
    """None for a value whose type only Numba can tell."""
    kind = type(value)
    plain = _PLAIN.get(kind)
    if plain is not None:
        return plain
    if kind is int:
        return _of_int(value)
    if kind is tuple:
        parts = tuple([spec_of(item) for item in value])
        return None if None in parts else ("tuple", *parts)
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if kind is numpy.ndarray:
        return spec_of_array(value)
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


def _of_int(value: int) -> Spec | None:
    bits = value.bit_length()
    if bits < 64:
        return "i8"
    return "u8" if bits == 64 and value >= 0 else None


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


def spec_of_array(value: Any) -> Spec | None:
    """`spec_of` an array of NumPy's own class."""
    dtype = value.dtype
    item = _NUMBERS.get(dtype)
    if item is None:
        item = spec_of_dtype(dtype)
        if item is None:
            return None
        if dtype.kind in _SIZES:
            _NUMBERS[dtype] = item
    flags = value.flags
    layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
    # Numba asks whether a record's fields are aligned, of other arrays it takes it for granted.
    aligned = item[-1] if isinstance(item, tuple) else True
    return ("array", item, value.ndim, layout, bool(flags.writeable), aligned)


def spec_of_dtype(dtype: Any) -> Spec | None:
    """The spec of an array's items, None for a dtype that Numba does not know."""
    if not dtype.isnative:
        return None
    if dtype.names is not None:
        return _of_fields(dtype)
    kind, size = dtype.kind, dtype.itemsize
    if kind in "mM":
        return str(dtype.str[1:])
    if kind == "U":
        # Numba takes "<" for another order than the machine's here.
        return f"U{size // 4}" if dtype.byteorder in "=|" else None
    if kind == "S":
        return f"S{size}"
    return f"{kind}{size}" if size in _SIZES.get(kind, ()) else None


def _of_fields(dtype: Any) -> Spec | None:
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
