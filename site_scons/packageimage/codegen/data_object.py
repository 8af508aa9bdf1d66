"""The object that holds an image's blobs: header, methods and compressed bitcode.

Written here and not by LLVM: as an IR constant the bytes parse at 2.4 MB/s, and llvmlite assembles
for its host alone, which leaves marks of the host in the object. An object of data has one section,
three symbols and no relocations. Only which machine it says it is for is taken from an empty object
that LLVM makes for the platform.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from packageimage.model.platform import Platform

from .llvm import baseline_machine, empty_module, open_machine
from .slots import BITCODE_SYMBOL, HEADER_SYMBOL, METHODS_SYMBOL

_ALIGNMENT = {HEADER_SYMBOL: 16, METHODS_SYMBOL: 64, BITCODE_SYMBOL: 64}
_SECTION_ALIGNMENT = max(_ALIGNMENT.values())

Placed = dict[str, tuple[int, int]]
"""Offset and size of each symbol in the section, by name."""


def frame_bitcode(partitions: Sequence[bytes]) -> bytes:
    """The partitions' bitcode as the image keeps it: a count, sizes, then zlib streams."""
    streams = [zlib.compress(bitcode, 9) for bitcode in partitions]
    head = struct.pack("<I", len(streams)) + b"".join(
        struct.pack("<QQ", len(stream), len(bitcode))
        for stream, bitcode in zip(streams, partitions, strict=True)
    )
    return head + b"".join(streams)


def data_object(header: bytes, methods: bytes, bitcode: bytes, platform: Platform) -> bytes:
    """The object that defines `pkgimage.header`, `.methods` and `.bitcode`, hidden and aligned."""
    section = bytearray()
    placed: Placed = {}
    blobs = {HEADER_SYMBOL: header, METHODS_SYMBOL: methods, BITCODE_SYMBOL: bitcode}
    for symbol, blob in blobs.items():
        section += bytes(-len(section) % _ALIGNMENT[symbol])
        placed[symbol] = len(section), len(blob)
        # One byte behind each: a symbol at its section's end is another section's start.
        section += blob + b"\0"
    machine = open_machine(baseline_machine(platform))
    model = bytes(machine.emit_object(empty_module(machine)))
    return _WRITERS[platform.object_format](bytes(section), placed, model)


def _strings(names: Sequence[str], start: int) -> tuple[bytes, dict[str, int]]:
    """A string table's content and where each name stands, `start` bytes being before them."""
    table = b""
    offsets = {}
    for name in names:
        offsets[name] = start + len(table)
        table += name.encode("ascii") + b"\0"
    return table, offsets


def _elf(section: bytes, placed: Placed, model: bytes) -> bytes:
    """A relocatable file (System V ABI, chapter 4) with e_machine and e_flags of `model`; RISC-V's
    linkers want the float ABI in the flags to agree."""
    sections = ("", ".rodata.pkgimage", ".note.GNU-stack", ".symtab", ".strtab")
    table, names = _strings([*sections[1:], *placed], 1)
    table = b"\0" + table
    symbols = bytes(24) + b"".join(
        # STB_GLOBAL and STT_OBJECT, STV_HIDDEN, section 1.
        struct.pack("<IBBHQQ", names[name], 1 << 4 | 1, 2, 1, offset, size)
        for name, (offset, size) in placed.items()
    )
    at_section = 64
    at_symbols = at_section + len(section) + -len(section) % 8
    at_strings = at_symbols + len(symbols)
    at_headers = at_strings + len(table) + -len(table) % 8
    # name, type, flags, address, offset, size, link, info, alignment, entry size
    headers = [
        (0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        (names[sections[1]], 1, 2, 0, at_section, len(section), 0, 0, _SECTION_ALIGNMENT, 0),
        (names[sections[2]], 1, 0, 0, at_symbols, 0, 0, 0, 1, 0),  # no executable stack
        (names[sections[3]], 2, 0, 0, at_symbols, len(symbols), 4, 1, 8, 24),
        (names[sections[4]], 3, 0, 0, at_strings, len(table), 0, 0, 1, 0),
    ]
    machine, flags = struct.unpack_from("<H", model, 18)[0], struct.unpack_from("<I", model, 48)[0]
    head = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01", 1, machine, 1, 0, 0, at_headers, flags, 64, 0, 0, 64,
        len(headers), len(headers) - 1,
    )  # fmt: skip
    packed = b"".join(struct.pack("<IIQQQQIIQQ", *fields) for fields in headers)
    return b"".join(
        [head, _padded(section, 8), symbols, _padded(table, 8), packed],
    )


