"""This machine's CPU, for the loader and for builds that are for this very machine."""

from __future__ import annotations

import llvmlite.binding as llvm

from ..model import cpu_selection
from ..model.cpu_selection import HostCPU
from . import process


def host_cpu(arch: str) -> HostCPU:
    """The CPU, of that architecture, by LLVM's name and with all features that are told of it."""
    reported = [name for name, present in llvm.get_host_cpu_features().items() if present]
    flags = process.cpu_flags() if arch == "aarch64" else ()
    return cpu_selection.host_cpu(llvm.get_host_cpu_name(), reported, arch, flags)
