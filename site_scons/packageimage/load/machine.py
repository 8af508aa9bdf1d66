"""What the operating system tells of this machine and its files, cheaply."""

from __future__ import annotations

import os
import sys
import time
from _struct import unpack
from collections.abc import Callable, Iterable

_AT_HWCAPS = (16, 26, 29)  # <elf.h>: AT_HWCAP, AT_HWCAP2, AT_HWCAP3
_GLIBC_LEAVES = 16  # <sys/platform/x86.h> has 9 or 10; zeros follow

# What LLVM asks macOS for, and what tells one answer of macOS from another.
_SYSCTLS = (
    "hw.cputype", "hw.cpusubtype", "hw.cpufamily", "hw.cpusubfamily", "kern.osversion",
    "sysctl.proc_translated", "machdep.cpu.vendor", "machdep.cpu.brand_string",
    "machdep.cpu.family", "machdep.cpu.model", "machdep.cpu.stepping", "machdep.cpu.features",
    "machdep.cpu.extfeatures", "machdep.cpu.leaf7_features",
)  # fmt: skip


_YOUNG_NS = 2_000_000_000


def name() -> str:
    """This machine's name in its network, or nothing."""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


def home() -> str:
    """The real path of this user's home folder."""
    return os.path.realpath(os.path.expanduser("~"))


def boot_id(sys_platform: str = sys.platform) -> str:
    """What tells this run of the machine from those before it; nothing where no system says so."""
    if sys_platform == "linux":
        return _read("/proc/sys/kernel/random/boot_id", 64).strip()
    if sys_platform == "darwin":
        return (_sysctl("kern.bootsessionuuid") or b"").rstrip(b"\0").decode("latin-1")
    return ""


def cpu_identity(arch: str, sys_platform: str = sys.platform) -> str | None:
    """A text that is the same only where LLVM says the same of the CPU. None: ask LLVM.

    arch: as `Platform.arch` has it. The text says what *this process* sees of the CPU: under
    qemu-user, valgrind or Intel's SDE that is not the CPU of /proc/cpuinfo, and after a virtual
    machine has moved, not that of the last process. So it needs no boot id. A process that is
    moved to another CPU while it runs breaks in any case: glibc and NumPy have chosen their code
    for the first one.
    """
    if sys_platform == "linux" and arch == "x86_64":
        return linux_x86_64(_glibc_leaves(), _read("/sys/devices/system/cpu/modalias", 1 << 14))
    if sys_platform == "linux" and arch == "aarch64":
        return linux_aarch64(_hwcaps(), _read("/proc/cpuinfo", 1 << 20))
    if sys_platform == "darwin":
        return macos(_sysctl)
    # Windows tells a CPU's model but not which of its features a hypervisor hides.
    return None


def linux_x86_64(leaves: Iterable[Iterable[int]], modalias: str) -> str | None:
    """From CPUID as glibc's loader has read it when this process started.

    LLVM reads CPUID too, which Python cannot. /proc/cpuinfo would show the host's CPU to an
    emulated process, and some kernels wait 20 ms for the frequencies in it. The kernel's modalias
    (vendor, family, model, features) is cheap; it adds the vendor. None without glibc 2.33.
    """
    rows = [list(row) for row in leaves]
    if not rows or not rows[0][0]:  # the CPU's signature: family, model, stepping
        return None
    for at in (1, 5):
        rows[0][at] &= 0x00FFFFFF  # bits 24-31 of EBX: the number of the core that was asked
    text = ";".join(",".join(f"{word:x}" for word in row) for row in rows)
    return f"x86_64 {text} {modalias.strip()}"


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


def file_identity(found: os.stat_result) -> list[int]:
    """By what a file counts as the one that it was (`seen` says what that promises): device, inode,
    size in bytes, times of the last write and of the last change of any kind in ns."""
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def is_old_enough(identity: list[int], now: int | None = None) -> bool:
    """Whether a file's next change will show in its times. now: ns since 1970.

    As in git's index ("racy git"): a second change in the same tick of the clock would leave them
    as they are. One from the future is not old enough.
    """
    now = time.time_ns() if now is None else now
    return now - max(identity[3:]) > _YOUNG_NS


def _read(path: str, size: int) -> str:
    """The start of a file of the kernel's, or nothing."""
    try:
        with open(path, "rb", buffering=0) as file:
            parts = []
            while size > 0 and (part := file.read(size)):
                parts.append(part)
                size -= len(part)
    except OSError:
        return ""
    return b"".join(parts).decode("utf-8", "replace")


def _glibc_leaves() -> list[tuple[int, ...]]:
    import ctypes

    try:
        leaf = ctypes.pythonapi.__x86_get_cpuid_feature_leaf
    except (AttributeError, OSError):
        return []  # another C library, or one before glibc 2.33
    # Four words as CPUID gave them, then the four of what the kernel lets programs use.
    leaf.restype = ctypes.c_void_p
    leaf.argtypes = (ctypes.c_uint,)
    found = (leaf(number) for number in range(_GLIBC_LEAVES))
    return [unpack("<8I", ctypes.string_at(words, 32)) if words else (0,) * 8 for words in found]


def _hwcaps() -> list[int]:
    import ctypes

    try:
        ask = ctypes.CDLL(None).getauxval
    except (AttributeError, OSError):
        return []
    ask.restype = ctypes.c_ulong
    ask.argtypes = (ctypes.c_ulong,)
    return [ask(kind) for kind in _AT_HWCAPS]


def _sysctl(key: str) -> bytes | None:
    """A value of macOS's sysctl, as it lies in memory."""
    import ctypes

    try:
        ask = ctypes.CDLL(None).sysctlbyname
    except (AttributeError, OSError):
        return None
    value = ctypes.create_string_buffer(4096)
    size = ctypes.c_size_t(len(value))
    failed = ask(key.encode(), value, ctypes.byref(size), None, ctypes.c_size_t(0))
    return None if failed else value.raw[: size.value]
