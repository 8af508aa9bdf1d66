"""The facts of a PE image: what `PeImage`'s values mean.

PE: Microsoft's "PE Format"; the checksum is that of ImageHlp's CheckSumMappedFile.
"""

from __future__ import annotations

from collections.abc import Iterator

from packageimage.inspect.coff_file import CoffSection, PeExport, PeImage, read_image
from packageimage.inspect.facts import ImageFacts, PeFacts, Section, Segment
from packageimage.inspect.places import any_inside
from packageimage.inspect.table import TABLE_SYMBOL, read_table

_MACHINES = {0x8664: "x86_64", 0xAA64: "aarch64"}

# All that the entry point may do: return 1 (TRUE), in what LLVM makes of that.
_RETURNS_TRUE = {
    0x8664: bytes.fromhex("b801000000 c3"),  # mov eax, 1; ret
    0xAA64: bytes.fromhex("20008052 c0035fd6"),  # mov w0, #1; ret
}

_DIR64 = 10  # IMAGE_REL_BASED_DIR64: add the load address to 8 bytes
_FILE_RELOCS_STRIPPED, _FILE_DLL = 0x0001, 0x2000
_DYNAMIC_BASE, _NX_COMPAT = 0x0040, 0x0100  # IMAGE_DLLCHARACTERISTICS_*
_EXECUTE, _READ, _WRITE = 0x2000_0000, 0x4000_0000, 0x8000_0000  # IMAGE_SCN_MEM_*


def image_facts(data: bytes, name: str) -> ImageFacts:
    """Raises PackageImageError for what is not a readable 64-bit PE file."""
    image = read_image(data, name)
    memory = _Memory(data, image)
    exports = image.exports.exports if image.exports else ()
    table, header, problem = None, None, f"it exports no symbol {TABLE_SYMBOL}"
    for export in exports:
        if export.name == TABLE_SYMBOL and export.forwarder is None:
            table, header, problem = read_table(memory, export.address)
    return ImageFacts(
        object_format="coff",
        machine=_MACHINES.get(image.machine, f"machine {image.machine:#x}"),
        shared_library=bool(image.characteristics & _FILE_DLL),
        exports=tuple(sorted(_export_name(export) for export in exports)),
        undefined=tuple(sorted({name for _, names in image.imports for name in names})),
        libraries=tuple(sorted(library for library, _ in image.imports)),
        bindings=tuple(sorted(set(_bindings(image)))),
        initialisers=tuple(_initialisers(image, memory)),
        segments=tuple(_segment(section) for section in image.sections),
        sections=tuple(
            Section(section.name, section.address, section.memory_size)
            for section in image.sections
        ),
        text_relocations=_text_relocations(image),
        executable_stack=False,  # a 64-bit Windows has no such thing
        table=table,
        header=header,
        table_problem=problem,
        file_size=len(data),
        pe=PeFacts(
            name=image.exports.name if image.exports else None,
            stamps=tuple(_stamps(image)),
            dynamic_base=bool(image.dll_characteristics & _DYNAMIC_BASE)
            and not image.characteristics & _FILE_RELOCS_STRIPPED,
            nx_compatible=bool(image.dll_characteristics & _NX_COMPAT),
            checksum=_checksum_state(data, image),
            debug_files=tuple(path for _, path in image.debug if path),
        ),
    )


def checksum(data: bytes, offset: int) -> int:
    """The checksum of a PE file whose own is the 4 bytes at `offset`.

    The sum of the file's 16-bit words, its carries added, as if its own were 0; plus its size.
    """
    cleared = data[:offset] + bytes(4) + data[offset + 4 :]
    # Adding carries is counting modulo 0xFFFF, in which a number is the sum of its 16-bit digits;
    # but only nothing adds up to 0.
    total = int.from_bytes(cleared, "little")
    return (total % 0xFFFF or (0xFFFF if total else 0)) + len(data)


def _checksum_state(data: bytes, image: PeImage) -> str:
    if not image.checksum:
        return "none"  # Windows asks for one of drivers only
    expected = checksum(data, image.checksum_offset)
    if expected == image.checksum:
        return "right"
    return f"expected {expected:#x}, found {image.checksum:#x}"


def _export_name(export: PeExport) -> str:
    return f"ordinal {export.ordinal}" if export.name is None else export.name


def _bindings(image: PeImage) -> Iterator[str]:
    for library, names in image.imports:
        yield from (f"{name} of {library}" for name in names)
    for _, kind in image.relocations:
        if kind != _DIR64:
            yield f"base relocation of type {kind}"
    for export in image.exports.exports if image.exports else ():
        if export.forwarder is not None:
            yield f"{_export_name(export)}, which is {export.forwarder}"


def _initialisers(image: PeImage, memory: _Memory) -> Iterator[str]:
    for function in image.tls_callbacks:
        yield f"the TLS callback at {function:#x}"
    if image.managed:
        yield "a CLR header"
    if image.entry_point:
        harmless = _RETURNS_TRUE.get(image.machine)
        code = memory.read(image.entry_point, len(harmless)) if harmless else None
        if code is None or code != harmless or not memory.executable(image.entry_point):
            shown = "code that is not in the file" if code is None else code.hex()
            yield f"the entry point at {image.entry_point:#x} ({shown})"


def _segment(section: CoffSection) -> Segment:
    return Segment(
        address=section.address,
        memory_size=section.memory_size,
        file_size=min(section.memory_size, section.file_size),
        readable=bool(section.characteristics & _READ),
        writable=bool(section.characteristics & _WRITE),
        executable=bool(section.characteristics & _EXECUTE),
    )


def _text_relocations(image: PeImage) -> bool:
    return any_inside(
        (place for place, _ in image.relocations),
        (
            (section.address, section.memory_size)
            for section in image.sections
            if section.characteristics & _EXECUTE and not section.characteristics & _WRITE
        ),
    )


def _stamps(image: PeImage) -> Iterator[tuple[str, int]]:
    stamps = [("file header", image.stamp)]
    if image.exports:
        stamps.append(("export directory", image.exports.stamp))
    stamps += [("debug directory", stamp) for stamp, _ in image.debug]
    for place, stamp in stamps:
        if stamp:
            yield place, stamp


class _Memory:
    """`table.Memory` for PE."""

    def __init__(self, data: bytes, image: PeImage) -> None:
        self._data = data
        self._image = image
        self._relative = {place for place, kind in image.relocations if kind == _DIR64}

    def read(self, address: int, size: int) -> bytes | None:
        for section in self._image.sections:
            offset = address - section.address
            if offset >= 0 and offset + size <= min(section.memory_size, section.file_size):
                start = section.offset + offset
                return self._data[start : start + size]
        return None

    def pointer(self, address: int) -> int | None:
        stored = self.read(address, 8)
        if stored is None:
            return None
        value = int.from_bytes(stored, "little")
        return value - self._image.image_base if address in self._relative else value

    def mapped(self, address: int, size: int) -> bool:
        return any(_holds(section, address, size) for section in self._image.sections)

    def writable(self, address: int, size: int) -> bool:
        return any(
            section.characteristics & _WRITE and _holds(section, address, size)
            for section in self._image.sections
        )

    def executable(self, address: int) -> bool:
        return any(
            section.characteristics & _EXECUTE and _holds(section, address, 1)
            for section in self._image.sections
        )


def _holds(section: CoffSection, address: int, size: int) -> bool:
    end = section.address + section.memory_size
    return section.address <= address and address + size <= end
