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
        parts = tuple(map(spec_of, value))
        return None if None in parts else ("tuple", *parts)
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if kind is numpy.ndarray:
        return spec_of_array(value)
    from .rare_arguments import spec_of_other

    return spec_of_other(value, numpy)


def _of_int(value: int) -> Spec | None:
    bits = value.bit_length()
    if bits < 64:
        return "i8"
    return "u8" if bits == 64 and value >= 0 else None


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
        from .rare_arguments import spec_of_fields

        return spec_of_fields(dtype)
    kind, size = dtype.kind, dtype.itemsize
    if kind in "mM":
        return str(dtype.str[1:])
    if kind == "U":
        # Numba takes "<" for another order than the machine's here.
        return f"U{size // 4}" if dtype.byteorder in "=|" else None
    if kind == "S":
        return f"S{size}"
    return f"{kind}{size}" if size in _SIZES.get(kind, ()) else None
