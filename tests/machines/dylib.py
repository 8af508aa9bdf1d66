"""Opens a Mach-O dylib in a Linux process of the same CPU, as far as a package image needs dyld.

Segments are mapped, fixups applied (chained, or the opcodes of before), exports looked up in the
trie, protections set. What an image must not have (initialisers, thread-local variables, pages that
can be written and run) and what dyld would do beyond that is refused: it says so instead of working
by chance. Standard library only: it runs inside the emulated machine's Python. Formats:
mach-o/loader.h, mach-o/fixup-chains.h of Apple's SDK.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_MAGIC = 0xFEEDFACF  # 64-bit, little endian
_DYLIB = 6
_CPUS = {0x01000007: "x86_64", 0x0100000C: "aarch64"}

_SEGMENT_64 = 0x19
_EXPORTS_TRIE = 0x80000033
_CHAINED_FIXUPS = 0x80000034
_DYLD_INFO_ONLY = 0x80000022  # rebasing and exports before there were chains; LLD 14, Zig
_READ_ONLY_AFTER_FIXUPS = 0x10  # SG_READ_ONLY
_REFUSED_SECTIONS = {
    0x9: "initialisers", 0xA: "terminators", 0x16: "initialisers", 0x11: "thread-local variables",
    0x12: "thread-local variables", 0x13: "thread-local variables",
}  # fmt: skip

_POINTER_64 = 2  # the target is an address as linked
_POINTER_64_OFFSET = 6  # the target is an offset from the Mach-O header
_NO_FIXUPS = 0xFFFF
_SEVERAL_STARTS = 0x8000
_STRIDE = 4

# BIND_OPCODE_SET_SYMBOL_TRAILING_FLAGS_IMM, then a name.
_BOUND = re.compile(rb"[\x40-\x4f]([!-~]+)\0")

_PAGE = 0x4000  # Apple silicon's; a multiple of everybody else's
_WRITE, _EXECUTE = mmap.PROT_WRITE, mmap.PROT_EXEC


class DylibError(Exception):
    """The file is no dylib for this CPU, or asks for what only dyld could do."""


@dataclass(frozen=True)
class Segment:
    """Addresses and sizes in bytes; the address as linked. protection: of mmap(2), which are the
    numbers of macOS too."""

    name: str
    address: int
    size: int
    file_offset: int
    file_size: int
    protection: int


Resolve = Callable[[str], "int | None"]


class Dylib:
    """A dylib in this process, for as long as the process lives.

    segments: as they are in the file. exports: the addresses of what it exports, by C name.
    """

    def __init__(self, path: str | os.PathLike[str], resolve: Resolve | None = None) -> None:
        """Map the dylib at `path`; runs none of its code.

        `resolve` gives the address of a C name that the dylib binds to; without it there must be
        none, as there is none in an image (D1). Raises OSError, DylibError.
        """
        data = Path(path).read_bytes()
        every_segment, commands = _read(data)
        self.segments = [segment for segment in every_segment if segment.size]
        if not self.segments:
            raise DylibError("it has no segments")
        lowest = min(segment.address for segment in self.segments)
        span = max(segment.address + segment.size for segment in self.segments) - lowest
        base = _reserve(span)
        self._slide = base - lowest
        try:
            header = next(s for s in self.segments if s.file_offset == 0 and s.file_size)
        except StopIteration:
            raise DylibError("no segment holds the Mach-O header") from None
        self._header = header.address + self._slide
        for segment in self.segments:
            at = segment.address + self._slide
            contents = data[segment.file_offset : segment.file_offset + segment.file_size]
            _protect(at, segment.size, mmap.PROT_READ | _WRITE)
            ctypes.memmove(at, contents, len(contents))
        if _CHAINED_FIXUPS in commands:
            self._fix(commands[_CHAINED_FIXUPS], resolve or (lambda name: None))
        for index, offset in _rebases(commands.get(_DYLD_INFO_ONLY, b"")):
            place = every_segment[index].address + offset + self._slide
            ctypes.c_uint64.from_address(place).value += self._slide
        for segment in self.segments:
            _protect(segment.address + self._slide, segment.size, segment.protection)
        trie = commands.get(_EXPORTS_TRIE, b"")
        self.exports = {
            name.removeprefix("_"): self._header + offset for name, offset in _exports(trie)
        }

    def address(self, name: str) -> int:
        """The address of an exported C name. Raises DylibError when it is not exported."""
        try:
            return self.exports[name]
        except KeyError:
            found = ", ".join(sorted(self.exports)) or "nothing"
            raise DylibError(f"expected the export {name}, found {found}") from None

    def _fix(self, fixups: bytes, resolve: Resolve) -> None:
        _, starts, imports, symbols, count, layout, packed = struct.unpack_from("<7I", fixups)
        if packed:
            raise DylibError("the names of its imports are compressed")
        bound = [
            self._bind(*entry, resolve)
            for entry in _imports(fixups, imports, symbols, count, layout)
        ]
        (n_segments,) = struct.unpack_from("<I", fixups, starts)
        for offset in struct.unpack_from(f"<{n_segments}I", fixups, starts + 4):
            if not offset:
                continue
            at = starts + offset
            _, page_size, pointer, segment_offset, _, n_pages = struct.unpack_from(
                "<IHHQIH", fixups, at
            )
            if pointer not in (_POINTER_64, _POINTER_64_OFFSET):
                raise DylibError(f"its fixups have pointer format {pointer}, expected 2 or 6")
            for page, start in enumerate(struct.unpack_from(f"<{n_pages}H", fixups, at + 22)):
                if start == _NO_FIXUPS:
                    continue
                if start & _SEVERAL_STARTS:
                    raise DylibError("a page of it has several chains of fixups")
                self._follow(
                    self._header + segment_offset + page * page_size + start, pointer, bound
                )

    def _follow(self, place: int, pointer: int, bound: list[int]) -> None:
        """Fix a chain of pointers in the page at `place`."""
        while True:
            cell = ctypes.c_uint64.from_address(place)
            raw = cell.value
            if raw >> 63:
                cell.value = bound[raw & 0xFFFFFF] + (raw >> 24 & 0xFF)
            else:
                target = raw & 0xF_FFFF_FFFF
                start = self._header if pointer == _POINTER_64_OFFSET else self._slide
                cell.value = start + target + ((raw >> 36 & 0xFF) << 56)
            following = raw >> 51 & 0xFFF
            if not following:
                return
            place += following * _STRIDE

    def _bind(self, name: str, weak: bool, addend: int, resolve: Resolve) -> int:
        address = resolve(name.removeprefix("_"))
        if address is None and not weak:
            raise DylibError(f"it binds to {name}, which nobody offers")
        return (address or 0) + addend


def _read(data: bytes) -> tuple[list[Segment], dict[int, bytes]]:
    """All segments, and the link-edit data of the commands that have some."""
    if len(data) < 32 or struct.unpack_from("<I", data)[0] != _MAGIC:
        raise DylibError("expected a 64-bit Mach-O file")
    _, cpu, _, kind, n_commands, _, _, _ = struct.unpack_from("<8I", data)
    machine = os.uname().machine
    if (_CPUS.get(cpu), kind) != (machine, _DYLIB):
        found = f"file type {kind} for {_CPUS.get(cpu, hex(cpu))}"
        raise DylibError(f"expected a dylib (file type 6) for {machine}, found {found}")
    segments, linked, at = [], {}, 32
    for _ in range(n_commands):
        command, size = struct.unpack_from("<2I", data, at)
        if command == _SEGMENT_64:
            segments.append(_segment(data, at))
        elif command in (_EXPORTS_TRIE, _CHAINED_FIXUPS):
            offset, length = struct.unpack_from("<2I", data, at + 8)
            linked[command] = data[offset : offset + length]
        elif command == _DYLD_INFO_ONLY:
            rebases, n_rebases, *binds, exports, n_exports = struct.unpack_from(
                "<10I", data, at + 8
            )
            texts = [
                data[start : start + length]
                for start, length in zip(*[iter(binds)] * 2, strict=False)
            ]
            names = {name for text in texts for name in _BOUND.findall(text)}
            # Zig's linker binds what lazy imports would need, though there are none.
            if names - {b"dyld_stub_binder"}:
                raise DylibError("it binds to other libraries: link with -fixup_chains")
            linked[command] = data[rebases : rebases + n_rebases]
            linked[_EXPORTS_TRIE] = data[exports : exports + n_exports]
        at += size
    return segments, linked


def _segment(data: bytes, at: int) -> Segment:
    name, address, size, offset, file_size, _, protection, n_sections, flags = struct.unpack_from(
        "<16s4Q4I", data, at + 8
    )
    text = name.rstrip(b"\0").decode("ascii", "replace")
    if protection & _WRITE and protection & _EXECUTE:
        raise DylibError(f"its segment {text} can be both written and run")
    for index in range(n_sections):
        (section_flags,) = struct.unpack_from("<I", data, at + 72 + 80 * index + 64)
        refused = _REFUSED_SECTIONS.get(section_flags & 0xFF)
        if refused:
            raise DylibError(f"it has {refused}")
    if flags & _READ_ONLY_AFTER_FIXUPS:
        protection &= ~_WRITE
    return Segment(text, address, size, offset, file_size, protection)


def _imports(
    fixups: bytes, imports: int, symbols: int, count: int, layout: int
) -> list[tuple[str, bool, int]]:
    """Name, whether it may be missing, and addend of each import."""
    formats = {1: "<I", 2: "<Ii", 3: "<QQ"}  # DYLD_CHAINED_IMPORT, _ADDEND, _ADDEND64
    if count and layout not in formats:
        raise DylibError(f"its imports have format {layout}, expected 1, 2 or 3")
    found = []
    for index in range(count):
        form = struct.Struct(formats[layout])
        word, *addend = form.unpack_from(fixups, imports + index * form.size)
        if layout == 3:
            weak, name_offset = word >> 16 & 1, word >> 32
        else:
            weak, name_offset = word >> 8 & 1, word >> 9
        start = symbols + name_offset
        name = fixups[start : fixups.index(b"\0", start)].decode("utf-8", "surrogateescape")
        found.append((name, bool(weak), addend[0] if addend else 0))
    return found


def _rebases(opcodes: bytes) -> Iterator[tuple[int, int]]:
    """Where pointers lie that move with the dylib: index of the segment, offset in it."""
    segment = offset = at = 0
    while at < len(opcodes):
        opcode, immediate = opcodes[at] & 0xF0, opcodes[at] & 0x0F
        at += 1
        count, skip = 0, 0
        if opcode == 0x00:  # DONE
            return
        if opcode == 0x10:  # SET_TYPE_IMM
            if immediate != 1:
                raise DylibError(f"its rebases are of type {immediate}, expected pointers")
        elif opcode == 0x20:  # SET_SEGMENT_AND_OFFSET_ULEB
            segment = immediate
            offset, at = _uleb(opcodes, at)
        elif opcode == 0x30:  # ADD_ADDR_ULEB
            more, at = _uleb(opcodes, at)
            offset += more
        elif opcode == 0x40:  # ADD_ADDR_IMM_SCALED
            offset += immediate * 8
        elif opcode == 0x50:  # DO_REBASE_IMM_TIMES
            count = immediate
        elif opcode == 0x60:  # DO_REBASE_ULEB_TIMES
            count, at = _uleb(opcodes, at)
        elif opcode == 0x70:  # DO_REBASE_ADD_ADDR_ULEB
            count = 1
            skip, at = _uleb(opcodes, at)
        elif opcode == 0x80:  # DO_REBASE_ULEB_TIMES_SKIPPING_ULEB
            count, at = _uleb(opcodes, at)
            skip, at = _uleb(opcodes, at)
        else:
            raise DylibError(f"its rebases have the unknown opcode {opcode:#x}")
        for _ in range(count):
            yield segment, offset
            offset += 8 + skip


def _exports(trie: bytes) -> list[tuple[str, int]]:
    """Every exported symbol with its offset from the Mach-O header."""
    found: list[tuple[str, int]] = []
    seen: set[int] = set()
    waiting = [(0, "")] if trie else []
    while waiting:
        at, name = waiting.pop()
        if at in seen:
            raise DylibError("its export trie has a loop")
        seen.add(at)
        size, at = _uleb(trie, at)
        if size:
            flags, after = _uleb(trie, at)
            if flags:
                raise DylibError(f"its export {name} has flags {flags:#x}, expected none")
            found.append((name, _uleb(trie, after)[0]))
        at += size
        children, at = trie[at], at + 1
        for _ in range(children):
            end = trie.index(b"\0", at)
            edge = trie[at:end].decode("utf-8", "surrogateescape")
            child, at = _uleb(trie, end + 1)
            waiting.append((child, name + edge))
    return found


def _uleb(data: bytes, at: int) -> tuple[int, int]:
    """A number in LEB128 and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = (
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long,
)  # fmt: skip
_libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


def _reserve(size: int) -> int:
    """Address space that stays ours, aligned as macOS aligns it; nothing in it can be touched."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    at = _libc.mmap(None, size + 2 * _PAGE, 0, flags, -1, 0)
    if at in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), f"mmap of {size} bytes failed")
    return (at + _PAGE - 1) // _PAGE * _PAGE


def _protect(address: int, size: int, protection: int) -> None:
    whole = (size + _PAGE - 1) // _PAGE * _PAGE
    if _libc.mprotect(address, whole, protection):
        raise OSError(ctypes.get_errno(), f"mprotect to {protection} failed")
