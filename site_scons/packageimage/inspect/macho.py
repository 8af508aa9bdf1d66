"""The facts of a Mach-O image: what `MachoImage`'s values mean.

Mach-O: <mach-o/loader.h>; what dyld does with it: its sources, common/MachOFile.cpp.
"""

from __future__ import annotations

from collections.abc import Iterator

from packageimage.inspect.facts import ImageFacts, MachoBuild, MachoFacts, Section, Segment
from packageimage.inspect.macho_exports import (
    REEXPORT,
    STUB_AND_RESOLVER,
    WEAK_DEFINITION,
    MachoExport,
)
from packageimage.inspect.macho_file import (
    LC_ROUTINES,
    LC_ROUTINES_64,
    MachoImage,
    MachoSegment,
    read_image,
)
from packageimage.inspect.places import any_inside
from packageimage.inspect.table import TABLE_SYMBOL, read_table

# cputype and cpusubtype, its capability bits masked out. arm64e is another ABI than arm64 (0).
_MACHINES = {
    (0x0100_0007, 3): "x86_64",
    (0x0100_0007, 8): "x86_64h",
    (0x0100_000C, 0): "aarch64",
    (0x0100_000C, 2): "arm64e",
}
_CPU_SUBTYPE_MASK = 0xFF00_0000

_MH_DYLIB = 6
_MH_ALLOW_STACK_EXECUTION = 0x2_0000
_VM_READ, _VM_WRITE, _VM_EXECUTE = 1, 2, 4
_SG_READ_ONLY = 0x10

_SECTION_TYPE = 0xFF
# Functions that dyld runs: S_MOD_INIT_FUNC_POINTERS, S_MOD_TERM_FUNC_POINTERS,
# S_THREAD_LOCAL_INIT_FUNCTION_POINTERS, S_INIT_FUNC_OFFSETS.
_RUNS = (0x09, 0x0A, 0x15, 0x16)

# Stabs whose string is a file or a folder: N_SO, N_OSO, N_SOL, N_BINCL.
_FILE_STABS = {0x64: "N_SO", 0x66: "N_OSO", 0x84: "N_SOL", 0x82: "N_BINCL"}


def image_facts(data: bytes, name: str) -> ImageFacts:
    """Raises PackageImageError for what is not a readable Mach-O file."""
    image = read_image(data, name)
    wanted = f"_{TABLE_SYMBOL}"
    table, header, problem = None, None, f"it exports no symbol {wanted}"
    for export in image.exports:
        if export.name == wanted and not export.flags & REEXPORT:
            table, header, problem = read_table(_Memory(data, image), export.offset)
    return ImageFacts(
        object_format="macho",
        machine=_machine(image),
        shared_library=image.file_type == _MH_DYLIB,
        exports=tuple(sorted(_c_name(export.name) for export in image.exports)),
        undefined=tuple(sorted(_undefined(image))),
        libraries=tuple(sorted(image.libraries)),
        bindings=tuple(sorted(_bindings(image))),
        initialisers=tuple(sorted(_initialisers(image))),
        segments=tuple(_segment(segment, image.base) for segment in image.segments),
        sections=tuple(
            Section(f"{section.segment},{section.name}", section.address - image.base, section.size)
            for section in image.sections
        ),
        text_relocations=_text_relocations(image),
        executable_stack=bool(image.flags & _MH_ALLOW_STACK_EXECUTION),
        table=table,
        header=header,
        table_problem=problem,
        file_size=len(data),
        macho=MachoFacts(
            install_name=image.install_name,
            builds=tuple(
                MachoBuild(platform, _version(minimum_os), _version(sdk))
                for platform, minimum_os, sdk in image.builds
            ),
            names=tuple(_names(image)),
            signature=image.signature,
        ),
    )


def _machine(image: MachoImage) -> str:
    cpu, subtype = image.cpu
    subtype &= ~_CPU_SUBTYPE_MASK
    return _MACHINES.get((cpu, subtype), f"cputype {cpu:#x} subtype {subtype}")


