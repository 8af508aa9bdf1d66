"""How many entries an object has versions of."""

from __future__ import annotations

from packageimage.inspect.elf_file import read_object_symbols
from packageimage.inspect.file_format import object_format
from packageimage.model.errors import PackageImageError


def clones_in(data: bytes, target: int, name: str = "object") -> int | None:
    """The number of entries that the object `data` defines for CPU target `target`.

    An entry S has the symbol S.t1 in the object for target 1 when it was cloned for it
    (`codegen.slots.clone_symbol`). None for a damaged file or a format that is not read here.
    """
    try:
        if object_format(data, name) != "elf":
            return None
        symbols = read_object_symbols(data, name)
    except PackageImageError:
        return None
    suffix = f".t{target}"
    return sum(symbol.name.endswith(suffix) and not symbol.undefined for symbol in symbols)
