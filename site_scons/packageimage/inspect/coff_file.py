"""Read what we need of a COFF object or a PE image into plain values; the edge to pefile.

pefile reads an image's headers and section table. The directories behind them are read here: pefile
is made for malware and passes over what it cannot parse, while an export or an import that is
passed over would be a broken rule that nobody sees. It does not read objects.

All failures become one PackageImageError here (`damage.py`), so nothing but reading may happen in
this module. Layouts: Microsoft's "PE Format"; the names are its own. Of images only PE32+ ones are
read, of objects only little-endian ones; no platform of ours has others.
"""

from __future__ import annotations

import bisect
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from packageimage.inspect.damage import Bytes, Damaged, as_text, damage_reported, inside

_DIRECTORY = {"export": 0, "import": 1, "reloc": 5, "debug": 6, "tls": 9, "delay": 13, "clr": 14}
_EXPORTS = struct.Struct("<IIHHIIIIIII")  # IMAGE_EXPORT_DIRECTORY
_IMPORTS = struct.Struct("<IIIII")  # IMAGE_IMPORT_DESCRIPTOR
_DELAYED = struct.Struct("<8I")  # IMAGE_DELAYLOAD_DESCRIPTOR
_BLOCK = struct.Struct("<II")  # IMAGE_BASE_RELOCATION
_DEBUG = struct.Struct("<IIHHIIII")  # IMAGE_DEBUG_DIRECTORY
_TLS = struct.Struct("<QQQQII")  # IMAGE_TLS_DIRECTORY64
_DWORD = struct.Struct("<I")
_WORD = struct.Struct("<H")
_POINTER = struct.Struct("<Q")
_PE32_PLUS = 0x20B
_CHECKSUM_OFFSET = 88  # from the PE signature on
_CODEVIEW = 2  # IMAGE_DEBUG_TYPE_CODEVIEW
_CODEVIEW_PATH = 24  # behind 'RSDS', a GUID and a number: the debug file's path

_FILE_HEADER = struct.Struct("<HHIIIHH")
_BIG_HEADER = struct.Struct("<HHHHI16sIIIIIII")  # ANON_OBJECT_HEADER_BIGOBJ
_BIG_CLASS = bytes.fromhex("c7a1bad1eebaa94baf20faf66aa4dcb8")
_SECTION = struct.Struct("<8sIIIIIIHHI")  # IMAGE_SECTION_HEADER
_SYMBOL = struct.Struct("<8sIhHBB")  # IMAGE_SYMBOL
_BIG_SYMBOL = struct.Struct("<8sIiHBB")  # IMAGE_SYMBOL_EX
_RELOCATION = struct.Struct("<IIH")  # IMAGE_RELOCATION
_SCN_LNK_NRELOC_OVFL = 0x0100_0000

CLASS_EXTERNAL = 2
CLASS_WEAK_EXTERNAL = 105

_OBJECT = "a COFF object"
_IMAGE = "a 64-bit PE image"


@dataclass(frozen=True)
class CoffSection:
    """A section; in an object its address is 0.

    memory_size: 0 in an object. file_size: what is in the file, which may be more than is mapped.
    """

    name: str
    address: int
    memory_size: int
    offset: int
    file_size: int
    characteristics: int


@dataclass(frozen=True)
class CoffSymbol:
    """One entry of an object's symbol table, with `default` from its auxiliary record."""

    name: str
    value: int
    section: int  # counted from 1; 0 undefined or common, -1 absolute, -2 debugging
    type: int
    storage_class: int
    default: int | None  # a weak external: the index of the symbol that stands in for it


@dataclass(frozen=True)
class CoffRelocation:
    """A place in a section of an object that refers to a symbol by name."""

    section: int  # as in CoffSymbol
    offset: int
    symbol: str


@dataclass(frozen=True)
class CoffObject:
    """symbols: by their index, which auxiliary records count in."""

    sections: tuple[CoffSection, ...]
    symbols: dict[int, CoffSymbol]
    relocations: tuple[CoffRelocation, ...]


@dataclass(frozen=True)
class PeExport:
    """forwarder: the other DLL's export that it stands for. name: None for one without."""

    name: str | None
    ordinal: int
    address: int
    forwarder: str | None


@dataclass(frozen=True)
class PeExports:
    name: str
    stamp: int
    exports: tuple[PeExport, ...]


