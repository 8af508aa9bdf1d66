"""Where new images go, and what they are called (`depot`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from packageimage.depot import HEADER_SUFFIX, search_path, user_cache_folder
from packageimage.model.base_image import BaseImage
from packageimage.model.digest import sha256
from packageimage.model.errors import PackageImageError
from packageimage.model.flags import CacheFlags
from packageimage.model.platform import Platform

_ID_DIGITS = 16


def depot_path(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The depots of images built here, nearest first; new images go to the first writable one.

    PKGIMAGE_DEPOT_PATH, separated like PATH; an empty entry stands for the user's cache folder, as
    in Julia's JULIA_DEPOT_PATH. Unset or empty: that folder alone. The path is empty where it is
    needed and there is no home folder: loading goes on without images. Every path is absolute and
    stands in the result once.
    """
    return search_path(environ, ())


def depot_for_new_images(environ: Mapping[str, str]) -> Path:
    """The first depot on the path that can be written to, or made.

    The first one when none can: publishing says then what is in the way. PackageImageError where
    the path is empty. The disk is not touched: a build that has nothing to do writes nothing.
    """
    path = depot_path(environ) or (user_cache_folder(environ),)
    return next(filter(_can_be_written, path), path[0])


def _can_be_written(depot: Path) -> bool:
    for folder in (depot, *depot.parents):
        if os.path.lexists(folder):
            return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)
    return False


def _folder(base: BaseImage, package: str) -> PurePosixPath:
    if not all(part.isidentifier() for part in package.split(".")):
        raise PackageImageError(
            f"package must be the name of an importable package, found {package!r}"
        )
    return PurePosixPath(base.id[:_ID_DIGITS], package)


def image_stem(
    base: BaseImage, package: str, platform: Platform | str, flags: CacheFlags, cpu_targets: str
) -> PurePosixPath:
    """The image's path below a depot, without suffix.

    cpu_targets: canonical text. PackageImageError for a name that no package can have.
    """
    text = "\n".join((str(platform), base.id, str(flags), cpu_targets))
    slug: str = sha256(text.encode("utf-8")).hexdigest()[:_ID_DIGITS]
    return _folder(base, package) / slug


def candidates(depot: Path, base: BaseImage, package: str) -> tuple[Path, ...]:
    """The headers of a package's images for `base` in one depot, sorted; none without a depot.

    A folder that cannot be read counts as empty: loading goes on without it.
    """
    folder = depot / _folder(base, package)
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return ()
    return tuple(
        folder / name for name in names if name.endswith(HEADER_SUFFIX) and not name.startswith(".")
    )
