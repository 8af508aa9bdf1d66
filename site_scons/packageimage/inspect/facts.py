"""What there is to know about a linked image, in no object format's words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Segment:
    """A piece of the file that is mapped. Addresses are relative to where the image is loaded."""

    address: int
    memory_size: int
    file_size: int
    readable: bool
    writable: bool
    executable: bool

    def __str__(self) -> str:
        access = "".join(
            letter if has else "-"
            for letter, has in zip(
                "rwx", (self.readable, self.writable, self.executable), strict=True
            )
        )
        return f"{self.memory_size} bytes at {self.address:#x} ({access})"


@dataclass(frozen=True)
class Section:
    name: str
    address: int
    size: int


@dataclass(frozen=True)
class Part:
    """What one pointer of the exported table leads to.

    writable: all of it, at run time, so not in what becomes read-only once the loader relocated it.
    """

    name: str
    address: int
    size: int
    inside: bool  # all of it is mapped
    writable: bool


@dataclass(frozen=True)
class Table:
    """The exported table, its pointers resolved. The fields are those of codegen's table."""

    magic: bytes
    version: int
    targets: int
    partitions: int
    slots: int
    parts: tuple[Part, ...]  # header, slots, entries, methods, bitcode


@dataclass(frozen=True)
class ImageFacts:
    """An image as its own file tells it.

    object_format: 'elf', 'macho' or 'coff'. machine: as in `Platform.arch`, or the format's own
    name for others. shared_library: whether it is of the kind that can be opened. exports,
    undefined, libraries: names in sorted order. bindings: what the system's loader would have to
    look up by name or to compute by running code, beyond adding the load address. initialisers:
    what would run on loading. text_relocations: the loader would have to patch pages that are not
    writable. header: the embedded header; None when it cannot be found, and table_problem says why.
    """

    object_format: str
    machine: str
    shared_library: bool
    exports: tuple[str, ...]
    undefined: tuple[str, ...]
    libraries: tuple[str, ...]
    bindings: tuple[str, ...]
    initialisers: tuple[str, ...]
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    text_relocations: bool
    executable_stack: bool
    table: Table | None
    header: bytes | None
    table_problem: str
    file_size: int
