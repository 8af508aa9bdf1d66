"""What a stage was made with, as a short text in its command line.

SCons reruns a command when its text changes, and `--debug=explain` shows both texts. So a stage's
command says which versions it runs with; only those that can change its output, so that a new LLD
only relinks and a new NumPy does not recompile a capture that came out the same.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path

from packageimage.model.base_image import BaseImage
from packageimage.model.cpu_selection import HostCPU
from packageimage.model.record import Record

_HERE = Path(__file__).resolve().parent

# The parts of this library whose change can change what a stage writes.
_SOURCES = {
    "serialize": (
        "capture",
        "codegen/data_object.py",
        "load/numba_attach.py",
        "load/numba_bridge.py",
        "load/numba_caching.py",
        "load/numba_library.py",
        "load/numba_results.py",
        "load/image.py",
        "load/methods.py",
        "model",
        "stages/serialize.py",
        "stages/worker.py",
    ),
    "entries": ("stages/entries.py",),
    "codegen": ("codegen", "model", "stages/codegen.py", "stages/manifest.py"),
    "data": (
        "codegen",
        "inspect",
        "model",
        "stages/base_image.py",
        "stages/data.py",
        "stages/manifest.py",
    ),
    "link": ("codegen/data_object.py", "stages/digest.py", "stages/link.py"),
    "verify": (
        "inspect",
        "model",
        "depot.py",
        "image_names.py",
        "stages/debug_symbols.py",
        "stages/digest.py",
        "stages/verify.py",
    ),
}
# The distributions and other versions that matter to it.
_VERSIONS = {
    "serialize": ("python", "numba", "llvmlite", "numpy"),
    "entries": (),
    "codegen": ("llvmlite",),
    "data": ("python", "numba", "llvmlite", "numpy", "zlib", "pyelftools", "macholib"),
    "link": ("lld",),
    "verify": ("pyelftools", "macholib", "pefile"),
}


class Toolchain(Record):
    """What runs the stages, as measured in its own process (`stages.toolchain`).

    versions: by name, "" for what is not installed. search_path: its `sys.path`. host_cpu: only
    where it was asked for.
    """

    base: BaseImage
    versions: Mapping[str, str]
    search_path: tuple[str, ...]
    host_cpu: HostCPU | None


def stage_fingerprint(stage: str, versions: Mapping[str, str]) -> str:
    """The text for `stage`: no spaces and nothing that a shell treats in its own way."""
    parts = [f"{name}-{versions[name]}" for name in _VERSIONS[stage] if versions.get(name)]
    return ",".join([*parts, f"{stage}-{source_digest(stage)}"])


@functools.cache
def source_digest(stage: str) -> str:
    """Hash over the library's own sources that `stage` runs, shortened."""
    text = "".join(_part_digest(part) for part in _SOURCES[stage])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@functools.cache
def _part_digest(part: str) -> str:
    """The same for one file or folder of it, which several stages run."""
    digest = hashlib.sha256()
    path = _HERE / part
    for file in sorted(path.rglob("*.py")) if path.is_dir() else [path] * path.exists():
        data = file.read_bytes()
        digest.update(f"{file.relative_to(_HERE).as_posix()} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()