def _macho(section: bytes, placed: Placed, model: bytes) -> bytes:
    """An object file (mach-o/loader.h) with the CPU's type and the system's version of `model`."""
    names = sorted(f"_{name}" for name in placed)  # as LC_DYSYMTAB wants external symbols
    table, offsets = _strings(names, 1)
    table = _padded(b"\0" + table, 8)
    symbols = b"".join(
        # N_PEXT, N_SECT and N_EXT, section 1.
        struct.pack("<IBBHQ", offsets[name], 0x1F, 1, 0, placed[name[1:]][0])
        for name in names
    )
    version = _build_version(model)
    size_of_commands = 72 + 80 + len(version) + 24 + 80
    at_section = 32 + size_of_commands
    at_section += -at_section % _SECTION_ALIGNMENT
    at_symbols = at_section + len(section) + -len(section) % 8
    size = len(section)
    count = len(names)
    commands = [
        # LC_SEGMENT_64; objects have one, without a name and with all protections.
        struct.pack("<II16sQQQQiiII", 0x19, 72 + 80, b"", 0, size, at_section, size, 7, 7, 1, 0),
        struct.pack(
            "<16s16sQQIIIIIIII",
            b"__const", b"__TEXT", 0, size, at_section, _SECTION_ALIGNMENT.bit_length() - 1,
            0, 0, 0, 0, 0, 0,
        ),
        version,
        struct.pack(
            "<IIIIII", 0x2, 24, at_symbols, count, at_symbols + len(symbols), len(table)
        ),  # LC_SYMTAB
        struct.pack("<II6I12I", 0xB, 80, 0, 0, 0, count, count, 0, *[0] * 12),  # LC_DYSYMTAB
    ]  # fmt: skip
    cpu = model[4:12]
    head = struct.pack("<I", 0xFEEDFACF) + cpu
    head += struct.pack("<IIIII", 1, 4, size_of_commands, 0, 0)  # MH_OBJECT, four commands
    start = head + b"".join(commands)
    return b"".join(
        [start, bytes(at_section - len(start)), _padded(section, 8), symbols, table],
    )


def _build_version(model: bytes) -> bytes:
    """LC_BUILD_VERSION of an object that LLVM made."""
    count = struct.unpack_from("<I", model, 16)[0]
    at = 32
    for _ in range(count):
        command, size = struct.unpack_from("<II", model, at)
        if command == 0x32:
            return model[at : at + size]
        at += size
    raise AssertionError("LLVM made a Mach-O object without LC_BUILD_VERSION")


def _coff(section: bytes, placed: Placed, model: bytes) -> bytes:
    """An object file (PE format, "COFF file header") with the Machine of `model`."""
    table, offsets = _strings(list(placed), 4)
    symbols = b"".join(
        # A name in the string table; IMAGE_SYM_CLASS_EXTERNAL in section 1.
        struct.pack("<IIIhHBB", 0, offsets[name], offset, 1, 0, 2, 0)
        for name, (offset, _) in placed.items()
    )
    at_section = 20 + 40
    head = model[:2] + struct.pack("<HIIIHH", 1, 0, at_section + len(section), len(placed), 0, 0)
    # Read-only, initialised data; the alignment is in bits 20 to 23, as its logarithm plus one.
    kind = 0x40000040 | _SECTION_ALIGNMENT.bit_length() << 20
    row = struct.pack("<8sIIIIIIHHI", b".rdata", 0, 0, len(section), at_section, 0, 0, 0, 0, kind)
    return b"".join([head, row, section, symbols, struct.pack("<I", 4 + len(table)), table])


def _padded(data: bytes, alignment: int) -> bytes:
    return data + bytes(-len(data) % alignment)


_WRITERS = {"elf": _elf, "macho": _macho, "coff": _coff}
