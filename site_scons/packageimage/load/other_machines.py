"""What `machine` asks of other systems and CPUs than Linux on x86-64."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable

_AT_HWCAPS = (16, 26, 29)  # <elf.h>: AT_HWCAP, AT_HWCAP2, AT_HWCAP3

# What LLVM asks macOS for, and what tells one answer of macOS from another.
_SYSCTLS = (
    "hw.cputype", "hw.cpusubtype", "hw.cpufamily", "hw.cpusubfamily", "kern.osversion",
    "sysctl.proc_translated", "machdep.cpu.vendor", "machdep.cpu.brand_string",
    "machdep.cpu.family", "machdep.cpu.model", "machdep.cpu.stepping", "machdep.cpu.features",
    "machdep.cpu.extfeatures", "machdep.cpu.leaf7_features",
)  # fmt: skip


def linux_aarch64(hwcaps: Iterable[int], cpuinfo: str) -> str | None:
    """From what LLVM reads: the cores of /proc/cpuinfo, in order. Emulators differ in the hwcaps.

    None where that file shows no cores of arm64: another system's, or none.
    """
    told = [line for line in cpuinfo.splitlines() if line.startswith(("CPU ", "Features", "Hard"))]
    if not any(line.startswith("CPU implementer") for line in told):
        return None
    return "\n".join(["aarch64", *(f"{word:x}" for word in hwcaps), *told])


def macos(sysctl: Callable[[str], bytes | None]) -> str | None:
    """From sysctl, which LLVM asks as well on arm64. None where it is not answered."""
    found = [(key, sysctl(key)) for key in _SYSCTLS]
    if dict(found)["hw.cpufamily"] is None:
        return None
    return "\n".join(f"{key}={value.hex() if value else ''}" for key, value in found)


def hwcaps() -> list[int]:
    """What the kernel says of the CPU to this process; nothing where there is no such C library."""
    try:
        ask = ctypes.CDLL(None).getauxval
    except (AttributeError, OSError):
        return []
    ask.restype = ctypes.c_ulong
    ask.argtypes = (ctypes.c_ulong,)
    return [ask(kind) for kind in _AT_HWCAPS]


def sysctl(key: str) -> bytes | None:
    """A value of macOS's sysctl, as it lies in memory."""
    try:
        ask = ctypes.CDLL(None).sysctlbyname
    except (AttributeError, OSError):
        return None
    value = ctypes.create_string_buffer(4096)
    size = ctypes.c_size_t(len(value))
    failed = ask(key.encode(), value, ctypes.byref(size), None, ctypes.c_size_t(0))
    return None if failed else value.raw[: size.value]
