"""Find an image's exported table in its mapped memory and follow its pointers.

The table is the same in every object format; only how its pointers are relocated differs, and a
format's reader hands that in as `Memory`.
"""

from __future__ import annotations

import struct
from typing import Protocol

from packageimage.inspect.facts import Part, Table

TABLE_SYMBOL = "pkgimage"
MAGIC = b"PKGIMAGE"
VERSION = 3

# u64 magic; u32 version, targets, partitions, slots; then header, header_size, slots, entries,
# methods, methods_size, bitcode, bitcode_size, data, data_size, first_calls, each 8 bytes. Written
# by codegen's data stage; data and first_calls are null where no module is restored.
_FIXED = struct.Struct("<8sIIII")
_WORD = struct.Struct("<Q")
_WORDS = 11
_FIRST_CALLS_SIZE = 7 * _WORD.size
SIZE = _FIXED.size + _WORDS * _WORD.size


class Memory(Protocol):
    """An image as it lies in memory before anything of it ran, loaded at address 0."""

    def read(self, address: int, size: int) -> bytes | None:
        """The bytes there; None when not all of them are mapped from the file."""

    def pointer(self, address: int) -> int | None:
        """The relocated pointer there; None when it is not mapped."""

    def mapped(self, address: int, size: int) -> bool:
        """Whether all of that memory is the image's."""

    def writable(self, address: int, size: int) -> bool:
        """Whether all of it stays writable after relocation."""


def read_table(memory: Memory, address: int) -> tuple[Table | None, bytes | None, str]:
    """The table at `address`, the header's bytes, and what is wrong when one of them is None."""
    fixed = memory.read(address, _FIXED.size)
    # Read through `pointer` too, so that a size that was relocated shows as nonsense.
    words = [memory.pointer(address + _FIXED.size + 8 * number) for number in range(_WORDS)]
    if fixed is None or None in words:
        return None, None, f"the {SIZE} bytes at {address:#x} are not all in the file"
    magic, version, targets, partitions, slots = _FIXED.unpack(fixed)
    if magic != MAGIC or version != VERSION:
        found = f"{magic!r} version {version}"
        return None, None, f"expected a table {MAGIC!r} version {VERSION}, found {found}"
    (
        header, header_size, slot_array, entries, methods, methods_size, bitcode, bitcode_size,
        package, package_size, first_calls,
    ) = (word or 0 for word in words)  # fmt: skip
    pieces = (
        ("header", header, header_size),
        ("slots", slot_array, 8 * slots),
        ("entries", entries, 8 * targets * partitions),
        ("methods", methods, methods_size),
        ("bitcode", bitcode, bitcode_size),
        *([("data", package, package_size)] if package_size else []),
        *([("first_calls", first_calls, _FIRST_CALLS_SIZE)] if first_calls else []),
    )
    parts = tuple(
        Part(
            name,
            start,
            size,
            inside=memory.mapped(start, size),
            writable=memory.writable(start, size),
        )
        for name, start, size in pieces
    )
    table = Table(magic, version, targets, partitions, slots, parts)
    data = memory.read(header, header_size) if header and header_size else None
    problem = "" if data is not None else f"its header pointer leads to {header_size} bytes "
    return table, data, problem and f"{problem}at {header:#x}, which are not in the file"
