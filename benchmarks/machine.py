"""What a measurement was taken on."""

import os
import platform
from importlib import metadata

PACKAGES = ("numba", "llvmlite", "numpy", "scipy", "pymatting", "stumpy")


def cpu_name() -> str:
    """The CPU as the operating system calls it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def llvm_cpu() -> str:
    """The CPU as LLVM calls it, which decides what the JIT compiles for."""
    import llvmlite.binding as llvm

    return llvm.get_host_cpu_name()


def versions() -> dict[str, str]:
    """Python's version and those of the packages that matter; what is absent is left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def describe() -> dict[str, object]:
    """CPU, cores, system, versions and the load at the moment."""
    return {
        "cpu": cpu_name(),
        "llvm_cpu": llvm_cpu(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "versions": versions(),
        "load": [round(value, 2) for value in os.getloadavg()]
        if hasattr(os, "getloadavg")
        else None,
    }


def as_text(machine: dict[str, object]) -> str:
    """Two lines for the head of a table."""
    listed = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['cpu']} ({machine['llvm_cpu']}), {machine['cores']} cores, "
        f"{machine['system']}, load {machine['load']}\n{listed}"
    )
