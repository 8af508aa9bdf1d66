"""What there is to know about a relocatable object, in no object format's words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from packageimage.inspect import coff_file, elf_file, macho_file
from packageimage.inspect.file_format import object_format


@dataclass(frozen=True)
class ObjectSymbol:
    """A symbol; its name is the format's own (Mach-O's keep their leading underscore).

    undefined: something else must define it; weak ones too. code: the section that holds it when it
    begins code that a function may be named for, else None. size: None where the format says none:
    there a function ends where the next one begins.
    """

    name: str
    undefined: bool
    code: int | None
    address: int
    size: int | None


@dataclass(frozen=True)
class Reference:
    """A place of a section that refers to a symbol. Counted as `ObjectSymbol.code`, `.address`."""

    section: int
    address: int
    symbol: str


@dataclass(frozen=True)
class ObjectFile:
    object_format: str
    symbols: tuple[ObjectSymbol, ...]
    references: tuple[Reference, ...]


def read_object(data: bytes, name: str, references: bool = False) -> ObjectFile:
    """The symbols of the object `data` and on request what refers to them.

    `name` is the file's name, for messages. Raises PackageImageError for a damaged file and for
    one of no known format.
    """
    found = object_format(data, name)
    return _READERS[found](data, name, references)


def _elf(data: bytes, name: str, references: bool) -> ObjectFile:
    read = elf_file.read_object(data, name, references)
    return ObjectFile(
        "elf",
        tuple(
            ObjectSymbol(
                name=symbol.name,
                # Symbol 0 of every table is undefined and nameless.
                undefined=symbol.undefined and bool(symbol.name),
                code=symbol.section
                if symbol.type == "STT_FUNC" and isinstance(symbol.section, int)
                else None,
                address=symbol.value,
                size=symbol.size,
            )
            for symbol in read.symbols
        ),
        tuple(Reference(r.section, r.offset, r.symbol) for r in read.relocations),
    )


_S_ATTR_INSTRUCTIONS = 0x8000_0400  # PURE_INSTRUCTIONS, SOME_INSTRUCTIONS


def _macho(data: bytes, name: str, references: bool) -> ObjectFile:
    read = macho_file.read_object(data, name, references)
    code = {
        number
        for number, section in enumerate(read.sections, 1)
        if section.flags & _S_ATTR_INSTRUCTIONS
    }
    return ObjectFile(
        "macho",
        tuple(
            ObjectSymbol(
                name=symbol.name,
                undefined=symbol.undefined,
                code=symbol.section
                # LLVM's ltmp0 marks the section's start and lies on its first function.
                if symbol.section in code and not symbol.stab and symbol.name.startswith("_")
                else None,
                address=symbol.value,
                size=None,
            )
            for symbol in read.symbols
        ),
        tuple(Reference(r.section, r.address, r.symbol) for r in read.relocations),
    )


_SYM_FUNCTION = 0x20  # IMAGE_SYM_DTYPE_FUNCTION, in the high byte's place


def _coff(data: bytes, name: str, references: bool) -> ObjectFile:
    read = coff_file.read_object(data, name, references)
    return ObjectFile(
        "coff",
        tuple(
            ObjectSymbol(
                name=symbol.name,
                undefined=_coff_undefined(symbol, read.symbols),
                code=symbol.section
                if symbol.section > 0 and symbol.type == _SYM_FUNCTION
                else None,
                address=symbol.value,
                size=None,
            )
            for symbol in read.symbols.values()
        ),
        tuple(Reference(r.section, r.offset, r.symbol) for r in read.relocations),
    )


def _coff_undefined(symbol: coff_file.CoffSymbol, symbols: dict[int, coff_file.CoffSymbol]) -> bool:
    """A weak external is defined when its default is: so LLVM writes a weak function. One that is
    null where nobody defines it has an absolute default."""
    if symbol.section != 0:
        return False
    if symbol.storage_class == coff_file.CLASS_WEAK_EXTERNAL and symbol.default is not None:
        default = symbols.get(symbol.default)
        return default is None or default.section <= 0
    # With a value, its size, it is a common symbol.
    return symbol.value == 0 and symbol.storage_class in (
        coff_file.CLASS_EXTERNAL,
        coff_file.CLASS_WEAK_EXTERNAL,
    )


_READERS: dict[str, Callable[[bytes, str, bool], ObjectFile]] = {
    "elf": _elf,
    "macho": _macho,
    "coff": _coff,
}
