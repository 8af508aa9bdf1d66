"""The facts of an ELF image: what `ElfImage`'s values mean.

ELF: System V ABI, chapters 4 and 5, and the psABI supplements for x86-64, AArch64 and RISC-V.
"""

from __future__ import annotations

from packageimage.inspect.elf_file import RELR_TYPE, ElfImage, ElfSegment, ElfSymbol, read_image
from packageimage.inspect.facts import ImageFacts, Section, Segment
from packageimage.inspect.places import any_inside
from packageimage.inspect.table import TABLE_SYMBOL, read_table

# Only 64-bit files are read, so that EM_RISCV is riscv64.
_MACHINES = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64", "EM_RISCV": "riscv64"}

# The relocation that adds the load address to a pointer, which is all an image may ask for.
# R_X86_64_RELATIVE, R_AARCH64_RELATIVE, R_RISCV_RELATIVE
_RELATIVE = {"EM_X86_64": 8, "EM_AARCH64": 1027, "EM_RISCV": 3}

_PF_X, _PF_W, _PF_R = 1, 2, 4
_DF_TEXTREL = 4
_INITIALISERS = {
    "DT_INIT": "DT_INIT",
    "DT_FINI": "DT_FINI",
    "DT_INIT_ARRAYSZ": "DT_INIT_ARRAY",
    "DT_FINI_ARRAYSZ": "DT_FINI_ARRAY",
    "DT_PREINIT_ARRAYSZ": "DT_PREINIT_ARRAY",
}


def image_facts(data: bytes, name: str) -> ImageFacts:
    """Raises PackageImageError for what is not a readable ELF file."""
    image = read_image(data, name)
    tags = dict(image.dynamic)
    loads = [segment for segment in image.segments if segment.type == "PT_LOAD"]
    stack = [segment for segment in image.segments if segment.type == "PT_GNU_STACK"]
    addresses = [
        symbol.value
        for symbol in image.symbols
        if _exported(symbol) and symbol.name == TABLE_SYMBOL
    ]
    table, header, problem = None, None, f"it exports no symbol {TABLE_SYMBOL}"
    if addresses:
        table, header, problem = read_table(_Memory(data, image, loads), addresses[0])
    return ImageFacts(
        object_format="elf",
        machine=_MACHINES.get(image.machine, image.machine),
        shared_library=image.type == "ET_DYN",
        exports=tuple(sorted(symbol.name for symbol in image.symbols if _exported(symbol))),
        undefined=tuple(
            sorted(symbol.name for symbol in image.symbols if symbol.undefined and symbol.name)
        ),
        libraries=tuple(sorted(image.libraries)),
        bindings=_bindings(image),
        initialisers=tuple(
            sorted(name for tag, name in _INITIALISERS.items() if tags.get(tag, 0) != 0)
        ),
        segments=tuple(_segment(segment) for segment in loads),
        sections=tuple(
            Section(section.name, section.address, section.size)
            for section in image.sections
            if section.type != "SHT_NULL"
        ),
        text_relocations=_text_relocations(image, tags, loads),
        # Without the entry, the loader makes the stack executable for old programs' sake.
        executable_stack=not stack or any(segment.flags & _PF_X for segment in stack),
        table=table,
        header=header,
        table_problem=problem,
        file_size=len(data),
    )


def _exported(symbol: ElfSymbol) -> bool:
    return (
        not symbol.undefined
        and symbol.bind != "STB_LOCAL"
        and symbol.visibility in ("STV_DEFAULT", "STV_PROTECTED")
    )


def _segment(segment: ElfSegment) -> Segment:
    return Segment(
        address=segment.address,
        memory_size=segment.memory_size,
        file_size=segment.file_size,
        readable=bool(segment.flags & _PF_R),
        writable=bool(segment.flags & _PF_W),
        executable=bool(segment.flags & _PF_X),
    )


def _bindings(image: ElfImage) -> tuple[str, ...]:
    harmless = {_RELATIVE.get(image.machine), RELR_TYPE}
    return tuple(
        sorted(
            {
                f"type {relocation.type} against {relocation.symbol or 'no symbol'}"
                for relocation in image.relocations
                if relocation.symbol or relocation.type not in harmless
            }
        )
    )


def _text_relocations(image: ElfImage, tags: dict[str, int], loads: list[ElfSegment]) -> bool:
    if "DT_TEXTREL" in tags or tags.get("DT_FLAGS", 0) & _DF_TEXTREL:
        return True
    return any_inside(
        (relocation.offset for relocation in image.relocations),
        ((segment.address, segment.memory_size) for segment in loads if not segment.flags & _PF_W),
    )


class _Memory:
    """`table.Memory` for ELF."""

    def __init__(self, data: bytes, image: ElfImage, loads: list[ElfSegment]) -> None:
        self._data = data
        self._loads = loads
        self._relro = [segment for segment in image.segments if segment.type == "PT_GNU_RELRO"]
        self._relative = {
            relocation.offset: relocation.addend
            for relocation in image.relocations
            if relocation.type in (_RELATIVE.get(image.machine), RELR_TYPE)
        }

    def read(self, address: int, size: int) -> bytes | None:
        for segment in self._loads:
            offset = address - segment.address
            if offset >= 0 and offset + size <= segment.file_size:
                start = segment.offset + offset
                return self._data[start : start + size]
        return None

    def pointer(self, address: int) -> int | None:
        addend = self._relative.get(address)
        if addend is not None:
            return addend
        stored = self.read(address, 8)  # RELR, or not relocated at all
        return None if stored is None else int.from_bytes(stored, "little")

    def mapped(self, address: int, size: int) -> bool:
        return any(_holds(segment, address, size) for segment in self._loads)

    def writable(self, address: int, size: int) -> bool:
        return any(
            segment.flags & _PF_W and _holds(segment, address, size) for segment in self._loads
        ) and not any(_meets(segment, address, size) for segment in self._relro)


def _holds(segment: ElfSegment, address: int, size: int) -> bool:
    end = segment.address + segment.memory_size
    return segment.address <= address and address + size <= end


def _meets(segment: ElfSegment, address: int, size: int) -> bool:
    end = segment.address + segment.memory_size
    return address < end and segment.address < address + size
