"""Who in an object refers to a name it does not define: for messages."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from packageimage.inspect.object_file import ObjectSymbol, read_object


def referring_functions(data: bytes, name: str, file: str = "object") -> tuple[str, ...]:
    """The functions of an object whose code has a relocation to the symbol `name`, sorted.

    `name` and what is returned are the format's own names, as in `undefined_symbols`. `file` is the
    file's name, for messages. Raises PackageImageError for a damaged file and for one of no known
    format.
    """
    read = read_object(data, file, references=True)
    # MinGW's code reaches a variable of another object through a constant of this name.
    wanted = {name, f".refptr.{name}"} if read.object_format == "coff" else {name}
    functions: dict[int, list[ObjectSymbol]] = {}
    for symbol in read.symbols:
        if symbol.code is not None:
            functions.setdefault(symbol.code, []).append(symbol)
    for symbols in functions.values():
        symbols.sort(key=lambda symbol: symbol.address)
    found = {
        function
        for reference in read.references
        if reference.symbol in wanted
        for function in _holders(functions.get(reference.section, []), reference.address)
    }
    return tuple(sorted(found))


def _holders(functions: list[ObjectSymbol], address: int) -> Iterable[str]:
    """Of one section's functions, in the order of their addresses, those that hold the place.

    Functions may share their address (aliases); they do not overlap otherwise.
    """
    last = bisect_right(functions, address, key=lambda symbol: symbol.address) - 1
    if last < 0:
        return
    start = functions[last].address
    while last >= 0 and functions[last].address == start:
        size = functions[last].size
        if size is None or address < start + size:
            yield functions[last].name
        last -= 1