def _c_name(name: str) -> str:
    """A name as dlsym takes it, which puts the underscore before it."""
    return name[1:] if name.startswith("_") else f"{name} (without an underscore)"


def _undefined(image: MachoImage) -> set[str]:
    """What the symbol table says and what dyld would look up: a stripped image has only that."""
    return {
        *(symbol.name for symbol in image.symbols if symbol.undefined),
        *image.fixups.symbols,
    }


def _bindings(image: MachoImage) -> Iterator[str]:
    for name in dict.fromkeys(image.fixups.symbols):
        yield f"the address of {name}"
    for export in image.exports:
        yield from (f"{export.name}, {why}" for why in _looked_up(export))


def _looked_up(export: MachoExport) -> Iterator[str]:
    if export.flags & REEXPORT:
        yield "another library's"
    if export.flags & STUB_AND_RESOLVER:
        yield "which a function of the image computes"
    if export.flags & WEAK_DEFINITION:
        yield "a weak definition that other libraries share"


def _initialisers(image: MachoImage) -> set[str]:
    found = {
        f"{section.segment},{section.name}"
        for section in image.sections
        if section.size and section.flags & _SECTION_TYPE in _RUNS
    }
    if LC_ROUTINES in image.commands or LC_ROUTINES_64 in image.commands:
        found.add("LC_ROUTINES")
    return found


def _segment(segment: MachoSegment, base: int) -> Segment:
    return Segment(
        address=segment.address - base,
        memory_size=segment.memory_size,
        file_size=segment.file_size,
        readable=bool(segment.protection & _VM_READ),
        writable=bool(segment.protection & _VM_WRITE),
        executable=bool(segment.protection & _VM_EXECUTE),
    )


def _text_relocations(image: MachoImage) -> bool:
    return any_inside(
        [*image.fixups.pointers, *image.fixups.bound],
        (
            (segment.address, segment.memory_size)
            for segment in image.segments
            if not segment.protection & _VM_WRITE
        ),
    )


def _version(packed: int) -> tuple[int, int, int]:
    """XXXX.YY.ZZ in 16, 8 and 8 bits, as LC_BUILD_VERSION has it."""
    return packed >> 16, packed >> 8 & 0xFF, packed & 0xFF


def _names(image: MachoImage) -> Iterator[tuple[str, str]]:
    if image.install_name is not None:
        yield "install name", image.install_name
    for path in image.rpaths:
        yield "rpath", path
    for symbol in image.symbols:
        if symbol.stab and symbol.type in _FILE_STABS and symbol.name:
            yield _FILE_STABS[symbol.type], symbol.name
    if image.signature is not None and image.signature.identifier:
        yield "signature's identifier", image.signature.identifier


class _Memory:
    """`table.Memory` for Mach-O."""

    def __init__(self, data: bytes, image: MachoImage) -> None:
        self._data = data
        self._image = image

    def read(self, address: int, size: int) -> bytes | None:
        address += self._image.base
        for segment in self._image.segments:
            offset = address - segment.address
            if offset >= 0 and offset + size <= segment.file_size:
                start = segment.offset + offset
                return self._data[start : start + size]
        return None

    def pointer(self, address: int) -> int | None:
        place = address + self._image.base
        target = self._image.fixups.pointers.get(place)
        if target is not None:
            return target - self._image.base
        if place in self._image.fixups.bound:
            return 0  # what the file holds there is a symbol's number
        stored = self.read(address, 8)
        return None if stored is None else int.from_bytes(stored, "little")

    def mapped(self, address: int, size: int) -> bool:
        return any(self._holds(segment, address, size) for segment in self._image.segments)

    def writable(self, address: int, size: int) -> bool:
        return any(
            segment.protection & _VM_WRITE
            # dyld takes the write access away once it has relocated such a segment.
            and not segment.flags & _SG_READ_ONLY
            and self._holds(segment, address, size)
            for segment in self._image.segments
        )

    def _holds(self, segment: MachoSegment, address: int, size: int) -> bool:
        address += self._image.base
        end = segment.address + segment.memory_size
        return segment.address <= address and address + size <= end
