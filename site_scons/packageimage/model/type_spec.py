"""The types of arguments without Numba, and which of a function's specialisations a call takes.

A *spec* is what a call needs to know of a Numba type, as a value that marshal can write:

    "i8", "f8", "b1", "c16", "M8[ns]", "U5", "S5"   numbers and texts of fixed length, as NumPy
                                                    writes them, native byte order
    "none", "str", "bytes"                          None and Python's texts
    ("array", item, dimensions, layout, mutable, aligned)   layout "C", "F" or "A"
    ("tuple", spec, ...)
    ("named", module, name, fields, spec, ...)      a named tuple's class by its qualified name
    ("enum", module, name, spec)                    a member; the spec of the values
    ("function", digest)                            a compiled function, by `dispatcher_text`
    ("record", names, specs, offsets, size, aligned)   of a structured item
    ("optional", spec)                              declared only, no value has it
    ("omitted",)                                    an argument left out; its default is fixed

A type that has no spec is none that this module decides about: Numba does. Lists and sets have none
because the code that takes them asks Numba for the type of each item.

The rules are Numba's (`_typeconv` in C, `BaseContext.can_convert`, `can_convert_to` and
`can_convert_from` of the types) and are tested against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Spec = Any  # a text or a tuple as above

EXACT, PROMOTE, SAFE, UNSAFE = 1, 2, 3, 4  # numba.core.typeconv.Conversion

OMITTED = ("omitted",)
NUMBERS = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")

# From the row's number to the column's, both in the order of NUMBERS: what Numba's rules for
# casting (numba.core.typeconv.rules) come to. e: the same, p: promote, s: safe, u: unsafe.
_CONVERSIONS = (
    "esssssssssssss",
    "uepppuuuusssss",
    "uueppuuuuussss",
    "uuuepuuuuuusus",
    "uuuueuuuuuusus",
    "uusssepppussss",
    "uuussueppuusus",
    "uuuusuuepuusus",
    "uuuuuuuueuusus",
    "uuuuuuuuueppss",
    "uuuuuuuuuuepss",
    "uuuuuuuuuuueus",
    "............ep",
    "............ue",
)
_RANK = {"e": EXACT, "p": PROMOTE, "s": SAFE, "u": UNSAFE}
_BETWEEN_NUMBERS = {
    (actual, formal): _RANK[code]
    for actual, row in zip(NUMBERS, _CONVERSIONS, strict=True)
    for formal, code in zip(NUMBERS, row, strict=True)
    if code in _RANK
}


_LEFT_TO_NUMBA = ("named", "enum", "function")


class Undecided(Exception):
    """Only Numba can tell."""


def conversion(actual: Spec, formal: Spec) -> int | None:
    """How an argument is converted: EXACT, PROMOTE, SAFE, UNSAFE; None when it can't be.

    Raises Undecided where Numba's rule warns or compiles.
    """
    if actual == formal:
        return EXACT
    if _kind(actual) in _LEFT_TO_NUMBA or _kind(formal) in _LEFT_TO_NUMBA:
        raise Undecided("what may stand for a function, a named tuple or an enumeration")
    if isinstance(actual, str) and isinstance(formal, str):
        if formal[0] == "U" and (actual[0] == "U" or actual == "str"):
            return SAFE
        if formal[0] == "S" and actual == "bytes":
            return SAFE
        return _BETWEEN_NUMBERS.get((actual, formal))
    kinds = (_kind(actual), _kind(formal))
    if kinds[1] == "optional":
        if actual == "none":
            return PROMOTE
        inner = conversion(actual, formal[1])
        return inner if inner is None else max(inner, PROMOTE)
    if kinds == ("array", "array"):
        return SAFE if _same_elements(actual, formal) else None
    if kinds == ("tuple", "tuple") and len(actual) == len(formal):
        parts = [conversion(a, f) for a, f in zip(actual[1:], formal[1:], strict=True)]
        ranks = [part for part in parts if part is not None]
        return max(ranks, default=SAFE) if len(ranks) == len(parts) else None
    if kinds == ("record", "record"):
        raise Undecided("whether a record with more fields may stand for one with fewer")
    return None


def _kind(spec: Spec) -> str:
    return "" if isinstance(spec, str) else spec[0]


def names_class(spec: Spec) -> bool:
    """Whether a type is known by the name of a class, which another class may bear another time,
    or by a function's text, which another function may have as well."""
    if type(spec) is not tuple or not spec:
        return False
    return spec[0] in _LEFT_TO_NUMBA or any(map(names_class, spec[1:]))


def _same_elements(actual: Spec, formal: Spec) -> bool:
    """Whether code for one kind of array may use another in place."""
    _, item, dimensions, layout, mutable, aligned = actual
    _, wanted_item, wanted_dimensions, wanted_layout, wanted_mutable, wanted_aligned = formal
    return bool(
        (item, dimensions) == (wanted_item, wanted_dimensions)
        and wanted_layout in ("A", layout)
        and (mutable or not wanted_mutable)
        and (aligned or not wanted_aligned)
    )


def select(actual: Sequence[Spec], declared: Sequence[Sequence[Spec]]) -> int | None:
    """Which of the declared signatures a call takes when nothing more may be compiled; None when
    none fits, or several fit equally well.

    The one with the fewest unsafe conversions, then safe ones, then promotions (`Rating` in
    numba/core/typeconv). Raises Undecided as `conversion` does.
    """
    rated = []
    for index, formal in enumerate(declared):
        rating = _rating(actual, formal)
        if rating is not None:
            rated.append((rating, index))
    rated.sort()
    if not rated or (len(rated) > 1 and rated[0][0] == rated[1][0]):
        return None
    return rated[0][1]


def _rating(actual: Sequence[Spec], formal: Sequence[Spec]) -> tuple[int, int, int] | None:
    if len(actual) != len(formal):
        return None
    ranks = [conversion(a, f) for a, f in zip(actual, formal, strict=True)]
    if None in ranks:
        return None
    return (ranks.count(UNSAFE), ranks.count(SAFE), ranks.count(PROMOTE))
