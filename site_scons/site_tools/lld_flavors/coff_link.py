"""LLD's flavor for PE (Windows) with the personality of Microsoft's linker, where only lld-link is
there; also the SCons tool `lld_flavors.coff_link`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .coff import ENTRY
from .flavor import Flavor
from .scons_tool import scons_tool

if TYPE_CHECKING:
    from packageimage.model.platform import Platform

_MACHINES = {"x86_64": "x64", "aarch64": "arm64"}


class Link(Flavor):
    object_format = "coff"
    forms = {"lld-link": (), "zig": ("lld-link",)}  # noqa: RUF012

    def library_args(self) -> list[str]:
        # The objects are MinGW's: names as they are, DWARF. An import library is written beside
        # the output, in the folder that the link stage throws away.
        return ["-lldmingw", "-dll"]

    def machine_args(self, platform: Platform) -> list[str]:
        return [f"-machine:{self.known_machine(platform, _MACHINES)}"]

    def entry_args(self) -> list[str]:
        return [f"-entry:{ENTRY}"]

    def reproducible_args(self) -> list[str]:
        return ["-timestamp:0"]

    def standalone_args(self) -> list[str]:
        return ["-nodefaultlib"]

    def hardening_args(self) -> list[str]:
        return ["-dynamicbase", "-highentropyva", "-nxcompat"]

    def table_args(self) -> list[str]:
        return ["-debug:dwarf"]  # or what the objects have of it is dropped

    def output_args(self, output: str) -> list[str]:
        return [f"-out:{output}"]


FLAVOR = Link()
generate, exists = scons_tool(FLAVOR)
