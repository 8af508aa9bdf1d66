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
class Signature:
    """A Mach-O code signature. identifier: what it calls the image. problem: why it does not fit
    the image's bytes, '' when it does."""

    identifier: str
    problem: str


@dataclass(frozen=True)
class MachoFacts:
    """What only Mach-O images say.

    builds: what LC_BUILD_VERSION states. names: all that the image calls itself or others by, each
    with what it is: install name, rpaths, what debuggers are told, the signature's identifier.
    """

    install_name: str | None
    builds: tuple[MachoBuild, ...]
    names: tuple[tuple[str, str], ...]
    signature: Signature | None


@dataclass(frozen=True)
class MachoBuild:
    """platform: 1 is macOS. Versions are (major, minor, patch)."""

    platform: int
    minimum_os: tuple[int, int, int]
    sdk: tuple[int, int, int]


@dataclass(frozen=True)
class PeFacts:
    """What only PE images say.

    name: the one in the export directory, None without exports. stamps: all time stamps that are
    not 0, each with its place. dynamic_base: may be loaded anywhere (ASLR), which also takes that
    its relocations were kept. nx_compatible: needs no executable data. checksum: 'none', 'right' or
    what is wrong with it. debug_files: where debuggers are sent to.
    """

    name: str | None
    stamps: tuple[tuple[str, int], ...]
    dynamic_base: bool
    nx_compatible: bool
    checksum: str
    debug_files: tuple[str, ...]


@dataclass(frozen=True)
class ImageFacts:
    """An image as its own file tells it.

    object_format: 'elf', 'macho' or 'coff'. machine: as in `Platform.arch`, or the format's own
    name for others. shared_library: whether it is of the kind that can be opened. exports,
    undefined, libraries: names in sorted order; exports as C spells them, so without Mach-O's
    underscore, all others as the format does. bindings: what the system's loader would have to look
    up by name or to compute by running code, beyond adding the load address. initialisers: what
    would run on loading. text_relocations: the loader would have to patch pages that are not
    writable (of a PE image: code; Windows opens its constants for itself). header: the embedded
    header; None when it cannot be found, and table_problem says why. macho, pe: what the format
    says beyond that; None for another one.
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
    macho: MachoFacts | None = None
    pe: PeFacts | None = None
