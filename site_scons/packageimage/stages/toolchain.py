"""`python -m packageimage.stages.toolchain [--host-cpu]`: what runs the stages, as JSON.

The build asks for it in a child, because the interpreter that runs the stages need not be the one
that runs SCons, and because llvmlite, which knows the host's CPU, is not imported there.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import sys
import zlib
from typing import Any

from packageimage.model.errors import PackageImageError
from packageimage.model.platform import host_platform
from packageimage.stages.base_image import measure_base_image

DISTRIBUTIONS = ("numba", "llvmlite", "numpy", "pyelftools", "macholib", "pefile")


def measure(host_cpu: bool) -> dict[str, Any]:
    """The base image, versions ("" for what is not installed), `sys.path`, the host's CPU.

    Raises PackageImageError when a part of the base image is not installed.
    """
    versions = {name: _version(name) for name in DISTRIBUTIONS}
    # The platform is part of the ABI: a capture holds what this interpreter's Numba compiled.
    versions["python"] = f"{sys.implementation.cache_tag}-{sys.platform}"
    versions["zlib"] = zlib.ZLIB_RUNTIME_VERSION
    result: dict[str, Any] = {
        "base": measure_base_image().as_dict(),
        "versions": versions,
        "search_path": [entry for entry in sys.path if entry],
    }
    # What decides the answer, for whoever keeps it.
    result["depends_on"] = sorted({*result["search_path"], *_zlib_files()})
    if host_cpu:
        from packageimage.load.host import host_cpu as measured_cpu

        host = measured_cpu(host_platform().arch)
        result["host_cpu"] = {"name": host.name, "features": sorted(host.features)}
    return result


def _zlib_files() -> list[str]:
    """The libraries that zlib's version comes from, as far as the system tells."""
    files = [zlib.__file__] if hasattr(zlib, "__file__") else []
    with contextlib.suppress(OSError), open("/proc/self/maps", encoding="utf-8") as maps:
        files += [line.rstrip().rpartition(" ")[2] for line in maps if "/libz" in line]
    return files


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


if __name__ == "__main__":
    try:
        answer = measure("--host-cpu" in sys.argv[1:])
    except PackageImageError as error:
        answer = {"error": str(error)}
    json.dump(answer, sys.stdout, sort_keys=True)
