"""Find a package's sources without importing it.

The build decides with this what an image depends on, before anything of the package has run.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

from packageimage.model.errors import PackageImageError, one_line
from packageimage.model.record import Record


class PackageSource(Record):
    """A package or single module on disk.

    name: as it is imported. root: the folder to have on `sys.path`. files: every `*.py` of it,
    sorted.
    """

    name: str
    root: Path
    files: tuple[Path, ...]


def package_at(path: Path) -> PackageSource:
    """The package in the folder `path`, or the module in the file `path`.

    Raises PackageImageError when there is no Python source, when the name cannot be imported, or
    when the folder lies inside another package (images are made of whole packages).
    """
    name = path.name.removesuffix(".py")
    if path.is_dir():
        files = python_files(path)
        if not files:
            raise PackageImageError(
                f"{one_line(path)}: expected a package's folder, found no Python source in it; "
                "name the folder that holds the package's __init__.py"
            )
    elif path.is_file() and path.suffix == ".py":
        files = (path,)
    else:
        raise PackageImageError(
            f"{one_line(path)}: expected a package's folder or a .py file, found "
            f"{'another file' if path.exists() else 'nothing'}; correct the path"
        )
    if not name.isidentifier():
        raise PackageImageError(
            f"{one_line(path)}: {one_line(name)!r} cannot be imported; a package's folder has a "
            "name of letters, digits and underscores"
        )
    if (path.parent / "__init__.py").exists():
        raise PackageImageError(
            f"{one_line(path)}: lies inside the package {path.parent.name!r}; "
            f"build that one: {one_line(path.parent)}"
        )
    return PackageSource(name, path.parent, files)


def installed_package(name: str, search_path: Sequence[str]) -> PackageSource:
    """The package called `name` on `search_path`, found as an import would, nothing executed.

    Raises PackageImageError when there is none, or when it has no Python source.
    """
    if not name.isidentifier():
        raise PackageImageError(
            f"expected the name of a package, found {one_line(name)!r}; "
            "give a package's name, its folder or a .py file"
        )
    spec = PathFinder.find_spec(name, list(search_path))
    if spec is None:
        raise PackageImageError(
            f"no package called {name!r}: it is neither a path here nor importable; install it, "
            "or name the folder that holds it with --path (path= in an SConstruct)"
        )
    if spec.submodule_search_locations:
        location = Path(next(iter(spec.submodule_search_locations)))
        files = python_files(location)
    else:
        location = Path(spec.origin or "")
        files = (location,) if location.suffix == ".py" else ()
    if not files:
        raise PackageImageError(
            f"{name}: expected a package with Python source, found {one_line(location)}; images "
            "are made from source"
        )
    return PackageSource(name, location.parent, files)


def python_files(folder: Path) -> tuple[Path, ...]:
    """Every `*.py` below `folder`, sorted; caches and folders that no import reaches left out."""
    found = []
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name.isidentifier() and name != "__pycache__"]
        found += [Path(where, name) for name in names if name.endswith(".py")]
    return tuple(sorted(found))


_FUNCTION = re.compile(rb"^[ \t]*(?:async[ \t]+)?def[ \t]", re.MULTILINE)


def count_functions(files: Iterable[Path]) -> int:
    """How many functions a package may have to compile: `def` lines of files that mention Numba.

    A file that cannot be read counts as none: whoever needs it says so.
    """
    count = 0
    for file in files:
        with contextlib.suppress(OSError):
            text = file.read_bytes()
            if b"numba" in text:
                count += len(_FUNCTION.findall(text))
    return count
