"""Read what we need of an ELF file into plain values; the edge to pyelftools.

pyelftools fails on a damaged file in many ways. All failures become one PackageImageError here
(`damage.py`), so nothing but reading may happen in this module: what the values mean is decided in
modules where a bug of ours keeps its traceback.

Only little-endian 64-bit files are read; no platform of ours has others.
"""

from __future__ import annotations

import io
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from packageimage.inspect.damage import Damaged, damage_reported, inside

_WANTED = "a little-endian 64-bit ELF file"

# Elf64 sizes. Checked before a table is walked: a damaged entry size would turn a table of ten
# entries into one of millions.
_SIZEOF_SYM = 24
_SIZEOF_RELA = 24
_SIZEOF_REL = 16


@dataclass(frozen=True)
class ElfSymbol:
    """One entry of a symbol table; the names are ELF's."""

    name: str
    bind: str  # STB_LOCAL, STB_GLOBAL, STB_WEAK
    visibility: str  # STV_DEFAULT, STV_HIDDEN, ...
    section: int | str  # index or SHN_UNDEF, SHN_ABS, SHN_COMMON
    value: int
    size: int
    type: str  # STT_FUNC, ...

    @property
    def undefined(self) -> bool:
        return self.section == "SHN_UNDEF"


@dataclass(frozen=True)
class ElfObjectRelocation:
    """A place in a section of an object that refers to a symbol by name."""

    section: int  # as in ElfSymbol
    offset: int
    symbol: str


@dataclass(frozen=True)
class ElfObject:
    symbols: tuple[ElfSymbol, ...]
    relocations: tuple[ElfObjectRelocation, ...]


@dataclass(frozen=True)
class ElfSection:
    name: str
    type: str
    address: int
    offset: int
    size: int


@dataclass(frozen=True)
class ElfSegment:
    type: str  # PT_LOAD, ...
    flags: int  # PF_X 1, PF_W 2, PF_R 4
    offset: int
    address: int
    file_size: int
    memory_size: int


@dataclass(frozen=True)
class ElfRelocation:
    """A dynamic relocation. `symbol` is the name it refers to, '' when to none."""

    offset: int  # address of what the loader rewrites
    type: int
    symbol: str
    addend: int | None  # None: the addend is what the file holds at `offset` (REL, RELR)


@dataclass(frozen=True)
class ElfImage:
    """An ELF file as the operating system's loader sees it: by its program headers."""

    machine: str  # EM_X86_64, ...
    type: str  # ET_DYN, ...
    sections: tuple[ElfSection, ...]
    segments: tuple[ElfSegment, ...]
    dynamic: tuple[tuple[str, int], ...]  # tag and value, in the file's order
    libraries: tuple[str, ...]  # DT_NEEDED
    symbols: tuple[ElfSymbol, ...]  # the dynamic ones
    relocations: tuple[ElfRelocation, ...]


def read_object(data: bytes, name: str, relocations: bool = False) -> ElfObject:
    """The symbols of a relocatable object, in the file's order, and on request its relocations;
    none of both without a symbol table.

    Raises PackageImageError for what is not a readable ELF file.
    """
    with damage_reported(name, _WANTED, "pyelftools"):
        elf = _open(data)
        symbols = tuple(
            _symbol(symbol.entry, symbol.name)
            for section in elf.iter_sections("SHT_SYMTAB")
            if _is_table(section.header, _SIZEOF_SYM, len(data))
            for symbol in section.iter_symbols()
        )
        return ElfObject(
            symbols,
            tuple(_object_relocations(elf, symbols, len(data))) if relocations else (),
        )


