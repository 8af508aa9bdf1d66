"""Read what we need of a Mach-O file into plain values; the edge to macholib.

macholib reads headers and load commands; it knows nothing of fixups, export tries and signatures,
which modules of ours read, and its symbol tables need a file on disk. All failures become one
PackageImageError here (`damage.py`), so nothing but reading may happen in this module.

Only little-endian 64-bit files are read; no platform of ours has others. Universal files, which
hold several machines', are none of ours either.
"""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packageimage.inspect.damage import Bytes, Damaged, as_text, damage_reported, inside
from packageimage.inspect.facts import Signature
from packageimage.inspect.macho_exports import MachoExport, read_exports
from packageimage.inspect.macho_fixups import (
    Fixups,
    MappedSegment,
    chained_fixups,
    opcode_fixups,
)
from packageimage.inspect.macho_signature import read_signature

LC_ROUTINES = 0x11
LC_SEGMENT_64 = 0x19
LC_ROUTINES_64 = 0x1A
_LC_SYMTAB = 0x02
_LC_DYSYMTAB = 0x0B
_LC_ID_DYLIB = 0x0D
_LC_CODE_SIGNATURE = 0x1D
_LC_BUILD_VERSION = 0x32
_LC_RPATH = 0x8000_001C
_LC_DYLD_EXPORTS_TRIE = 0x8000_0033
_LC_DYLD_CHAINED_FIXUPS = 0x8000_0034
_LC_DYLD_INFO = (0x22, 0x8000_0022)
# LOAD_DYLIB, LOAD_WEAK_DYLIB, REEXPORT_DYLIB, LAZY_LOAD_DYLIB, LOAD_UPWARD_DYLIB
_LC_LOADS = (0x0C, 0x8000_0018, 0x8000_001F, 0x20, 0x8000_0023)

_HEADER = struct.Struct("<8I")  # magic, cputype, cpusubtype, filetype, ncmds, sizeofcmds, flags, ..
_COMMAND = struct.Struct("<II")  # cmd, cmdsize
_NLIST = struct.Struct("<IBBHQ")  # n_strx, n_type, n_sect, n_desc, n_value
_RELOCATION = struct.Struct("<iI")  # r_address, then symbolnum:24 pcrel:1 length:2 extern:1 type:4
_MH_MAGIC_64 = 0xFEED_FACF
_S_ZEROFILL = 1

_WANTED = "a little-endian 64-bit Mach-O file"


@dataclass(frozen=True)
class MachoSymbol:
    """One nlist_64; the names are Mach-O's."""

    name: str
    type: int
    section: int  # counted from 1 over all segments; 0 for none
    value: int

    @property
    def stab(self) -> bool:
        return bool(self.type & 0xE0)  # N_STAB: for debuggers

    @property
    def undefined(self) -> bool:
        """Not a common symbol, which is undefined with a size as its value."""
        return not self.stab and self.type & 0x0F == 0x01 and self.value == 0  # N_UNDF | N_EXT


@dataclass(frozen=True)
class MachoSection:
    segment: str
    name: str
    address: int
    size: int
    flags: int


@dataclass(frozen=True)
class MachoSegment:
    name: str
    address: int
    memory_size: int
    offset: int
    file_size: int
    protection: int  # initprot: VM_PROT_READ 1, WRITE 2, EXECUTE 4
    flags: int


@dataclass(frozen=True)
class MachoRelocation:
    """A place in a section of an object that refers to a symbol by name."""

    section: int  # as in MachoSymbol
    address: int  # the file's own, as symbols' values
    symbol: str


@dataclass(frozen=True)
class MachoObject:
    sections: tuple[MachoSection, ...]
    symbols: tuple[MachoSymbol, ...]
    relocations: tuple[MachoRelocation, ...]


@dataclass(frozen=True)
class MachoImage:
    """A Mach-O file as dyld sees it. Addresses are the file's own, before it is loaded."""

    cpu: tuple[int, int]  # cputype, cpusubtype
    file_type: int  # MH_DYLIB is 6
    flags: int
    commands: tuple[int, ...]
    segments: tuple[MachoSegment, ...]
    sections: tuple[MachoSection, ...]
    libraries: tuple[str, ...]
    install_name: str | None
    rpaths: tuple[str, ...]
    builds: tuple[tuple[int, int, int], ...]  # LC_BUILD_VERSION: platform, minos, sdk
    symbols: tuple[MachoSymbol, ...]
    base: int  # where the header is mapped
    exports: tuple[MachoExport, ...]
    fixups: Fixups
    signature: Signature | None


@dataclass(frozen=True)
class _Command:
    """A load command: macholib's structure, and its bytes, which strings in it count from."""

    number: int
    fields: Any
    content: Bytes
    sections: tuple[Any, ...]


def read_object(data: bytes, name: str, relocations: bool = False) -> MachoObject:
    """The symbols of a relocatable object, in the file's order, and on request its relocations.

    Raises PackageImageError for what is not a readable Mach-O file.
    """
    with damage_reported(name, _WANTED, "macholib"):
        _, commands = _open(data)
        symbols = _symbols(data, commands)
        return MachoObject(
            sections=tuple(_sections(commands)),
            symbols=symbols,
            relocations=tuple(_relocations(data, commands, symbols)) if relocations else (),
        )