@dataclass(frozen=True)
class PeImage:
    """A PE file as Windows' loader sees it. Addresses are relative to the image (RVAs)."""

    machine: int
    characteristics: int
    dll_characteristics: int
    stamp: int
    image_base: int
    entry_point: int  # 0: none
    checksum: int
    checksum_offset: int
    sections: tuple[CoffSection, ...]
    exports: PeExports | None
    imports: tuple[tuple[str, tuple[str, ...]], ...]  # DLL, names; delayed ones too
    relocations: tuple[tuple[int, int], ...]  # address, IMAGE_REL_BASED_*
    tls_callbacks: tuple[int, ...]
    debug: tuple[tuple[int, str], ...]  # time stamp, path of a debug file or ''
    managed: bool  # has a CLR header: code for .NET


def read_object(data: bytes, name: str, relocations: bool = False) -> CoffObject:
    """The symbols of a relocatable object, also of a big one, and on request its relocations.

    Raises PackageImageError for what is not a readable COFF object.
    """
    with damage_reported(name, _OBJECT):
        file = Bytes(data)
        sections_at, n_sections, symbols_at, n_symbols, record = _object_header(file)
        table = file.part(symbols_at, n_symbols * record.size)
        strings = _strings(file, symbols_at + len(table.data)) if symbols_at else Bytes(b"")
        symbols = dict(_symbols(table, n_symbols, record, strings))
        headers = list(
            file.part(sections_at, n_sections * _SECTION.size).entries(_SECTION, 0, n_sections)
        )
        return CoffObject(
            sections=tuple(_section(header, strings) for header in headers),
            symbols=symbols,
            relocations=tuple(_relocations(file, headers, symbols)) if relocations else (),
        )


def read_image(data: bytes, name: str) -> PeImage:
    """All that `coff.py` asks of a linked image.

    Raises PackageImageError for what is not a readable PE32+ file.
    """
    with damage_reported(name, _IMAGE, "pefile"):
        import pefile

        # Without fast_load it would read all directories, and count every byte of the file.
        headers = pefile.PE(data=data, fast_load=True)
        optional, file_header = headers.OPTIONAL_HEADER, headers.FILE_HEADER
        if optional.Magic != _PE32_PLUS:
            raise Damaged(f"optional header {optional.Magic:#x}, not {_PE32_PLUS:#x}")
        memory = _Mapped(data, _image_sections(data, headers))
        directories = [(int(d.VirtualAddress), int(d.Size)) for d in optional.DATA_DIRECTORY]
        place = {
            part: directories[index] if index < len(directories) else (0, 0)
            for part, index in _DIRECTORY.items()
        }
        return PeImage(
            machine=int(file_header.Machine),
            characteristics=int(file_header.Characteristics),
            dll_characteristics=int(optional.DllCharacteristics),
            stamp=int(file_header.TimeDateStamp),
            image_base=int(optional.ImageBase),
            entry_point=int(optional.AddressOfEntryPoint),
            checksum=int(optional.CheckSum),
            checksum_offset=int(headers.DOS_HEADER.e_lfanew) + _CHECKSUM_OFFSET,
            sections=memory.sections,
            exports=_exports(memory, *place["export"]),
            imports=tuple(_imports(memory, place["import"][0], place["delay"][0])),
            relocations=tuple(_base_relocations(memory, *place["reloc"])),
            tls_callbacks=tuple(_tls_callbacks(memory, place["tls"][0], int(optional.ImageBase))),
            debug=tuple(_debug(memory, *place["debug"])),
            managed=place["clr"] != (0, 0),
        )


def _object_header(file: Bytes) -> tuple[int, int, int, int, struct.Struct]:
    """Where the sections are and how many; the same of the symbols, and their layout."""
    if file.take(0, 4) == b"\0\0\xff\xff":
        fields = file.unpack(_BIG_HEADER, 0)
        version, class_id, (n_sections, symbols_at, n_symbols) = fields[2], fields[5], fields[-3:]
        if version < 2 or class_id != _BIG_CLASS:
            raise Damaged("an import library's or compiler's member, not a big object")
        return _BIG_HEADER.size, n_sections, symbols_at, n_symbols, _BIG_SYMBOL
    _, n_sections, _, symbols_at, n_symbols, optional, _ = file.unpack(_FILE_HEADER, 0)
    return _FILE_HEADER.size + optional, n_sections, symbols_at, n_symbols, _SYMBOL


def _strings(file: Bytes, offset: int) -> Bytes:
    """The string table, whose offsets count from its own size field."""
    (size,) = file.unpack(_DWORD, offset)
    return file.part(offset, max(size, _DWORD.size))


