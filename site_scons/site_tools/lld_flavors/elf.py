"""LLD's flavor for ELF (Linux); also the SCons tool `lld_flavors.elf`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .flavor import Flavor
from .scons_tool import scons_tool

if TYPE_CHECKING:
    from packageimage.model.platform import Platform

_EMULATIONS = {"x86_64": "elf_x86_64", "aarch64": "aarch64elf", "riscv64": "elf64lriscv"}


class Elf(Flavor):
    object_format = "elf"
    forms = {"lld": ("-flavor", "gnu"), "ld.lld": (), "zig": ("ld.lld",)}  # noqa: RUF012

    def library_args(self) -> list[str]:
        return ["-shared"]

    def machine_args(self, platform: Platform) -> list[str]:
        return ["-m", self.known_machine(platform, _EMULATIONS)]

    def reproducible_args(self) -> list[str]:
        # No -soname either: the file's name stays out of the file. LLD's default build id differs
        # between builds of LLD; an image has a build id of its own, in its header.
        return ["--build-id=none"]

    def standalone_args(self) -> list[str]:
        return ["-nostdlib", "--no-undefined"]

    def hardening_args(self) -> list[str]:
        # IREE's embedded linker does the same. There is nothing to bind lazily, so `now` costs
        # nothing at load; with it all of the pointers that the loader relocates become read-only
        # (the slots are zero in the file and stay writable). `text`: an error, not a patched code
        # page, should code hold an address. Not `separate-code`: it pads each image by two pages,
        # 128 KB on aarch64.
        return ["-z", "now", "-z", "relro", "-z", "noexecstack", "-z", "text"]

    def table_args(self) -> list[str]:
        # Unwinders find the frames of a library opened with dlopen only through this header.
        return ["--hash-style=gnu", "--eh-frame-hdr"]

    def dead_code_args(self) -> list[str]:
        return ["--gc-sections"]


FLAVOR = Elf()
generate, exists = scons_tool(FLAVOR)
