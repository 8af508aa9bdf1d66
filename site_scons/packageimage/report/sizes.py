"""Where an image's bytes are: a tree of sizes. Pure.

    file
      code for haswell          a CPU target
        kernels.sums            a module
          moments(array(...))   a function
      data
        bitcode, methods, ...   parts of the exported table
      constants, tables, symbols, padding

All sizes are bytes of the file, and those of a node's children add up to its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from packageimage.inspect.facts import ImageFacts
from packageimage.model.record import Record
from packageimage.report.names import entry_of, name_of, target_of
from packageimage.report.symbols import Symbol


class Node(Record):
    """name: for a person. size in bytes. children: largest first; none for a leaf. about: a
    sentence, or empty."""

    name: str
    size: int
    children: tuple[Node, ...] = ()
    about: str = ""

    def as_json(self) -> dict[str, object]:
        found: dict[str, object] = {"n": self.name, "s": self.size}
        if self.about:
            found["a"] = self.about
        if self.children:
            found["c"] = [child.as_json() for child in self.children]
        return found


_PARTS = {
    "bitcode": ("LLVM bitcode", "compressed; for JIT code that calls into the image"),
    "methods": ("method table", "each function's key, entries, types and frozen globals"),
    "header": ("header", "what the image is and needs"),
    "entries": ("entry tables", "addresses of the functions for each CPU target"),
    "slots": ("slots", "pointers that the loader fills"),
    "data": ("package data", "the values of the package's globals"),
}
_SECTIONS = {
    ".rodata": "constants", "__const": "constants", ".rdata": "constants",
    "__literal16": "constants", "__literal8": "constants", "__literal4": "constants",
    ".eh_frame": "unwind tables", ".eh_frame_hdr": "unwind tables",
    "__eh_frame": "unwind tables", "__unwind_info": "unwind tables",
    ".pdata": "unwind tables", ".xdata": "unwind tables",
    ".rela.dyn": "relocations", ".relr.dyn": "relocations", ".reloc": "relocations",
    "pointers": "pointers", ".data.rel.ro": "pointers", ".data": "slots", "__data": "slots",
    ".symtab": "symbols", ".strtab": "symbols", ".shstrtab": "symbols", ".dynsym": "symbols",
    ".dynstr": "symbols", ".gnu.hash": "symbols", ".hash": "symbols", ".edata": "symbols",
}  # fmt: skip
_NOT_IN_FILE = frozenset({".bss", "__bss", "__common", ".relro_padding"})
_CODE = frozenset({".text", "__text"})


def size_tree(
    name: str,
    facts: ImageFacts,
    symbols: Sequence[Symbol],
    targets: Sequence[str],
    owners: Mapping[str, str],
    values: Mapping[str, int] | None = None,
) -> Node:
    """The tree of one image.

    targets: the CPU targets' texts. owners: the function with its signature of each entry's
    symbol, as a capture's manifest has them; may be empty. values: the bytes of the package's
    data by global (`module.name`), where that is known.
    """
    code = _code(symbols, targets, owners)
    named = sum(node.size for node in code)
    parts = _parts(facts, values or {})
    rest: dict[str, int] = {}
    placed = named + sum(node.size for node in parts)
    for section in facts.sections:
        own = _own_name(section.name)
        if own in _NOT_IN_FILE:
            continue
        size = section.size
        if own in _CODE:
            size = max(size - named, 0)
            label = "code between functions" if symbols else "code"
        else:
            size -= _inside(facts, section.address, section.size)
            usual = "debug information" if "debug" in own else "other sections"
            label = _SECTIONS.get(own, usual)
        if size > 0:
            rest[label] = rest.get(label, 0) + size
            placed += size
    others = [Node(label, size) for label, size in rest.items()]
    if facts.file_size > placed:
        others.append(Node("headers and padding", facts.file_size - placed))
    children = [*code, _node("data", parts), *others]
    return _node(name, [child for child in children if child.size])


def _code(
    symbols: Sequence[Symbol], targets: Sequence[str], owners: Mapping[str, str]
) -> list[Node]:
    """A node for each CPU target, and one for the thunks, which serve all."""
    # What is no entry belongs to the object that it lies in: that of the entry before it.
    index: int | None = None
    found: dict[int | None, dict[str, dict[str, int]]] = {}
    for symbol in symbols:
        mangled = "_ZN" in symbol.name
        own = target_of(symbol.name)
        index = index if own is None else own
        name = name_of(symbol.name)
        of = index if own is not None or mangled else None
        module = name.module or ("thunks" if of is None else "helpers")
        function = owners.get(entry_of(symbol.name), "") or name.function
        if name.module and function.startswith(f"{name.module}."):
            function = function.removeprefix(f"{name.module}.")
        sizes = found.setdefault(of, {}).setdefault(module, {})
        sizes[function] = sizes.get(function, 0) + symbol.size
    nodes = []
    for of in sorted(found, key=lambda each: -1 if each is None else each):
        modules = [
            _node(module, [Node(function, size) for function, size in functions.items()])
            for module, functions in found[of].items()
        ]
        if of is None:
            nodes.append(_node("calls out of the image", modules, "a jump for each name outside"))
        else:
            text = targets[of] if of < len(targets) else f"target {of}"
            nodes.append(_node(f"code for {text}", modules))
    return nodes


def _parts(facts: ImageFacts, values: Mapping[str, int]) -> list[Node]:
    if facts.table is None:
        return []
    nodes = []
    for part in facts.table.parts:
        if part.size and _in_file(facts, part.address):
            label, about = _PARTS.get(part.name, (part.name, ""))
            inner = _values(part.size, values) if part.name == "data" else ()
            nodes.append(Node(label, part.size, inner, about))
    return nodes


def _values(size: int, values: Mapping[str, int]) -> tuple[Node, ...]:
    """The globals by module, and what belongs to none; nothing when they would be more than there
    is."""
    modules: dict[str, list[Node]] = {}
    for name, bytes_ in values.items():
        if bytes_ > 0:
            module, _, key = name.rpartition(".")
            modules.setdefault(module, []).append(Node(key, bytes_))
    found = [_node(module, nodes) for module, nodes in modules.items()]
    rest = size - sum(node.size for node in found)
    if not found or rest < 0:
        return ()
    return _node("", [*found, *([Node("all else", rest)] if rest else [])]).children


def _own_name(section: str) -> str:
    """A section's name without its segment, which Mach-O puts before it."""
    return "pointers" if section == "__DATA_CONST,__const" else section.rpartition(",")[2]


def _in_file(facts: ImageFacts, address: int) -> bool:
    """Whether an address is in a section that the file holds: slots are zeros that it does not."""
    for section in facts.sections:
        if section.address and section.address <= address < section.address + section.size:
            return _own_name(section.name) not in _NOT_IN_FILE
    return True


def _inside(facts: ImageFacts, address: int, size: int) -> int:
    """The bytes of a section that are parts of the table."""
    if facts.table is None or not address:
        return 0
    return sum(part.size for part in facts.table.parts if address <= part.address < address + size)


def _node(name: str, children: Iterable[Node], about: str = "") -> Node:
    ordered = tuple(sorted(children, key=lambda node: (-node.size, node.name)))
    return Node(name, sum(node.size for node in ordered), ordered, about)
