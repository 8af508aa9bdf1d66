"""What a relocatable object asks of others, for every object format."""

from __future__ import annotations

from collections.abc import Callable

from packageimage.inspect.elf_file import read_object_symbols
from packageimage.inspect.file_format import object_format
from packageimage.model.errors import PackageImageError, one_line

# Compilers refer to it and every ELF linker defines it; it is nobody's to provide.
_DEFINED_BY_LINKERS = frozenset({"_GLOBAL_OFFSET_TABLE_"})


def undefined_symbols(data: bytes, name: str = "object") -> tuple[str, ...]:
    """The names that the object `data` uses and does not define: sorted, each once.

    Weak ones count too: an image has no undefined symbols of any kind. Names are the format's own
    (Mach-O's keep their leading underscore). `name` is the file's name, for messages.

    Raises PackageImageError for a damaged file and for a format that cannot be read yet.
    """
    found = object_format(data, name)
    reader = _READERS.get(found)
    if reader is None:
        raise PackageImageError(
            f"{one_line(name)}: expected an object in one of the formats {', '.join(_READERS)}, "
            f"found {found}, which this version cannot read; build for a Linux platform"
        )
    return tuple(sorted(set(reader(data, name))))


def _elf(data: bytes, name: str) -> list[str]:
    return [
        symbol.name
        for symbol in read_object_symbols(data, name)
        # Symbol 0 of every table is undefined and nameless.
        if symbol.undefined and symbol.name and symbol.name not in _DEFINED_BY_LINKERS
    ]


_READERS: dict[str, Callable[[bytes, str], list[str]]] = {"elf": _elf}
