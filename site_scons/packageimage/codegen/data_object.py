"""Objects that hold bytes: header, methods and compressed bitcode; and the package's data.

Written here and not by LLVM: as an IR constant the bytes parse at 2.4 MB/s, and llvmlite assembles
for its host alone, which leaves marks of the host in the object. An object of data has one section,
a few symbols and no relocations. Only which machine it says it is for is taken from an empty object
that LLVM makes for the platform.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from packageimage.model.errors import PackageImageError
from packageimage.model.platform import Platform

from .llvm import baseline_machine, empty_module, open_machine
from .slots import BITCODE_SYMBOL, DATA_SYMBOL, HEADER_SYMBOL, METHODS_SYMBOL

_ALIGNMENT = {HEADER_SYMBOL: 16, METHODS_SYMBOL: 64, BITCODE_SYMBOL: 64, DATA_SYMBOL: 64}
_SECTION_ALIGNMENT = max(_ALIGNMENT.values())
_ELF_HEAD = 64
NO_SLOT = (1 << 32) - 1  # load.image reads it


class _Section:
    """The section's bytes as parts that follow each other, so that none of them is copied.

    placed: offset and size of each symbol, by name. writable: whether each process has pages of
    its own as soon as it writes to them.
    """

    def __init__(self, blobs: Mapping[str, Sequence[Any]], writable: bool) -> None:
        """`blobs`: the parts of what each symbol stands for."""
        self.parts: list[Any] = []
        self.placed: dict[str, tuple[int, int]] = {}
        self.writable = writable
        self.size = 0
        for symbol, parts in blobs.items():
            self._add(bytes(-self.size % _ALIGNMENT[symbol]))
            start = self.size
            for part in parts:
                self._add(part)
            self.placed[symbol] = start, self.size - start
            # One byte behind each: a symbol at its section's end is another section's start.
            self._add(b"\0")

    def _add(self, part: Any) -> None:
        self.parts.append(part)
        self.size += len(part)


def frame_bitcode(partitions: Sequence[bytes]) -> bytes:
    """The partitions' bitcode as the image keeps it: a count, sizes, then zlib streams."""
    streams = [zlib.compress(bitcode, 9) for bitcode in partitions]
    head = struct.pack("<I", len(streams)) + b"".join(
        struct.pack("<QQ", len(stream), len(bitcode))
        for stream, bitcode in zip(streams, partitions, strict=True)
    )
    return head + b"".join(streams)


def frame_methods(table: bytes, environments: Sequence[str], slots: Sequence[str]) -> bytes:
    """A capture's method table as the image keeps it: behind what only the data stage knows.

    u64 count of environments and size in bytes of the names; u32 number of the slot of each
    environment, in the capture's order, NO_SLOT where no code uses it; the names of all slots, each
    but the last followed by a zero.
    """
    numbers = {name: number for number, name in enumerate(slots)}
    of_environments = [numbers.get(name, NO_SLOT) for name in environments]
    names = "\0".join(slots).encode()
    head = struct.pack("<QQ", len(of_environments), len(names))
    return head + struct.pack(f"<{len(of_environments)}I", *of_environments) + names + table


def data_object(header: bytes, methods: bytes, bitcode: bytes, platform: Platform) -> bytes:
    """The object that defines `pkgimage.header`, `.methods` and `.bitcode`, hidden and aligned."""
    blobs = {HEADER_SYMBOL: [header], METHODS_SYMBOL: [methods], BITCODE_SYMBOL: [bitcode]}
    return b"".join(_object(_Section(blobs, writable=False), platform))


def package_object(data: Sequence[Any], platform: Platform) -> list[Any]:
    """The parts of the object that defines `pkgimage.data`, whose parts are `data` (bytes-like)."""
    return _object(_Section({DATA_SYMBOL: data}, writable=True), platform)


def data_in(package: Any, platform: Platform) -> memoryview:
    """The bytes of `pkgimage.data` in what `package_object` made for `platform`, one with ELF.

    Raises PackageImageError for another file.
    """
    whole = memoryview(package).cast("B")
    try:
        (at_headers,) = struct.unpack_from("<Q", whole, 40)
        # Of the third section after the empty one, the second symbol; see `_elf`.
        (at_symbols,) = struct.unpack_from("<Q", whole, at_headers + 3 * 64 + 24)
        start, size = struct.unpack_from("<QQ", whole, at_symbols + 24 + 8)
        expected = package_object([whole[_ELF_HEAD + start : _ELF_HEAD + start + size]], platform)
        if sum(map(len, expected)) != len(whole) or whole[:_ELF_HEAD] != expected[0]:
            raise ValueError("another object")
    except (struct.error, ValueError) as error:
        raise PackageImageError(
            f"expected a package's data as the serialize stage writes it, found {error}; run it "
            "again"
        ) from error
    return whole[_ELF_HEAD + start : _ELF_HEAD + start + size]


def _object(section: _Section, platform: Platform) -> list[Any]:
    machine = open_machine(baseline_machine(platform))
    model = bytes(machine.emit_object(empty_module(machine)))
    return _WRITERS[platform.object_format](section, model)


