"""How many entries an object has versions of."""

from __future__ import annotations

from packageimage.inspect.object_file import read_object
from packageimage.model.errors import PackageImageError


def clones_in(data: bytes, target: int, name: str = "object") -> int | None:
    """The number of entries that the object `data` defines for CPU target `target`.

    An entry S has the symbol S.t1 in the object for target 1 when it was cloned for it
    (`codegen.slots.clone_symbol`). None for a damaged file or one of no known format.
    """
    try:
        symbols = read_object(data, name).symbols
    except PackageImageError:
        return None
    suffix = f".t{target}"
    return sum(symbol.name.endswith(suffix) and not symbol.undefined for symbol in symbols)