def _symbols(
    table: Bytes, count: int, record: struct.Struct, strings: Bytes
) -> Iterator[tuple[int, CoffSymbol]]:
    index = 0
    while index < count:
        short, value, section, kind, storage_class, n_aux = table.unpack(
            record, index * record.size
        )
        default = None
        if storage_class == CLASS_WEAK_EXTERNAL and n_aux:
            (default,) = table.unpack(_DWORD, (index + 1) * record.size)
        yield (
            index,
            CoffSymbol(_symbol_name(short, strings), value, section, kind, storage_class, default),
        )
        index += 1 + n_aux


def _symbol_name(field: Any, strings: Bytes) -> str:
    """Eight bytes, or four zeros and an offset into the string table."""
    zeros, offset = struct.unpack("<II", field)
    return as_text(field.rstrip(b"\0")) if zeros else strings.text(offset)


def _section(fields: Sequence[Any], strings: Bytes) -> CoffSection:
    name, memory_size, address, file_size, offset, _, _, _, _, characteristics = fields
    return CoffSection(
        _section_name(name, strings), address, memory_size, offset, file_size, characteristics
    )


def _section_name(field: bytes, strings: Bytes) -> str:
    """Eight bytes, or '/' and a decimal offset into the string table."""
    name = as_text(field.rstrip(b"\0"))
    if name[:1] == "/" and name[1:].isdecimal():
        return strings.text(int(name[1:]))
    return name  # also '//' and an offset in base 64, of tables beyond 9 MB


def _relocations(
    file: Bytes, headers: Sequence[Sequence[Any]], symbols: dict[int, CoffSymbol]
) -> Iterator[CoffRelocation]:
    left = len(file.data) // _RELOCATION.size
    for number, fields in enumerate(headers, 1):
        offset, count = fields[5], fields[7]
        if fields[9] & _SCN_LNK_NRELOC_OVFL and count == 0xFFFF:
            # The count is in the first record's address, and counts that record.
            count = file.unpack(_RELOCATION, offset)[0] - 1
            offset += _RELOCATION.size
        # Many sections may not share one table, which would multiply it.
        left -= count
        if left < 0 or count < 0:
            raise Damaged(f"more relocations than fit into {len(file.data)} bytes")
        for address, symbol, _ in file.entries(_RELOCATION, offset, count):
            if symbol not in symbols:
                raise Damaged(f"a relocation against {symbol}, which is no symbol")
            yield CoffRelocation(number, address, symbols[symbol].name)


class _Mapped:
    """A PE image's bytes by their RVA. `sections` are in the order of their addresses."""

    def __init__(self, data: bytes, sections: tuple[CoffSection, ...]) -> None:
        self.sections = sections
        self.size = len(data)
        self._file = Bytes(data)
        self._addresses = [section.address for section in sections]

    def _place(self, address: int) -> tuple[int, int]:
        """Where that is in the file, and how much of its section follows there."""
        number = bisect.bisect_right(self._addresses, address) - 1
        if number >= 0:
            section = self.sections[number]
            offset = address - section.address
            size = min(section.memory_size, section.file_size)
            if offset < size:
                return section.offset + offset, size - offset
        raise Damaged(f"{address:#x} is in no section's content")

    def part(self, address: int, size: int) -> Bytes:
        offset, left = self._place(address)
        inside(0, size, left)
        return self._file.part(offset, size)

    def unpack(self, fields: struct.Struct, address: int) -> tuple[Any, ...]:
        offset, left = self._place(address)
        inside(0, fields.size, left)
        return self._file.unpack(fields, offset)

    def entries(self, fields: struct.Struct, address: int, count: int) -> Iterator[tuple[Any, ...]]:
        return self.part(address, count * fields.size).entries(fields, 0, count)

    def text(self, address: int) -> str:
        return self._file.text(*self._place(address))


def _image_sections(data: bytes, headers: Any) -> tuple[CoffSection, ...]:
    """The section table. Raises Damaged for one that Windows would refuse, too."""
    file_header = headers.FILE_HEADER
    strings = Bytes(b"")
    if file_header.PointerToSymbolTable:
        end = file_header.PointerToSymbolTable + file_header.NumberOfSymbols * _SYMBOL.size
        strings = _strings(Bytes(data), end)
    found = sorted(headers.sections, key=lambda section: section.get_file_offset())
    if len(found) != file_header.NumberOfSections:
        raise Damaged(f"{file_header.NumberOfSections} sections, of which {len(found)} are there")
    sections = []
    end = 0
    for section in found:
        size = int(section.SizeOfRawData)
        inside(int(section.PointerToRawData), size, len(data))
        if section.VirtualAddress < end:
            raise Damaged(f"two sections share what is at {section.VirtualAddress:#x}")
        end = section.VirtualAddress + section.Misc_VirtualSize
        sections.append(
            CoffSection(
                name=_section_name(bytes(section.Name), strings),
                address=int(section.VirtualAddress),
                memory_size=int(section.Misc_VirtualSize),
                offset=int(section.PointerToRawData),
                file_size=size,
                characteristics=int(section.Characteristics),
            )
        )
    return tuple(sections)