def read_image(data: bytes, name: str) -> ElfImage:
    """All that `elf.py` asks of a linked image.

    Raises PackageImageError for what is not a readable ELF file.
    """
    with damage_reported(name, _WANTED, "pyelftools"):
        elf = _open(data)
        dynamic_segment = next(elf.iter_segments("PT_DYNAMIC"), None)
        if dynamic_segment is None:
            raise Damaged("no dynamic segment")
        inside(dynamic_segment["p_offset"], dynamic_segment["p_filesz"], len(data))
        tags = tuple(dynamic_segment.iter_tags())
        dynamic = tuple((str(tag.entry.d_tag), int(tag.entry.d_val)) for tag in tags)
        symbols = _dynamic_symbols(elf, dynamic_segment, len(data))
        return ElfImage(
            machine=str(elf["e_machine"]),
            type=str(elf["e_type"]),
            sections=tuple(_section(section, len(data)) for section in elf.iter_sections()),
            segments=tuple(_segment(segment, len(data)) for segment in elf.iter_segments()),
            dynamic=dynamic,
            libraries=tuple(tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"),
            symbols=symbols,
            relocations=tuple(
                _relocations(dynamic_segment, dict(dynamic), symbols, len(data)),
            ),
        )


def _open(data: bytes) -> Any:
    from elftools.elf.elffile import ELFFile  # 60 ms; only commands that read ELF pay it

    # A mapped file is a stream itself, and its bytes are not read before they are asked for.
    elf = ELFFile(data if isinstance(data, mmap.mmap) else io.BytesIO(data))
    if elf.elfclass != 64 or not elf.little_endian:
        raise Damaged(f"{elf.elfclass} bit, {'little' if elf.little_endian else 'big'} endian")
    return elf


def _is_table(header: Any, entry_size: int, file_size: int) -> bool:
    inside(header["sh_offset"], header["sh_size"], file_size)
    if header["sh_entsize"] != entry_size:
        raise Damaged(f"table with entries of {header['sh_entsize']} bytes, not {entry_size}")
    return True


def _symbol(entry: Any, name: str) -> ElfSymbol:
    section = entry["st_shndx"]
    return ElfSymbol(
        name=name,
        bind=str(entry["st_info"]["bind"]),
        visibility=str(entry["st_other"]["visibility"]),
        section=section if isinstance(section, int) else str(section),
        value=int(entry["st_value"]),
        size=int(entry["st_size"]),
        type=str(entry["st_info"]["type"]),
    )


def _object_relocations(
    elf: Any, symbols: tuple[ElfSymbol, ...], file_size: int
) -> Iterator[ElfObjectRelocation]:
    left = file_size
    for section in elf.iter_sections():
        if section["sh_type"] not in ("SHT_RELA", "SHT_REL"):
            continue
        entry_size = _SIZEOF_RELA if section["sh_type"] == "SHT_RELA" else _SIZEOF_REL
        _is_table(section.header, entry_size, file_size)
        # Many sections may not share one table, which would multiply it.
        left -= section["sh_size"]
        if left < 0:
            raise Damaged(f"more relocations than fit into {file_size} bytes")
        for relocation in section.iter_relocations():
            symbol = int(relocation["r_info_sym"])
            if symbol:
                yield ElfObjectRelocation(
                    int(section["sh_info"]), int(relocation["r_offset"]), symbols[symbol].name
                )


def _section(section: Any, file_size: int) -> ElfSection:
    if section["sh_type"] != "SHT_NOBITS":
        inside(section["sh_offset"], section["sh_size"], file_size)
    return ElfSection(
        name=str(section.name),
        type=str(section["sh_type"]),
        address=int(section["sh_addr"]),
        offset=int(section["sh_offset"]),
        size=int(section["sh_size"]),
    )


def _segment(segment: Any, file_size: int) -> ElfSegment:
    inside(segment["p_offset"], segment["p_filesz"], file_size)
    if segment["p_type"] == "PT_LOAD" and segment["p_memsz"] < segment["p_filesz"]:
        raise Damaged("a segment is smaller in memory than in the file")
    return ElfSegment(
        type=str(segment["p_type"]),
        flags=int(segment["p_flags"]),
        offset=int(segment["p_offset"]),
        address=int(segment["p_vaddr"]),
        file_size=int(segment["p_filesz"]),
        memory_size=int(segment["p_memsz"]),
    )


def _dynamic_symbols(elf: Any, dynamic_segment: Any, file_size: int) -> tuple[ElfSymbol, ...]:
    """The dynamic symbol table; its length is in the section header or in the hash table."""
    for section in elf.iter_sections("SHT_DYNSYM"):
        _is_table(section.header, _SIZEOF_SYM, file_size)
        return tuple(_symbol(symbol.entry, symbol.name) for symbol in section.iter_symbols())
    count = dynamic_segment.num_symbols()
    if count * _SIZEOF_SYM > file_size:
        raise Damaged(f"{count} dynamic symbols in a file of {file_size} bytes")
    return tuple(_symbol(symbol.entry, symbol.name) for symbol in dynamic_segment.iter_symbols())


def _relocations(
    dynamic_segment: Any, tags: dict[str, int], symbols: tuple[ElfSymbol, ...], file_size: int
) -> Iterator[ElfRelocation]:
    for size in ("DT_RELSZ", "DT_RELASZ", "DT_RELRSZ", "DT_PLTRELSZ"):
        if tags.get(size, 0) > file_size:
            raise Damaged(f"{size} is {tags[size]} in a file of {file_size} bytes")
    for kind, table in dynamic_segment.get_relocation_tables().items():
        for relocation in table.iter_relocations():
            entry = relocation.entry
            if kind == "RELR":  # relative by definition and without a type of its own
                yield ElfRelocation(int(entry["r_offset"]), RELR_TYPE, "", None)
                continue
            symbol = int(entry["r_info_sym"])
            yield ElfRelocation(
                offset=int(entry["r_offset"]),
                type=int(entry["r_info_type"]),
                symbol=symbols[symbol].name if symbol else "",
                addend=int(entry["r_addend"]) if relocation.is_RELA() else None,
            )


RELR_TYPE = -1
"""`ElfRelocation.type` of an entry of a RELR table."""
