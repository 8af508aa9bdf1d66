"""Build the images that are measured, with the command that a user types."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from processes import LIBRARY, Command, run


@dataclass(frozen=True)
class Package:
    """A package to be built: its name, its workload, and the folder it is imported from.

    `path` is None for an installed package.
    """

    name: str
    workload: Path
    path: Path | None = None


def search_path(folders: Iterable[Path | None]) -> str:
    """A PYTHONPATH; None is left out."""
    return os.pathsep.join(str(folder) for folder in folders if folder)


def image_environment(package: Package, depot: Path) -> Mapping[str, str]:
    """The environment of a program that uses the images of a depot and builds none."""
    return {
        "PKGIMAGE": "existing",
        "PKGIMAGE_DEPOT_PATH": str(depot),
        "PYTHONPATH": search_path([LIBRARY, package.path]),
    }


def plain_environment(package: Package) -> Mapping[str, str]:
    """The environment of a program that knows nothing of images."""
    return {"PKGIMAGE": "no", "PYTHONPATH": search_path([package.path])}


def build(package: Package, depot: Path, cpu_targets: str, folder: Path, *more: str) -> float:
    """Build the image of a package into a depot; the seconds it took.

    `more` are further options. Intermediate files are kept in `folder` instead of the user's
    cache; a second build of the same does nothing.
    Raises processes.Failed with what the build said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arguments = ["-m", "packageimage", "build", package.name]
    arguments += ["--workload", str(package.workload), "--depot", str(depot)]
    arguments += ["--cpu-targets", cpu_targets, *more]
    environment = {
        "PYTHONPATH": search_path([LIBRARY, package.path]),
        "XDG_CACHE_HOME": str(folder),
    }
    return run(Command(tuple(arguments), folder, environment)).seconds
