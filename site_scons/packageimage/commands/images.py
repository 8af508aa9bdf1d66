"""What the commands that look at published images share: finding and reading them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..depot import DEPOT_VARIABLE, HEADER_SUFFIX
from ..image_names import depot_path
from ..load import check
from ..model.errors import PackageImageError, one_line
from ..model.flags import flags_from_environment
from ..model.header import HeaderError, Sidecar, decode_sidecar
from ..model.platform import PLATFORMS, host_platform
from ..model.record import Record


class Published(Record):
    """One header in a depot. sidecar: what it says; None when it cannot be read, and problem says
    why."""

    depot: Path
    path: Path
    sidecar: Sidecar | None
    problem: str = ""

    @property
    def package(self) -> str:
        """By the folder: that is where sessions look for it."""
        return self.path.parent.name


def depots_named(named: Iterable[str], environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The depots of `--depot`, or the depot path. Raises PackageImageError when there is none."""
    found = tuple(Path(name).absolute() for name in named) or depot_path(environ)
    if not found:
        raise PackageImageError(f"expected a depot, found none: set {DEPOT_VARIABLE}")
    return found


def published(depots: Iterable[Path], package: str = "") -> list[Published]:
    """All images (of one package) in the depots, nearest depot first, then by path."""
    return [
        _read(depot, path)
        for depot in depots
        for path in sorted(depot.glob(f"*/{package or '*'}/*{HEADER_SUFFIX}"))
        if not path.name.startswith(".")
    ]


def _read(depot: Path, path: Path) -> Published:
    try:
        return Published(depot, path, decode_sidecar(path.read_bytes()))
    except OSError as error:
        return Published(depot, path, None, error.strerror or str(error))
    except HeaderError as error:
        return Published(depot, path, None, str(error))


def none_found(package: str, depots: Iterable[Path]) -> str:
    """One line that says so, and what to do."""
    where = ", ".join(one_line(depot) for depot in depots)
    if not package:
        return f"no image in {where}; build one with `pkgimage build PACKAGE`"
    return f"{package}: no image in {where}; build one with `pkgimage build {package}`"


def session_here(environ: Mapping[str, str]) -> check.Session | str:
    """What a session in this environment would be, without importing Numba, or why there is none.

    Raises PackageImageError for a setting that can't be understood.
    """
    flags = flags_from_environment(environ)
    try:
        from ..load.host import host_cpu
        from ..load.installed import base_image

        platform = host_platform()
        base = base_image()
        host = host_cpu(platform.arch)
    except ModuleNotFoundError as error:
        return f"{error.name} is not installed"
    except PackageImageError as error:
        return str(error)
    return check.Session(
        platform=platform.name,
        base=base,
        flags=flags,
        host=host,
        forced_target=environ.get("PKGIMAGE_CPU") or None,
    )


def stem_of(path: str | os.PathLike[str]) -> str:
    """A path without the suffix of a header or of any platform's image: what both share."""
    text = os.fspath(path)
    suffixes = sorted({platform.image_suffix for platform in PLATFORMS.values()})
    for suffix in (HEADER_SUFFIX, *suffixes):
        if text.endswith(suffix):
            return text.removesuffix(suffix)
    return text
