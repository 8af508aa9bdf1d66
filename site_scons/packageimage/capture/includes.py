"""Which source files a capture depends on, and the packages whose functions were compiled in.

The rules are Julia's (`include_dependency`, `requires`): a file is recorded relative to the root
that holds its package, so that a moved environment still fits.  Numba, NumPy and llvmlite are part
of the base image and the standard library of the Python ABI; neither is listed.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

BASE_PACKAGES = frozenset({"numba", "numpy", "llvmlite"})


@dataclass(frozen=True, order=True)
class Include:
    """One source or data file: `path` is relative to the folder that holds package `root`."""

    root: str
    path: str
    size: int
    sha256: str


def top_level(module: str) -> str:
    return module.partition(".")[0]


def root_folder(package: str, modules: Mapping[str, ModuleType]) -> Path | None:
    """The folder that holds a top-level package or module, when it was loaded from files."""
    module = modules.get(package)
    if module is None:
        return None
    spec = getattr(module, "__spec__", None)
    locations = list(getattr(spec, "submodule_search_locations", None) or ())
    if locations:
        return Path(locations[0]).resolve().parent
    origin = getattr(module, "__file__", None)
    return Path(origin).resolve().parent if origin else None


def describe(root: str, base: Path, file: Path) -> Include:
    """Read one file and describe it. Raises OSError when it can't be read."""
    data = file.read_bytes()
    return Include(
        root, file.relative_to(base).as_posix(), len(data), hashlib.sha256(data).hexdigest()
    )


def source_includes(
    package: str, foreign: Iterable[str], modules: Mapping[str, ModuleType]
) -> list[Include]:
    """Sources of every module of `package` that ran, and of foreign modules compiled in."""
    found: set[Include] = set()
    wanted = {name for name in modules if top_level(name) == package}
    wanted |= {
        name
        for name in foreign
        if top_level(name) not in BASE_PACKAGES
        and top_level(name) not in sys.stdlib_module_names
        and top_level(name) != "__main__"
    }
    for name in sorted(wanted):
        module = modules.get(name)
        file = getattr(module, "__file__", None)
        root = top_level(name)
        base = root_folder(root, modules)
        if file is None or base is None:
            continue
        path = Path(file).resolve()
        if path.suffix == ".py" and path.is_relative_to(base):
            found.add(describe(root, base, path))
    return sorted(found)


def imported_files(package: str, modules: Mapping[str, ModuleType]) -> list[str]:
    """Sources that ran and belong to no installed distribution: a build must watch them as well."""
    installed = ("site-packages", "dist-packages")
    files = set()
    for name, module in list(modules.items()):
        if top_level(name) in sys.stdlib_module_names or top_level(name) == "packageimage":
            continue
        file = getattr(module, "__file__", None)
        if (
            file
            and file.endswith(".py")
            and not any(part in Path(file).parts for part in installed)
        ):
            files.add(str(Path(file).resolve()))
    return sorted(files)


def requires(includes: Iterable[Include], package: str) -> list[dict[str, str]]:
    """Each foreign package whose functions were compiled in, with a hash of their sources."""
    digests: dict[str, hashlib._Hash] = {}
    for include in sorted(includes):
        if include.root != package:
            digest = digests.setdefault(include.root, hashlib.sha256())
            digest.update(f"{include.path} {include.sha256}\n".encode())
    return [{"package": root, "content": digests[root].hexdigest()} for root in sorted(digests)]


def as_json(includes: Iterable[Include]) -> list[dict[str, object]]:
    return [asdict(include) for include in includes]
