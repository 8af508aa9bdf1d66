"""Who in an object refers to a name it does not define: for messages."""

from __future__ import annotations

import io

from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection


def referring_functions(data: bytes, name: str) -> tuple[str, ...]:
    """The functions of an ELF object whose code has a relocation to *name*, sorted.

    Empty for another object format: then nobody is named.
    """
    if data[:4] != b"\x7fELF":
        return ()
    elf = ELFFile(io.BytesIO(data))
    symbols = next((s for s in elf.iter_sections() if isinstance(s, SymbolTableSection)), None)
    if symbols is None:
        return ()
    table = list(symbols.iter_symbols())
    wanted = {number for number, symbol in enumerate(table) if symbol.name == name}
    functions = [symbol for symbol in table if symbol["st_info"]["type"] == "STT_FUNC"]
    found: set[str] = set()
    for section in elf.iter_sections():
        if not isinstance(section, RelocationSection):
            continue
        patched = section["sh_info"]
        for relocation in section.iter_relocations():
            if relocation["r_info_sym"] not in wanted:
                continue
            offset = relocation["r_offset"]
            found.update(
                symbol.name
                for symbol in functions
                if symbol["st_shndx"] == patched
                and symbol["st_value"] <= offset < symbol["st_value"] + symbol["st_size"]
            )
    return tuple(sorted(found))
