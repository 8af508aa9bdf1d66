"""This machine's CPU, for the loader and for builds that are for this very machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from ..model import cpu_selection
from ..model.cpu_selection import HostCPU
from . import installed, machine, memo

_KIND = "cpus"


def host_cpu(arch: str, environ: Mapping[str, str] = os.environ) -> HostCPU:
    """The CPU, of that architecture, by LLVM's name and with all features that are told of it.

    Importing LLVM takes 20 ms. A process that has not imported it takes what LLVM said to an
    earlier one: of a CPU that looked the same to that process (`machine.cpu_identity`), in the
    same version of llvmlite.
    """
    name, reported = _llvms_answer(arch, environ)
    flags = _cpu_flags() if arch == "aarch64" else ()
    return cpu_selection.host_cpu(name, reported, arch, flags)


def _llvms_answer(arch: str, environ: Mapping[str, str]) -> tuple[str, list[str]]:
    if "llvmlite.binding" in sys.modules:
        return ask_llvm()
    identity = machine.cpu_identity(arch)
    if identity is None:
        return ask_llvm()
    key = f"llvmlite {installed.version('llvmlite')}\n{identity}"
    file = memo.file_for(_KIND, "", environ, spread=key)
    known = None if file is None else _answer_in(memo.read(file), key)
    if known is not None:
        return known
    name, reported = ask_llvm()
    if file is not None:
        memo.write(file, {"key": key, "name": name, "features": reported})
    return name, reported


def _answer_in(fields: Mapping[str, object], key: str) -> tuple[str, list[str]] | None:
    name, reported = fields.get("name"), fields.get("features")
    if fields.get("key") != key or not isinstance(name, str) or not isinstance(reported, list):
        return None
    features = [feature for feature in reported if isinstance(feature, str)]
    return (name, features) if len(features) == len(reported) else None


def ask_llvm() -> tuple[str, list[str]]:
    """The CPU's name and the features that it has, in order, as LLVM finds them now."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features().items()
    return llvm.get_host_cpu_name(), sorted(feature for feature, present in features if present)


def _cpu_flags() -> list[str]:
    """What Linux tells of the first processor's features; nothing where it does not."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("Features"):  # arm64's word; x86's is "flags"
                    return line.partition(":")[2].split()
    except OSError:
        pass  # another system
    return []