def read_image(data: bytes, name: str) -> MachoImage:
    """All that `macho.py` asks of a linked image.

    Raises PackageImageError for what is not a readable Mach-O file, and for fixups of a kind that
    no image of ours has (arm64e's).
    """
    with damage_reported(name, _WANTED, "macholib"):
        header, commands = _open(data)
        _check_linking(commands)
        segments = tuple(_segment(c, len(data)) for c in commands if c.number == LC_SEGMENT_64)
        base = _base(segments)
        signatures = _linked_parts(data, commands, (_LC_CODE_SIGNATURE,))
        ids = [_string(c) for c in commands if c.number == _LC_ID_DYLIB]
        return MachoImage(
            cpu=(int(header.cputype), int(header.cpusubtype)),
            file_type=int(header.filetype),
            flags=int(header.flags),
            commands=tuple(command.number for command in commands),
            segments=segments,
            sections=tuple(_sections(commands)),
            libraries=tuple(_string(c) for c in commands if c.number in _LC_LOADS),
            install_name=ids[0] if ids else None,
            rpaths=tuple(_string(c) for c in commands if c.number == _LC_RPATH),
            builds=tuple(
                (int(c.fields.platform), int(c.fields.minos), int(c.fields.sdk))
                for c in commands
                if c.number == _LC_BUILD_VERSION
            ),
            symbols=_symbols(data, commands),
            base=base,
            exports=_exports(data, commands),
            fixups=_fixups(data, commands, segments, base),
            signature=read_signature(data, *signatures[0]) if signatures else None,
        )


def _open(data: bytes) -> tuple[Any, list[_Command]]:
    """The header and the load commands."""
    from macholib.mach_o import LC_REGISTRY, MH_MAGIC_64, load_command, mach_header_64
    from macholib.MachO import MachOHeader
    from macholib.ptypes import sizeof

    smallest = {
        number: sizeof(load_command) + sizeof(fields) for number, fields in LC_REGISTRY.items()
    }
    contents = list(_command_bytes(Bytes(data), smallest))
    header = MachOHeader(
        None, io.BytesIO(data), 0, len(data), MH_MAGIC_64, mach_header_64, "<", True
    )
    commands = [
        _Command(
            int(load.cmd),
            fields,
            content,
            tuple(parts) if int(load.cmd) == LC_SEGMENT_64 else (),
        )
        for (load, fields, parts), content in zip(header.commands, contents, strict=True)
    ]
    return header.header, commands


def _command_bytes(file: Bytes, smallest: Mapping[int, int]) -> Iterator[Bytes]:
    """Each load command's bytes, checked for what macholib takes on trust.

    It reads a command's structure even where that is longer than the command, and copies each
    section's content, so that many sections with the same bytes would fill the memory.
    """
    magic, _, _, _, count, size, _, _ = file.unpack(_HEADER, 0)
    if magic != _MH_MAGIC_64:
        raise Damaged(f"begins with {magic:#x}")
    commands = file.part(_HEADER.size, size)
    at = copied = 0
    for _ in range(count):
        number, length = commands.unpack(_COMMAND, at)
        if length < smallest.get(number, _COMMAND.size):
            raise Damaged(f"load command {number:#x} of only {length} bytes")
        content = commands.part(at, length)
        if number == LC_SEGMENT_64:
            for section in range(72, length - 79, 80):  # segment_command_64, section_64
                if not content.unpack(struct.Struct("<I"), section + 64)[0] & _S_ZEROFILL:
                    copied += content.unpack(struct.Struct("<Q"), section + 40)[0]
            if copied > len(file.data):
                raise Damaged(f"sections of {copied} bytes in a file of {len(file.data)}")
        yield content
        at += length


def _string(command: _Command) -> str:
    """The string of a command whose first field is where it begins (lc_str)."""
    (offset,) = command.content.unpack(struct.Struct("<I"), _COMMAND.size)
    text = command.content.take(offset, len(command.content.data) - offset)
    return as_text(text.partition(b"\0")[0])


def _sections(commands: Sequence[_Command]) -> Iterator[MachoSection]:
    for command in commands:
        for section in command.sections:
            yield MachoSection(
                segment=as_text(bytes(section.segname).rstrip(b"\0")),
                name=as_text(bytes(section.sectname).rstrip(b"\0")),
                address=int(section.addr),
                size=int(section.size),
                flags=int(section.flags),
            )


def _segment(command: _Command, file_size: int) -> MachoSegment:
    fields = command.fields
    inside(int(fields.fileoff), int(fields.filesize), file_size)
    if fields.vmsize < fields.filesize:
        raise Damaged("a segment is smaller in memory than in the file")
    return MachoSegment(
        name=as_text(bytes(fields.segname).rstrip(b"\0")),
        address=int(fields.vmaddr),
        memory_size=int(fields.vmsize),
        offset=int(fields.fileoff),
        file_size=int(fields.filesize),
        protection=int(fields.initprot),
        flags=int(fields.flags),
    )


