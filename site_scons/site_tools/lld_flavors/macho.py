"""LLD's flavor for Mach-O (macOS), without Xcode; also the SCons tool `lld_flavors.macho`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .flavor import OUTPUT_NAME, Flavor
from .scons_tool import scons_tool

if TYPE_CHECKING:
    from packageimage.model.platform import Platform

    from .linker import Linker

ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}

# The oldest system that runs arm64. Newer dyld refuses a dylib that needs no library when its SDK
# is 13 or newer (facts/platforms.md); an image needs none.
_SYSTEM = "11.0"

_CHAINED_FIXUPS_SINCE = 16  # LLD 14 and 15 know only the older form, which every dyld still reads


class MachO(Flavor):
    object_format = "macho"
    forms = {"lld": ("-flavor", "darwin"), "ld64.lld": ()}  # noqa: RUF012

    def library_args(self) -> list[str]:
        return ["-dylib"]

    def machine_args(self, platform: Platform) -> list[str]:
        arch = self.known_machine(platform, ARCHITECTURES)
        return ["-arch", arch, "-platform_version", "macos", _SYSTEM, _SYSTEM]

    def install_name_args(self) -> list[str]:
        # Not the path of the output, which is what LLD takes where nothing is said.
        return ["-install_name", f"@rpath/{OUTPUT_NAME}"]

    def reproducible_args(self) -> list[str]:
        # LLD's UUID is a hash of what it wrote. With debug information it names the objects, which
        # dsymutil reads: by their paths below the working folder then, not in full.
        return ["-oso_prefix", "."]

    def standalone_args(self) -> list[str]:
        # Nothing is left undefined, so nothing is looked up; what the words are for is that LLD
        # does not ask for a libSystem, for which it would need Apple's SDK.
        return ["-undefined", "dynamic_lookup"]

    def fixup_args(self, linker: Linker) -> list[str]:
        # Without them LLD binds dyld_stub_binder as soon as there is one lazy import.
        return ["-fixup_chains"] if linker.version[0] >= _CHAINED_FIXUPS_SINCE else []

    def signing_args(self) -> list[str]:
        # Apple silicon runs no code without a signature; Intel Macs check one that is there.
        return ["-adhoc_codesign"]


FLAVOR = MachO()
generate, exists = scons_tool(FLAVOR)
