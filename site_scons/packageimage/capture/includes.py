"""Which source files a capture depends on, and the packages whose functions were compiled in.

The rules are Julia's (`include_dependency`, `requires`): a file is recorded relative to the root
that holds its package, so that a moved environment still fits.  Numba, NumPy and llvmlite are part
of the base image and the standard library of the Python ABI; neither is listed.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

from ..model.errors import PackageImageError, one_line

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
    return Include(root, file.relative_to(base).as_posix(), len(data), _sha256(data))


def source_includes(
    package: str, foreign: Iterable[str], modules: Mapping[str, ModuleType]
) -> list[tuple[Include, Path]]:
    """Sources of every module of `package` that ran, and of foreign modules compiled in."""
    found: set[tuple[Include, Path]] = set()
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
            found.add((describe(root, base, path), path))
    return sorted(found)


@dataclass(frozen=True)
class Dependencies:
    """Every file that a capture depended on.

    includes: sources and declared data files that an image names and checks. watched: path and
    SHA-256 of the files beyond the package's own sources that a build must watch, relative to the
    folder that holds the package where they lie in it; some of them are includes as well.
    own_sources: path and content of the package's own sources. data_digests: path and SHA-256 of
    the declared data files.
    """

    includes: list[Include]
    watched: list[dict[str, str]]
    own_sources: list[tuple[str, bytes]]
    data_digests: list[tuple[str, str]]

    @classmethod
    def of(
        cls,
        package: str,
        compiled_in: Iterable[str],
        declared: Iterable[tuple[str, str]],
        imaged: Iterable[str],
        modules: Mapping[str, ModuleType],
    ) -> Dependencies:
        """`compiled_in`: modules with functions in the capture. `declared`: data files, each with
        the module that declared it. `imaged`: packages whose own images stand for their sources.
        """
        imaged = frozenset(imaged)
        base = root_folder(package, modules)
        sources = {
            include: path
            for include, path in source_includes(package, compiled_in, modules)
            if include.root not in imaged
        }
        data = dict(_declared_includes(package, declared, modules))
        own = {path for include, path in sources.items() if include.root == package}
        watched = {*sources.values(), *data.values(), *_imported_files(modules, imaged)} - own
        return cls(
            includes=sorted({*sources, *data}),
            watched=[
                {"path": _below(base, path), "sha256": _sha256(path.read_bytes())}
                for path in sorted(watched)
            ],
            own_sources=[
                (include.path, path.read_bytes())
                for include, path in sorted(sources.items())
                if include.root == package
            ],
            data_digests=[(include.path, include.sha256) for include in sorted(data)],
        )


def _below(base: Path | None, path: Path) -> str:
    """A path as it stays when the project moves."""
    if base is not None and path.is_relative_to(base):
        return path.relative_to(base).as_posix()
    return str(path)


def _declared_includes(
    package: str, declared: Iterable[tuple[str, str]], modules: Mapping[str, ModuleType]
) -> Iterator[tuple[Include, Path]]:
    for module, name in declared:
        root = top_level(module)
        if root in ("__main__", "") or root_folder(root, modules) is None:
            root = package  # a workload declares for the package that it is run for
        base = root_folder(root, modules)
        if base is None:
            continue
        path = Path(name).resolve()
        try:
            data = path.read_bytes()
            relative = os.path.relpath(path, base)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise PackageImageError(
                f"include_dependency in {module}: expected a file that can be read at "
                f"{one_line(path)}, found {one_line(reason)}: correct the path"
            ) from None
        yield Include(root, Path(relative).as_posix(), len(data), _sha256(data)), path


def _imported_files(modules: Mapping[str, ModuleType], imaged: frozenset[str]) -> set[Path]:
    """Sources that ran and belong to no installed distribution."""
    installed = ("site-packages", "dist-packages")
    files = set()
    standard = sysconfig.get_path("stdlib")
    library = str(Path(__file__).resolve().parents[1])
    for name, module in list(modules.items()):
        if top_level(name) in sys.stdlib_module_names or top_level(name) in imaged:
            continue
        file = getattr(module, "__file__", None)
        if (
            file
            and file.endswith(".py")
            and os.path.isfile(file)
            and not file.startswith((standard, library))
            and not any(part in Path(file).parts for part in installed)
        ):
            files.add(Path(file).resolve())
    return files


def imported_includes(
    package: str, imported: Iterable[str], modules: Mapping[str, ModuleType]
) -> list[Include]:
    """What vouches for the packages that a restored package took values from while it was imported.

    Of an installed one its METADATA, whose path and content name the version; of others the sources
    that ran.
    """
    found: set[Include] = set()
    distributions = importlib.metadata.packages_distributions()
    for top in sorted({top_level(name) for name in imported} - BASE_PACKAGES - {package}):
        base = root_folder(top, modules)
        if base is None or top in sys.stdlib_module_names:
            continue
        names = distributions.get(top, [])
        described = {
            describe(top, base, file)
            for name in names
            for file in base.glob("*.dist-info/METADATA")
            if importlib.metadata.Distribution.at(file.parent).metadata["Name"] == name
        }
        found |= described or {each for each, _ in source_includes(top, (), modules)}
    return sorted(found)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def as_json(includes: Iterable[Include]) -> list[dict[str, object]]:
    return [asdict(include) for include in includes]
