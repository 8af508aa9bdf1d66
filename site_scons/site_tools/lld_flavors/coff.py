"""LLD's flavor for PE (Windows) with the personality of MinGW's linker; also the SCons tool
`lld_flavors.coff`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .flavor import Flavor
from .scons_tool import scons_tool

if TYPE_CHECKING:
    from packageimage.model.platform import Platform

_EMULATIONS = {"x86_64": "i386pep", "aarch64": "arm64pe"}

ENTRY = "_DllMainCRTStartup"
"""`codegen.windows` defines it. Named, because its default differs between versions of LLD."""


class MinGW(Flavor):
    object_format = "coff"
    # Zig's ld.lld refuses MinGW's emulations; coff_link.py is for it.
    forms = {"lld": ("-flavor", "gnu"), "ld.lld": ()}  # noqa: RUF012

    def library_args(self) -> list[str]:
        return ["-shared"]

    def machine_args(self, platform: Platform) -> list[str]:
        return ["-m", self.known_machine(platform, _EMULATIONS)]

    def entry_args(self) -> list[str]:
        return ["-e", ENTRY]

    def reproducible_args(self) -> list[str]:
        return ["--no-insert-timestamp"]

    def standalone_args(self) -> list[str]:
        return []  # no library is named, and PE has no undefined symbols

    def hardening_args(self) -> list[str]:
        return ["--dynamicbase", "--high-entropy-va", "--nxcompat"]


FLAVOR = MinGW()
generate, exists = scons_tool(FLAVOR)
