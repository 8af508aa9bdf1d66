"""All machines by name, and how each is made."""

from __future__ import annotations

from collections.abc import Callable

from . import linux_aarch64, macos, windows_x86_64, x86_64_cpus
from .machine import Machine

MACHINES: dict[str, Callable[[], Machine]] = {
    linux_aarch64.NAME: linux_aarch64.machine,
    windows_x86_64.NAME: windows_x86_64.machine,
    macos.ARM64: lambda: macos.machine(macos.ARM64),
    macos.X86_64: lambda: macos.machine(macos.X86_64),
    "linux-x86_64-kvm64": lambda: x86_64_cpus.machine("kvm64", old_numpy=True),
    "linux-x86_64-nehalem": lambda: x86_64_cpus.machine("Nehalem"),
    "linux-x86_64-haswell": lambda: x86_64_cpus.machine("Haswell"),
}
"""Each raises `cache.Unavailable` for a missing tool, `PreparationError` when a step fails."""