def _strings(names: Sequence[str], start: int) -> tuple[bytes, dict[str, int]]:
    """A string table's content and where each name stands, `start` bytes being before them."""
    table = b""
    offsets = {}
    for name in names:
        offsets[name] = start + len(table)
        table += name.encode("ascii") + b"\0"
    return table, offsets


def _elf(section: _Section, model: bytes) -> list[Any]:
    """A relocatable file (System V ABI, chapter 4) with e_machine and e_flags of `model`; RISC-V's
    linkers want the float ABI in the flags to agree."""
    name = ".data.pkgimage" if section.writable else ".rodata.pkgimage"
    sections = ("", name, ".note.GNU-stack", ".symtab", ".strtab")
    table, names = _strings([*sections[1:], *section.placed], 1)
    table = b"\0" + table
    symbols = bytes(24) + b"".join(
        # STB_GLOBAL and STT_OBJECT, STV_HIDDEN, section 1.
        struct.pack("<IBBHQQ", names[name], 1 << 4 | 1, 2, 1, offset, size)
        for name, (offset, size) in section.placed.items()
    )
    at_section = _ELF_HEAD
    at_symbols = at_section + section.size + -section.size % 8
    at_strings = at_symbols + len(symbols)
    at_headers = at_strings + len(table) + -len(table) % 8
    # name, type, flags, address, offset, size, link, info, alignment, entry size
    flags = 3 if section.writable else 2  # SHF_WRITE, SHF_ALLOC
    headers = [
        (0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        (names[sections[1]], 1, flags, 0, at_section, section.size, 0, 0, _SECTION_ALIGNMENT, 0),
        (names[sections[2]], 1, 0, 0, at_symbols, 0, 0, 0, 1, 0),  # no executable stack
        (names[sections[3]], 2, 0, 0, at_symbols, len(symbols), 4, 1, 8, 24),
        (names[sections[4]], 3, 0, 0, at_strings, len(table), 0, 0, 1, 0),
    ]
    machine, of_machine = struct.unpack_from("<H", model, 18)[0], model[48:52]
    head = struct.pack(
        "<16sHHIQQQ4sHHHHHH",
        b"\x7fELF\x02\x01\x01", 1, machine, 1, 0, 0, at_headers, of_machine, 64, 0, 0, 64,
        len(headers), len(headers) - 1,
    )  # fmt: skip
    packed = b"".join(struct.pack("<IIQQQQIIQQ", *fields) for fields in headers)
    return [head, *section.parts, bytes(-section.size % 8), symbols, _padded(table, 8), packed]


def _macho(section: _Section, model: bytes) -> list[Any]:
    """An object file (mach-o/loader.h) with the CPU's type and the system's version of `model`."""
    names = sorted(f"_{name}" for name in section.placed)  # as LC_DYSYMTAB wants external symbols
    table, offsets = _strings(names, 1)
    table = _padded(b"\0" + table, 8)
    symbols = b"".join(
        # N_PEXT, N_SECT and N_EXT, section 1.
        struct.pack("<IBBHQ", offsets[name], 0x1F, 1, 0, section.placed[name[1:]][0])
        for name in names
    )
    version = _build_version(model)
    size_of_commands = 72 + 80 + len(version) + 24 + 80
    at_section = 32 + size_of_commands
    at_section += -at_section % _SECTION_ALIGNMENT
    at_symbols = at_section + section.size + -section.size % 8
    size = section.size
    place = (b"__data", b"__DATA") if section.writable else (b"__const", b"__TEXT")
    count = len(names)
    commands = [
        # LC_SEGMENT_64; objects have one, without a name and with all protections.
        struct.pack("<II16sQQQQiiII", 0x19, 72 + 80, b"", 0, size, at_section, size, 7, 7, 1, 0),
        struct.pack(
            "<16s16sQQIIIIIIII",
            *place, 0, size, at_section, _SECTION_ALIGNMENT.bit_length() - 1,
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
    padding = bytes(-size % 8)
    return [start, bytes(at_section - len(start)), *section.parts, padding, symbols, table]


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


def _coff(section: _Section, model: bytes) -> list[Any]:
    """An object file (PE format, "COFF file header") with the Machine of `model`."""
    table, offsets = _strings(list(section.placed), 4)
    symbols = b"".join(
        # A name in the string table; IMAGE_SYM_CLASS_EXTERNAL in section 1.
        struct.pack("<IIIhHBB", 0, offsets[name], offset, 1, 0, 2, 0)
        for name, (offset, _) in section.placed.items()
    )
    at_section = 20 + 40
    at_symbols = at_section + section.size
    head = model[:2] + struct.pack("<HIIIHH", 1, 0, at_symbols, len(section.placed), 0, 0)
    # Initialised data; the alignment is in bits 20 to 23, as its logarithm plus one.
    name, access = (b".data", 0xC0000040) if section.writable else (b".rdata", 0x40000040)
    kind = access | _SECTION_ALIGNMENT.bit_length() << 20
    row = struct.pack("<8sIIIIIIHHI", name, 0, 0, section.size, at_section, 0, 0, 0, 0, kind)
    return [head, row, *section.parts, symbols, struct.pack("<I", 4 + len(table)), table]


def _padded(data: bytes, alignment: int) -> bytes:
    return data + bytes(-len(data) % alignment)


_WRITERS = {"elf": _elf, "macho": _macho, "coff": _coff}
