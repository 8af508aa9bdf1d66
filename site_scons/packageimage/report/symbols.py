"""The symbols of a linked image of any format, with addresses and sizes.

An image needs none of them to run; the linker keeps them for debuggers and profilers. Where there
is no symbol table (a PE image that was linked without), there is nothing to name.
"""

from __future__ import annotations

import struct

from packageimage.inspect.facts import ImageFacts
from packageimage.inspect.object_file import read_object
from packageimage.model.record import Record

_CODE_SECTIONS = (".text", "__text")
_FUNCTION = 0x20  # IMAGE_SYM_DTYPE_FUNCTION


class Symbol(Record):
    """A piece of code. address as in the image's sections, size in bytes."""

    name: str
    address: int
    size: int


def code_symbols(data: bytes, facts: ImageFacts) -> list[Symbol]:
    """The functions of an image by address; of several at one address the first by name.

    Where the format tells no size, a function ends where the next one or its section does.
    Raises PackageImageError for a damaged file.
    """
    found: list[tuple[str, int, int | None]]
    if facts.object_format == "coff":
        found = [(name, address, None) for name, address in _pe_symbols(data)]
    else:
        found = [
            (symbol.name, symbol.address, symbol.size)
            for symbol in read_object(data, "image").symbols
            if symbol.code is not None and symbol.name
        ]
    if facts.object_format == "macho":
        found = [(name.removeprefix("_"), address, size) for name, address, size in found]
    ends = sorted(
        section.address + section.size
        for section in facts.sections
        if section.name.rpartition(",")[2] in _CODE_SECTIONS  # of `__TEXT,__text`
    )
    known: dict[int, tuple[str, int | None]] = {}
    for name, address, size in sorted(found, key=lambda each: (each[1], each[0])):
        known.setdefault(address, (name, size))
    addresses = sorted(known)
    result = []
    for position, address in enumerate(addresses):
        after = addresses[position + 1] if position + 1 < len(addresses) else None
        name, size = known[address]
        if size is None:
            end = next((end for end in ends if end > address), address)
            size = (end if after is None else min(after, end)) - address
        result.append(Symbol(name, address, size))
    return result


def _pe_symbols(data: bytes) -> list[tuple[str, int]]:
    """Functions in the COFF symbol table of a PE image, which MinGW's linkers write; [] without.

    "PE Format", COFF Symbol Table: 18 bytes each, long names in the string table behind them.
    """
    try:
        (start,) = struct.unpack_from("<I", data, 0x3C)
        sections, _, table, count, optional = struct.unpack_from("<HIIIH", data, start + 6)
        first = start + 24 + optional
        bases = [struct.unpack_from("<I", data, first + 40 * n + 12)[0] for n in range(sections)]
        strings = table + 18 * count
        if not table or strings > len(data):
            return []
        found, index = [], 0
        while index < count:
            place = table + 18 * index
            raw, value, section, kind, _, more = struct.unpack_from("<8sIhHBB", data, place)
            if kind == _FUNCTION and 0 < section <= sections:
                found.append((_pe_name(data, raw, strings), bases[section - 1] + value))
            index += 1 + more
        return found
    except struct.error:
        return []


def _pe_name(data: bytes, raw: bytes, strings: int) -> str:
    if raw[:4] == bytes(4):
        start = strings + int.from_bytes(raw[4:], "little")
        raw = data[start : data.find(b"\0", start)]
    return raw.rstrip(b"\0").decode("utf-8", "replace")
