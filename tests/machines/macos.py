"""macos-arm64 and macos-x86_64: a Linux Python of that CPU, on which `dylib` loads dylibs.

There is no macOS to run here, but its code runs: see `dylib`, which maps it, and `macos_names`,
which stands in for what only macOS has. `packageimage` itself still sees a Linux process.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from . import linux_aarch64
from .cache import Unavailable
from .machine import Machine

ARM64 = "macos-arm64"
X86_64 = "macos-x86_64"
# Programs on the machine import `machines.dylib` from here.
_PATHS = (Path(__file__).resolve().parents[1],)


def machine(name: str) -> Machine:
    """The machine for dylibs of the platform `name`. Raises Unavailable, PreparationError."""
    if name == ARM64:
        linux = linux_aarch64.machine()
        return Machine(ARM64, ARM64, linux.command, linux.builder, linux.environ, _PATHS)
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        raise Unavailable("an x86_64 dylib's code runs on the host: it must be x86_64 Linux")
    environ = {"PYTHONUTF8": "1"}
    return Machine(X86_64, X86_64, (sys.executable,), Path(sys.executable), environ, _PATHS)
