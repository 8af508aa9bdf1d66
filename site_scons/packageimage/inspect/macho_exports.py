"""Read a Mach-O image's export trie (<mach-o/loader.h>, EXPORT_SYMBOL_FLAGS_*)."""

from __future__ import annotations

from dataclasses import dataclass

from packageimage.inspect.damage import Bytes, Damaged, as_text

KIND_MASK = 0x03
KIND_ABSOLUTE = 2
WEAK_DEFINITION = 0x04
REEXPORT = 0x08
STUB_AND_RESOLVER = 0x10

# A trie shares the beginnings of names, so a small damaged one can spell out gigabytes.
_MOST_TEXT = 1 << 24


@dataclass(frozen=True)
class MachoExport:
    """offset: from the Mach-O header; 0 for what another library defines (REEXPORT)."""

    name: str
    flags: int
    offset: int


def read_exports(data: bytes) -> tuple[MachoExport, ...]:
    """The exports in the trie's order; none for an empty one. Raises `damage.Damaged`."""
    if not data:
        return ()
    trie = Bytes(data)
    exports = []
    seen: set[int] = set()
    text = 0
    waiting = [(0, b"")]
    while waiting:
        node, prefix = waiting.pop()
        if node in seen:
            raise Damaged(f"the export trie leads to its node {node:#x} twice")
        seen.add(node)
        size, at = trie.uleb128(node)
        children = at + size
        if size:
            exports.append(_export(trie, at, prefix))
        count, at = trie.byte(children), children + 1
        for _ in range(count):
            end = data.find(b"\0", at)
            if end < 0:
                raise Damaged(f"the export trie's edge at {at:#x} has no end")
            text += len(prefix) + end - at
            if text > _MOST_TEXT:
                raise Damaged(f"an export trie with names of more than {_MOST_TEXT} bytes")
            child, after = trie.uleb128(end + 1)
            waiting.append((child, prefix + data[at:end]))
            at = after
    return tuple(exports)


def _export(trie: Bytes, at: int, name: bytes) -> MachoExport:
    flags, at = trie.uleb128(at)
    offset = 0 if flags & REEXPORT else trie.uleb128(at)[0]
    return MachoExport(as_text(name), flags, offset)
