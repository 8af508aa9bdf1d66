"""linux-x86_64 with other CPUs: this host's Python under `qemu-x86_64 -cpu`.

QEMU 7.2 has nothing beyond AVX2: of a newer CPU it shows the name without its features. A program
that starts another one leaves the emulator, and the other runs on the host's CPU.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .build_environment import python_with_old_numpy
from .cache import Unavailable, tool
from .machine import Machine

PLATFORM = "linux-x86_64"
# QEMU warns on standard error of each feature that a CPU has and its emulation has not; none of
# these is for programs. Haswell's invpcid stays missing: LLVM counts it among the CPU's features.
_NOT_EMULATED = ("hle", "invpcid", "pcid", "rtm", "tsc-deadline", "x2apic")


def machine(cpu: str, *, old_numpy: bool = False) -> Machine:
    """This host with the CPU that QEMU calls `cpu` (`qemu-x86_64 -cpu help`).

    Today's NumPy asks for x86-64-v2, which begins with Nehalem; `old_numpy` takes an environment
    with one that runs on every CPU with SSE3, such as kvm64. Raises Unavailable, PreparationError.
    """
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        raise Unavailable("qemu-x86_64 runs this host's Python: the host must be x86_64 Linux")
    qemu = tool("qemu-x86_64", "qemu-user")
    python = python_with_old_numpy() if old_numpy else Path(sys.executable)
    model = ",-".join((cpu, *_NOT_EMULATED))
    return Machine(
        name=f"{PLATFORM}-{cpu.lower()}",
        platform=PLATFORM,
        command=(qemu, "-cpu", model, str(python)),
        builder=python,
        # Set for the host's CPU, OpenBLAS would believe it and die; empty, it looks.
        environ={"PYTHONUTF8": "1", "OPENBLAS_CORETYPE": ""},
    )