def _base(segments: Sequence[MachoSegment]) -> int:
    """Where the header is mapped. Raises Damaged for segments that dyld would refuse, too."""
    for sizes in (
        [(s.address, s.memory_size) for s in segments],
        [(s.offset, s.file_size) for s in segments if s.file_size],
    ):
        sizes.sort()
        for (start, size), (following, _) in itertools.pairwise(sizes):
            if start + size > following:
                raise Damaged(f"two segments share what is at {following:#x}")
    for segment in segments:
        if segment.offset == 0 and segment.file_size:
            return segment.address
    raise Damaged("no segment maps the file's header")


def _check_linking(commands: Sequence[_Command]) -> None:
    """Raises Damaged where it is not clear what dyld would do, or where it does it by the tables
    of macOS before 10.6."""
    numbers = [command.number for command in commands]
    for kind in (
        (_LC_SYMTAB,),
        (_LC_CODE_SIGNATURE,),
        (*_LC_DYLD_INFO, _LC_DYLD_EXPORTS_TRIE),
        (*_LC_DYLD_INFO, _LC_DYLD_CHAINED_FIXUPS),
    ):
        if sum(number in kind for number in numbers) > 1:
            raise Damaged(f"several load commands of one purpose, {kind[-1]:#x}")
    for command in commands:
        if command.number == _LC_DYSYMTAB and (command.fields.nextrel or command.fields.nlocrel):
            raise Damaged("relocations in LC_DYSYMTAB")


def _linked_parts(
    data: bytes, commands: Sequence[_Command], numbers: Sequence[int]
) -> list[tuple[int, int]]:
    """Offset and size of what the commands of those numbers point at (linkedit_data_command)."""
    found = []
    for command in commands:
        if command.number in numbers:
            offset, size = command.content.unpack(_COMMAND, _COMMAND.size)
            inside(offset, size, len(data))
            found.append((offset, size))
    return found


def _dyld_info(data: bytes, commands: Sequence[_Command], part: str) -> bytes:
    """A part of LC_DYLD_INFO: 'rebase', 'bind', 'weak_bind', 'lazy_bind' or 'export'."""
    for command in commands:
        if command.number in _LC_DYLD_INFO:
            offset = int(getattr(command.fields, f"{part}_off"))
            return Bytes(data).take(offset, int(getattr(command.fields, f"{part}_size")))
    return b""


def _exports(data: bytes, commands: Sequence[_Command]) -> tuple[MachoExport, ...]:
    for offset, size in _linked_parts(data, commands, (_LC_DYLD_EXPORTS_TRIE,)):
        return read_exports(data[offset : offset + size])
    return read_exports(_dyld_info(data, commands, "export"))


def _fixups(
    data: bytes, commands: Sequence[_Command], segments: Sequence[MachoSegment], base: int
) -> Fixups:
    file = Bytes(data)
    mapped = [MappedSegment(file, s.address, s.offset, s.file_size) for s in segments]
    for offset, size in _linked_parts(data, commands, (_LC_DYLD_CHAINED_FIXUPS,)):
        return chained_fixups(data[offset : offset + size], mapped, base)
    binds = [
        (_dyld_info(data, commands, part), part == "lazy_bind")
        for part in ("bind", "weak_bind", "lazy_bind")
    ]
    return opcode_fixups(_dyld_info(data, commands, "rebase"), binds, mapped)


def _symbols(data: bytes, commands: Sequence[_Command]) -> tuple[MachoSymbol, ...]:
    for command in commands:
        if command.number == _LC_SYMTAB:
            fields = command.fields
            names = Bytes(data).part(int(fields.stroff), int(fields.strsize))
            table = Bytes(data).entries(_NLIST, int(fields.symoff), int(fields.nsyms))
            return tuple(
                MachoSymbol(names.text(name) if name else "", kind, section, value)
                for name, kind, section, _, value in table
            )
    return ()


def _relocations(
    data: bytes, commands: Sequence[_Command], symbols: Sequence[MachoSymbol]
) -> Iterator[MachoRelocation]:
    sections = [section for command in commands for section in command.sections]
    left = len(data) // _RELOCATION.size
    for number, section in enumerate(sections, 1):
        # Many sections may not share one table, which would multiply it.
        left -= int(section.nreloc)
        if left < 0:
            raise Damaged(f"more relocations than fit into {len(data)} bytes")
        table = Bytes(data).entries(_RELOCATION, int(section.reloff), int(section.nreloc))
        for address, packed in table:
            # Scattered ones (a negative address) are for 32-bit machines; without `extern` the
            # number is a section's, or an addend.
            if address >= 0 and packed >> 27 & 1:
                index = packed & 0xFF_FFFF
                if index >= len(symbols):
                    raise Damaged(f"a relocation against symbol {index} of {len(symbols)}")
                yield MachoRelocation(number, int(section.addr) + address, symbols[index].name)
