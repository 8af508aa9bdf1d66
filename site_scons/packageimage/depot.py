"""Depots: folders of published images.

    <depot>/<first 16 digits of the base image's id>/<package>/<slug><image suffix>
    <depot>/<first 16 digits of the base image's id>/<package>/<slug>.pki

    <depot>/<first 16 digits of the base image's id>/<package>/<slug>.sig

The slug names what tells images of one package apart: platform, base image, flags, CPU targets
(Julia's `compilecache_path` in base/loading.jl hashes the same). `<slug>-1`, `-2`... are further
files of the same image, published while those before them could not be replaced. The signatures
are there when somebody signed the image. No file says where it lies, so a depot may be moved.

Images that come with an installed package lie in `__pkgimage__` beside it, that is in the folder on
`sys.path` which holds it, as `__pycache__` holds the bytecode of modules there. A wheel ships them
as it ships any top-level folder (auditwheel's `<package>.libs` lies there too), several
distributions share it as they share a namespace package, and a single-file module has such a place
as well. It takes one look at each folder of `sys.path` to find all of them, where a folder inside
each package would take a look at every package that is imported. The installer owns them: what is
built here goes elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from packageimage.user_cache import find_user_cache, user_cache_folder

if TYPE_CHECKING:
    from packageimage.model.base_image import BaseImage
    from packageimage.model.flags import CacheFlags
    from packageimage.model.platform import Platform

HEADER_SUFFIX = ".pki"
SIGNATURE_SUFFIX = ".sig"
BESIDE = "__pkgimage__"
DEPOT_VARIABLE = "PKGIMAGE_DEPOT_PATH"

_ID_DIGITS = 16


def header_of(image: str) -> str:
    """The path of the header beside an image's library. Folders above may have such names too."""
    return image.rpartition(".pkgimage")[0] + HEADER_SUFFIX


def depot_path(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The depots of images built here, nearest first; new images go to the first writable one.

    PKGIMAGE_DEPOT_PATH, separated like PATH; an empty entry stands for the user's cache folder, as
    in Julia's JULIA_DEPOT_PATH. Unset or empty: that folder alone. The path is empty where it is
    needed and there is no home folder: loading goes on without images. Every path is absolute and
    stands in the result once.
    """
    return search_path(environ, ())


def search_path(environ: Mapping[str, str], import_path: Iterable[str]) -> tuple[Path, ...]:
    """The depots to look for images in, nearest first.

    As `depot_path`, but an empty entry, and an unset variable, stand for the depots beside
    installed packages as well, in the order of `import_path` (`sys.path`), before the user's cache
    folder. Whether a depot is there is not looked at.
    """
    found: dict[Path, None] = {}
    for entry in environ.get(DEPOT_VARIABLE, "").split(os.pathsep):
        if entry:
            found[Path(os.path.abspath(os.path.expanduser(entry)))] = None
        else:
            for folder in import_path:
                found[Path(os.path.abspath(folder), BESIDE)] = None
            cache = find_user_cache(environ)
            if cache is not None:
                found[cache] = None
    return tuple(found)


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
        from packageimage.model.errors import PackageImageError

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
    from packageimage.model.digest import sha256

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
