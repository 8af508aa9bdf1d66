"""What the operating system tells of this machine and its files, cheaply."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

_GLIBC_LEAVES = 16  # <sys/platform/x86.h> has 9 or 10; zeros follow
_LEAF = 32  # bytes


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
        from .other_machines import sysctl

        return (sysctl("kern.bootsessionuuid") or b"").rstrip(b"\0").decode("latin-1")
    return ""


def cpu_identity(
    arch: str, sys_platform: str = sys.platform, *, same_run: bool = False
) -> str | None:
    """A text that is the same only where LLVM says the same of the CPU. None: ask LLVM.

    arch: as `Platform.arch` has it. same_run: among processes of one run of the machine, for which
    what only the machine says of its CPU is the same.

    The text says what *this process* sees of the CPU: under qemu-user, valgrind or Intel's SDE that
    is not the CPU of /proc/cpuinfo, and after a virtual machine has moved, not that of the last
    process. So it needs no boot id. A process that is moved to another CPU while it runs breaks in
    any case: glibc and NumPy have chosen their code for the first one.
    """
    if sys_platform == "linux" and arch == "x86_64":
        # What the kernel has found when it began: the same for all of this run.
        modalias = "" if same_run else _read("/sys/devices/system/cpu/modalias", 1 << 14)
        return linux_x86_64(_glibc_leaves(), modalias)
    if sys_platform == "linux" and arch == "aarch64":
        from .other_machines import hwcaps, linux_aarch64

        return linux_aarch64(hwcaps(), _read("/proc/cpuinfo", 1 << 20))
    if sys_platform == "darwin":
        from .other_machines import macos, sysctl

        return macos(sysctl)
    # Windows tells a CPU's model but not which of its features a hypervisor hides.
    return None


def linux_x86_64(leaves: Iterable[bytes], modalias: str) -> str | None:
    """From CPUID as glibc's loader has read it when this process started.

    leaves: of each eight 32-bit words, EAX to EDX as CPUID gave them, then what of that the kernel
    lets programs use.

    LLVM reads CPUID too, which Python cannot. /proc/cpuinfo would show the host's CPU to an
    emulated process, and some kernels wait 20 ms for the frequencies in it. The kernel's modalias
    (vendor, family, model, features) is cheap; it adds the vendor. None without glibc 2.33.
    """
    told = bytearray().join(leaves)
    if not any(told[:4]):  # the CPU's signature: family, model, stepping
        return None
    for ebx in (4, 20):
        told[ebx + 3] = 0  # the number of the core that was asked
    return f"x86_64 {told.hex()} {modalias.strip()}"


def file_identity(found: os.stat_result) -> list[int]:
    """By what a file counts as the one that it was (`seen` says what that promises): device, inode,
    size in bytes, times of the last write and of the last change of any kind in ns."""
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


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


def _glibc_leaves() -> list[bytes]:
    import ctypes

    try:
        leaf = ctypes.pythonapi.__x86_get_cpuid_feature_leaf
    except (AttributeError, OSError):
        return []  # another C library, or one before glibc 2.33
    leaf.restype = ctypes.c_void_p
    leaf.argtypes = (ctypes.c_uint,)
    found = []
    for words in map(leaf, range(_GLIBC_LEAVES)):
        found.append(ctypes.string_at(words, _LEAF) if words else bytes(_LEAF))
    return found
