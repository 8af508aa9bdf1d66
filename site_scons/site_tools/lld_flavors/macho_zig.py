"""Zig's own linker for Mach-O (macOS), where only the `ziglang` wheel is there: the wheel's LLD has
no Mach-O flavor. Also the SCons tool `lld_flavors.macho_zig`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .flavor import OUTPUT_NAME, Flavor
from .scons_tool import scons_tool

if TYPE_CHECKING:
    from packageimage.model.platform import Platform

_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "aarch64"}


class ZigMachO(Flavor):
    object_format = "macho"
    forms = {"zig": ("cc",)}  # noqa: RUF012

    def library_args(self) -> list[str]:
        return ["-shared"]

    def machine_args(self, platform: Platform) -> list[str]:
        return ["-target", f"{self.known_machine(platform, _ARCHITECTURES)}-macos.11.0"]

    def install_name_args(self) -> list[str]:
        return [f"-Wl,-install_name,@rpath/{OUTPUT_NAME}"]

    def reproducible_args(self) -> list[str]:
        return []  # its UUID is a hash of what it wrote

    def standalone_args(self) -> list[str]:
        # It names libSystem all the same, from a stub of its own; every process has that.
        return ["-nostdlib", "-Wl,-undefined,dynamic_lookup"]


FLAVOR = ZigMachO()
generate, exists = scons_tool(FLAVOR)
