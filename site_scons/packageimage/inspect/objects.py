"""What a relocatable object asks of others, for every object format."""

from __future__ import annotations

from packageimage.inspect.object_file import read_object

# Compilers refer to them and the format's linkers define them; they are nobody's to provide.
_DEFINED_BY_LINKERS = {
    "elf": frozenset({"_GLOBAL_OFFSET_TABLE_"}),
    "macho": frozenset({"___dso_handle", "__mh_dylib_header"}),
    "coff": frozenset({"__ImageBase"}),
}


def undefined_symbols(data: bytes, name: str = "object") -> tuple[str, ...]:
    """The names that the object `data` uses and does not define: sorted, each once.

    Weak ones count too: an image has no undefined symbols of any kind. Names are the format's own
    (Mach-O's keep their leading underscore). `name` is the file's name, for messages.

    Raises PackageImageError for a damaged file and for one of no known format.
    """
    read = read_object(data, name)
    asked = {symbol.name for symbol in read.symbols if symbol.undefined}
    return tuple(sorted(asked - _DEFINED_BY_LINKERS[read.object_format]))
