"""Read what dyld does to a Mach-O image's pointers: chained fixups, or the older opcodes.

Layouts: <mach-o/fixup-chains.h> and <mach-o/loader.h>. Addresses are the file's own. All functions
raise `damage.Damaged`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from packageimage.inspect.damage import Bytes, Damaged

_HEADER = struct.Struct("<7I")  # version, starts, imports, symbols, imports count and format, ...
_STARTS = struct.Struct("<IHHQIH")  # size, page size, format, segment offset, max pointer, pages
_WORD = struct.Struct("<I")
_HALF = struct.Struct("<H")
_POINTER = struct.Struct("<Q")

_PTR_64, _PTR_64_OFFSET = 2, 6  # DYLD_CHAINED_PTR_64: targets are addresses; _OFFSET: offsets
_START_NONE = 0xFFFF
_STRIDE = 4

_IMPORT_SIZES = {1: 4, 2: 8, 3: 16}  # DYLD_CHAINED_IMPORT, _ADDEND, _ADDEND64


@dataclass(frozen=True)
class MappedSegment:
    """What fixups need to know of a segment; segments do not overlap (`macho_file` sees to it)."""

    file: Bytes
    address: int
    offset: int  # in the file
    size: int  # in the file

    def word(self, place: int) -> int:
        """The 8 bytes `place` bytes into the segment."""
        if place + _POINTER.size > self.size:
            raise Damaged(f"a fixup {place:#x} bytes into a segment of {self.size:#x}")
        return self.file.unpack(_POINTER, self.offset + place)[0]


@dataclass(frozen=True)
class Fixups:
    """pointers: for each place that dyld relocates by the load address, what it leads to.

    bound: the places that get the address of a symbol. symbols: all names that dyld looks up.
    """

    pointers: dict[int, int] = field(default_factory=dict)
    bound: frozenset[int] = frozenset()
    symbols: tuple[str, ...] = ()


def chained_fixups(data: bytes, segments: Sequence[MappedSegment], base: int) -> Fixups:
    """`data`: what LC_DYLD_CHAINED_FIXUPS points at. `base`: where the Mach-O header is mapped."""
    blob = Bytes(data)
    version, starts, imports, symbols, count, import_format, symbols_format = blob.unpack(
        _HEADER, 0
    )
    if version != 0 or symbols_format != 0:
        raise Damaged(f"chained fixups of version {version}, symbols of format {symbols_format}")
    names = _import_names(blob, imports, symbols, count, import_format)
    pointers: dict[int, int] = {}
    bound: set[int] = set()
    (seg_count,) = blob.unpack(_WORD, starts)
    if seg_count > len(segments):
        raise Damaged(f"chained fixups of {seg_count} segments, found {len(segments)}")
    for segment, (offset,) in zip(
        segments, blob.entries(_WORD, starts + _WORD.size, seg_count), strict=False
    ):
        if offset:
            _walk_segment(blob, starts + offset, segment, base, count, pointers, bound)
    return Fixups(pointers, frozenset(bound), names)


def _import_names(
    blob: Bytes, imports: int, symbols: int, count: int, import_format: int
) -> tuple[str, ...]:
    if import_format not in _IMPORT_SIZES:
        raise Damaged(f"chained imports of the unknown format {import_format}")
    size = _IMPORT_SIZES[import_format]
    table = blob.part(imports, count * size)
    names = []
    for index in range(count):
        if import_format == 3:
            offset = table.unpack(_POINTER, index * size)[0] >> 32
        else:
            offset = table.unpack(_WORD, index * size)[0] >> 9
        names.append(blob.text(symbols + offset))
    return tuple(names)


def _walk_segment(
    blob: Bytes,
    at: int,
    segment: MappedSegment,
    base: int,
    imports: int,
    pointers: dict[int, int],
    bound: set[int],
) -> None:
    size, page_size, pointer_format, offset, _, pages = blob.unpack(_STARTS, at)
    if pointer_format not in (_PTR_64, _PTR_64_OFFSET):
        raise Damaged(f"chained pointers of format {pointer_format}, which is not for this machine")
    if page_size not in (0x1000, 0x4000):
        raise Damaged(f"fixup pages of {page_size} bytes")
    if base + offset != segment.address:
        raise Damaged(f"chained fixups for a segment at {offset:#x}, found none there")
    if _STARTS.size + pages * _HALF.size > size:
        raise Damaged(f"{pages} fixup pages in a table of {size} bytes")
    target_base = base if pointer_format == _PTR_64_OFFSET else 0
    for page, (start,) in enumerate(blob.entries(_HALF, at + _STARTS.size, pages)):
        if start == _START_NONE:
            continue
        place, end = page * page_size + start, (page + 1) * page_size
        while True:
            # A chain stays in its page: dyld walks pages by themselves, and so nothing is read
            # twice, however the file was damaged.
            if place >= end:
                raise Damaged(f"the fixup chain of page {page} leaves it")
            value = segment.word(place)
            if value >> 63:
                if value & 0xFF_FFFF >= imports:
                    raise Damaged(f"a fixup binds import {value & 0xFF_FFFF} of {imports}")
                bound.add(segment.address + place)
            else:
                high = (value >> 36 & 0xFF) << 56
                pointers[segment.address + place] = (value & 0xF_FFFF_FFFF) + target_base | high
            step = (value >> 51 & 0xFFF) * _STRIDE
            if step == 0:
                break
            place += step


def opcode_fixups(
    rebase: bytes, binds: Sequence[tuple[bytes, bool]], segments: Sequence[MappedSegment]
) -> Fixups:
    """What LC_DYLD_INFO's opcodes do. `binds`: each kind's opcodes, and whether it is the lazy."""
    pointers = {}
    most = sum(segment.size for segment in segments) // _POINTER.size
    for segment, offset in _rebased(rebase, segments, most):
        place = segment.address + offset
        pointers[place] = segment.word(offset)
    names: list[str] = []
    bound: set[int] = set()
    for opcodes, lazy in binds:
        names += _bound(opcodes, lazy, segments, most, bound)
    return Fixups(pointers, frozenset(bound), tuple(dict.fromkeys(names)))


class _Cursor:
    """A place in a segment that opcodes move."""

    def __init__(self, segments: Sequence[MappedSegment], most: int) -> None:
        self._segments = segments
        self._left = most
        self._segment: MappedSegment | None = None
        self._offset = 0

    def set(self, number: int, offset: int) -> None:
        if number >= len(self._segments):
            raise Damaged(f"fixups in segment {number} of {len(self._segments)}")
        self._segment = self._segments[number]
        self._offset = offset

    def add(self, distance: int) -> None:
        self._offset = (self._offset + distance) % (1 << 64)  # dyld's arithmetic: ULEB -8 is legal

    def repeat(self, count: int, skip: int) -> Iterator[tuple[MappedSegment, int]]:
        # No place is fixed up twice, so that all of them together are not more than there are.
        self._left -= count
        if self._left < 0:
            raise Damaged("more fixups than the image has pointers")
        for _ in range(count):
            if self._segment is None:
                raise Damaged("fixups before a segment was set")
            self._segment.word(self._offset)
            yield self._segment, self._offset
            self.add(_POINTER.size + skip)


def _rebased(
    data: bytes, segments: Sequence[MappedSegment], most: int
) -> Iterator[tuple[MappedSegment, int]]:
    """The places that REBASE_OPCODE_* name."""
    code, at = Bytes(data), 0
    cursor = _Cursor(segments, most)
    while at < len(data):
        opcode, immediate = code.byte(at) & 0xF0, code.byte(at) & 0x0F
        at += 1
        if opcode == 0x00:  # DONE, also the padding
            return
        if opcode == 0x10:  # SET_TYPE_IMM
            if immediate != 1:
                raise Damaged(f"rebase of type {immediate}, which is not a pointer's")
        elif opcode == 0x20:  # SET_SEGMENT_AND_OFFSET_ULEB
            offset, at = code.uleb128(at)
            cursor.set(immediate, offset)
        elif opcode == 0x30:  # ADD_ADDR_ULEB
            distance, at = code.uleb128(at)
            cursor.add(distance)
        elif opcode == 0x40:  # ADD_ADDR_IMM_SCALED
            cursor.add(immediate * _POINTER.size)
        elif opcode == 0x50:  # DO_REBASE_IMM_TIMES
            yield from cursor.repeat(immediate, 0)
        elif opcode == 0x60:  # DO_REBASE_ULEB_TIMES
            count, at = code.uleb128(at)
            yield from cursor.repeat(count, 0)
        elif opcode == 0x70:  # DO_REBASE_ADD_ADDR_ULEB
            distance, at = code.uleb128(at)
            yield from cursor.repeat(1, distance)
        elif opcode == 0x80:  # DO_REBASE_ULEB_TIMES_SKIPPING_ULEB
            count, at = code.uleb128(at)
            skip, at = code.uleb128(at)
            yield from cursor.repeat(count, skip)
        else:
            raise Damaged(f"the unknown rebase opcode {opcode:#x}")


def _bound(
    data: bytes, lazy: bool, segments: Sequence[MappedSegment], most: int, places: set[int]
) -> list[str]:
    """The symbols that BIND_OPCODE_* name; where they go is added to `places`."""
    code, at = Bytes(data), 0
    cursor = _Cursor(segments, most)
    names: dict[str, None] = {}

    def number() -> int:
        nonlocal at
        value, at = code.uleb128(at)
        return value

    def bind(count: int, skip: int) -> None:
        for segment, offset in cursor.repeat(count, skip):
            places.add(segment.address + offset)

    while at < len(data):
        opcode, immediate = code.byte(at) & 0xF0, code.byte(at) & 0x0F
        at += 1
        if opcode == 0x00:  # DONE; the lazy ones have one after each symbol
            if not lazy:
                break
        elif opcode in (0x10, 0x30, 0x50):  # SET_DYLIB_ORDINAL_IMM, _SPECIAL_IMM, SET_TYPE_IMM
            continue
        elif opcode in (0x20, 0x60):  # SET_DYLIB_ORDINAL_ULEB, SET_ADDEND_SLEB
            number()
        elif opcode == 0x40:  # SET_SYMBOL_TRAILING_FLAGS_IMM
            end = data.find(b"\0", at)
            names[code.text(at)] = None
            at = end + 1
        elif opcode == 0x70:  # SET_SEGMENT_AND_OFFSET_ULEB
            cursor.set(immediate, number())
        elif opcode == 0x80:  # ADD_ADDR_ULEB
            cursor.add(number())
        elif opcode == 0x90:  # DO_BIND
            bind(1, 0)
        elif opcode == 0xA0:  # DO_BIND_ADD_ADDR_ULEB
            bind(1, number())
        elif opcode == 0xB0:  # DO_BIND_ADD_ADDR_IMM_SCALED
            bind(1, immediate * _POINTER.size)
        elif opcode == 0xC0:  # DO_BIND_ULEB_TIMES_SKIPPING_ULEB
            count = number()
            bind(count, number())
        else:
            raise Damaged(f"the unknown bind opcode {opcode:#x}")
    return list(names)