def _exports(memory: _Mapped, address: int, size: int) -> PeExports | None:
    if not address:
        return None
    _, stamp, _, _, name, base, n_functions, n_names, functions, names, ordinals = memory.unpack(
        _EXPORTS, address
    )
    named: dict[int, list[str]] = {}
    if n_names:
        places = memory.entries(_DWORD, names, n_names)
        numbers = memory.entries(_WORD, ordinals, n_names)
        for (place,), (number,) in zip(places, numbers, strict=True):
            if number >= n_functions:
                raise Damaged(f"an export with the number {number} of {n_functions}")
            named.setdefault(number, []).append(memory.text(place))
    exports: list[PeExport] = []
    addresses = memory.entries(_DWORD, functions, n_functions) if n_functions else iter(())
    for number, (place,) in enumerate(addresses):
        if place:
            # What leads into the directory is the name of another DLL's export.
            forwarder = memory.text(place) if address <= place < address + size else None
            exports.extend(
                PeExport(export, base + number, place, forwarder)
                for export in named.get(number, [None])
            )
    return PeExports(memory.text(name), stamp, tuple(exports))


def _imports(memory: _Mapped, imports: int, delayed: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The import directory and the delayed one; the entries of both end with an empty one."""
    # Many DLLs may not share one list of names, which would multiply it.
    left = iter(range(memory.size // _POINTER.size))
    while imports:
        lookup, _, _, name, bound = memory.unpack(_IMPORTS, imports)
        if not name:
            break
        yield memory.text(name), tuple(_imported(memory, lookup or bound, left))
        imports += _IMPORTS.size
    while delayed:
        _, name, _, _, lookup, _, _, _ = memory.unpack(_DELAYED, delayed)
        if not name:
            break
        yield memory.text(name), tuple(_imported(memory, lookup, left))
        delayed += _DELAYED.size


def _imported(memory: _Mapped, lookup: int, left: Iterator[int]) -> Iterator[str]:
    while lookup:
        if next(left, None) is None:
            raise Damaged(f"more imports than fit into {memory.size} bytes")
        (entry,) = memory.unpack(_POINTER, lookup)
        if not entry:
            return
        # A hint of two bytes stands before the name.
        yield f"ordinal {entry & 0xFFFF}" if entry >> 63 else memory.text((entry & 0x7FFF_FFFF) + 2)
        lookup += _POINTER.size


def _base_relocations(memory: _Mapped, address: int, size: int) -> Iterator[tuple[int, int]]:
    if not address:
        return
    directory, at = memory.part(address, size), 0
    while at < size:
        page, length = directory.unpack(_BLOCK, at)
        if length < _BLOCK.size or length % _WORD.size:
            raise Damaged(f"a block of base relocations of {length} bytes")
        count = (length - _BLOCK.size) // _WORD.size
        for (entry,) in directory.entries(_WORD, at + _BLOCK.size, count):
            if entry >> 12:  # 0, IMAGE_REL_BASED_ABSOLUTE, is padding
                yield page + (entry & 0xFFF), entry >> 12
        at += length


def _tls_callbacks(memory: _Mapped, address: int, image_base: int) -> Iterator[int]:
    """The functions that run for each thread, the first at load; the list ends with a zero."""
    if not address:
        return
    # All of its pointers are addresses, not RVAs.
    callbacks = memory.unpack(_TLS, address)[3]
    while callbacks:
        (function,) = memory.unpack(_POINTER, callbacks - image_base)
        if not function:
            return
        yield function - image_base
        callbacks += _POINTER.size


def _debug(memory: _Mapped, address: int, size: int) -> Iterator[tuple[int, str]]:
    if not address:
        return
    for _, stamp, _, _, kind, length, place, _ in memory.entries(
        _DEBUG, address, size // _DEBUG.size
    ):
        path = ""
        if kind == _CODEVIEW:
            inside(0, _CODEVIEW_PATH, length)
            path = memory.text(place + _CODEVIEW_PATH)
        yield stamp, path
