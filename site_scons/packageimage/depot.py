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
from pathlib import Path

from packageimage.user_cache import find_user_cache

HEADER_SUFFIX = ".pki"
SIGNATURE_SUFFIX = ".sig"
BESIDE = "__pkgimage__"
DEPOT_VARIABLE = "PKGIMAGE_DEPOT_PATH"


def header_of(image: str) -> str:
    """The path of the header beside an image's library. Folders above may have such names too."""
    return image.rpartition(".pkgimage")[0] + HEADER_SUFFIX


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
