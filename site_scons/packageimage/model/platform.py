"""The platforms that images are built for."""

from __future__ import annotations

import os
import sys

from packageimage.model.errors import PackageImageError
from packageimage.model.record import Record


class Platform(Record):
    """One platform.

    triple: LLVM's. object_format: "elf", "macho" or "coff". arch: the CPU tables' name,
    "x86_64", "aarch64" (also where Apple and Microsoft say arm64) or "riscv64". os: "linux",
    "macos" or "windows".
    image_suffix: differs from an extension module's suffix, or `import mod` would take
    `mod.so` beside `mod.py` for the module.
    """

    name: str
    triple: str
    object_format: str
    arch: str
    os: str
    image_suffix: str

    def __str__(self) -> str:
        return self.name


_SUFFIXES = {"elf": ".pkgimage.so", "macho": ".pkgimage.dylib", "coff": ".pkgimage.dll"}

# name, LLVM's triple, object format, architecture.
# macOS 11.0: newer dyld rejects a dylib that needs no library when it is stamped 13 or later, and
# arm64 Macs start with 11. Windows is MinGW's ABI because images are linked with LLD's MinGW
# driver (facts/platforms.md).
_TABLE = (
    ("linux-aarch64", "aarch64-unknown-linux-gnu", "elf", "aarch64"),
    ("linux-riscv64", "riscv64-unknown-linux-gnu", "elf", "riscv64"),
    ("linux-x86_64", "x86_64-unknown-linux-gnu", "elf", "x86_64"),
    ("macos-arm64", "arm64-apple-macosx11.0.0", "macho", "aarch64"),
    ("macos-x86_64", "x86_64-apple-macosx11.0.0", "macho", "x86_64"),
    ("windows-arm64", "aarch64-pc-windows-gnu", "coff", "aarch64"),
    ("windows-x86_64", "x86_64-pc-windows-gnu", "coff", "x86_64"),
)

PLATFORMS: dict[str, Platform] = {
    name: Platform(name, triple, form, arch, name.partition("-")[0], _SUFFIXES[form])
    for name, triple, form, arch in _TABLE
}

_OS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_ARCH = {
    "x86_64": "x86_64",
    "amd64": "x86_64",
    "aarch64": "aarch64",
    "arm64": "aarch64",
    "riscv64": "riscv64",
}


def platform_named(name: str) -> Platform:
    """The platform of that name; PackageImageError that lists the known ones for another."""
    try:
        return PLATFORMS[name]
    except KeyError:
        raise PackageImageError(
            f"platform must be one of {', '.join(PLATFORMS)}, found {name!r}"
        ) from None


def platforms_named(names: str) -> tuple[Platform, ...]:
    """The platforms of a text such as "linux-x86_64 macos-arm64" or "all", each once, in its order.

    Commas separate as well. PackageImageError for an unknown name, and for none.
    """
    words = names.replace(",", " ").split()
    if words == ["all"]:
        return tuple(PLATFORMS.values())
    if not words:
        raise PackageImageError(f"expected a platform, one of {', '.join(PLATFORMS)}, found none")
    return tuple(platform_named(word) for word in dict.fromkeys(words))


def platform_of(sys_platform: str, machine: str, pointer_bits: int = 64) -> Platform:
    """The platform of a process: `sys.platform`, the machine's name and the pointer size.

    PackageImageError where there is none, such as a 32-bit Python on a 64-bit kernel.
    """
    system, arch = _OS.get(sys_platform), _ARCH.get(machine.lower())
    for platform in PLATFORMS.values():
        if pointer_bits == 64 and (platform.os, platform.arch) == (system, arch):
            return platform
    raise PackageImageError(
        f"there are no images for a {pointer_bits}-bit Python on {sys_platform} {machine}; "
        f"known platforms are {', '.join(PLATFORMS)}"
    )


def host_platform() -> Platform:
    """The platform of this process; PackageImageError where it is not a known one."""
    if sys.platform == "win32":
        # As sysconfig.get_platform() does: the build of this Python, not the machine, is what
        # counts (x86_64 Python under emulation on ARM).
        version = sys.version.lower()
        machine = "amd64" if "amd64" in version else "arm64" if "arm64" in version else "x86"
    else:
        machine = os.uname().machine
    return platform_of(sys.platform, machine, 64 if sys.maxsize > 2**32 else 32)
