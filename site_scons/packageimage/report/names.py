"""Symbols of images in a person's words. Pure.

Numba mangles as Itanium C++ does (numba/core/itanium_mangler.py): `_ZN` and the parts of the name,
each behind its length, then tags (`B`, length, text) and `E`. A role may stand before (`cfunc.`) or
be the first part (`cpython`).
"""

from __future__ import annotations

import re

from packageimage.model.record import Record

_CLONE = re.compile(r"\.t(\d+)$")  # codegen.slots.clone_symbol


class Name(Record):
    """module: dotted, empty where a symbol has none. function: its qualified name. target: the
    index of the CPU target that this version is for, None for what is not an entry."""

    module: str
    function: str
    target: int | None


def target_of(symbol: str) -> int | None:
    found = _CLONE.search(symbol)
    return int(found[1]) if found else None


def entry_of(symbol: str) -> str:
    """The symbol without its CPU target, as captures name it."""
    return _CLONE.sub("", symbol)


def name_of(symbol: str) -> Name:
    """What a symbol is called in Python; a name that is not mangled stays as it is."""
    target = target_of(symbol)
    parts = _parts(entry_of(symbol))
    if not parts:
        return Name("", entry_of(symbol), target)
    if parts[0] == "cpython" and len(parts) > 1:
        parts = parts[1:]
    module, function = _split(parts)
    return Name(module, function, target)


def _parts(symbol: str) -> list[str]:
    start = symbol.find("_ZN")
    if start < 0:
        return []
    position, parts = start + 3, []
    while match := re.compile(r"\d+").match(symbol, position):
        length = int(match[0])
        parts.append(symbol[match.end() : match.end() + length])
        position = match.end() + length
    # Numba writes other characters than letters and digits as `_` and their code; of these only
    # angle brackets are sure to be no part of a name.
    return [re.sub(r"_3c(\w+?)_3e", r"<\1>", part) for part in parts if part]


def _split(parts: list[str]) -> tuple[str, str]:
    """Module and qualified name: what is in `<locals>` belongs to the function around it."""
    last = parts.index("<locals>") if "<locals>" in parts else len(parts)
    first = max(last - 1, 0)
    return ".".join(parts[:first]), ".".join(parts[first:])
