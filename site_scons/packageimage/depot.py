"""Depots: folders of published images; and the user's cache, which is the depot for new ones.

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

In the user's cache there are also files that only this user can have written. Nothing depends on
them: one that is missing, damaged or not this user's own is as good as none, one that can't be
written is written another time.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Mapping
from importlib.util import source_hash
from pathlib import Path

HEADER_SUFFIX = ".pki"
SIGNATURE_SUFFIX = ".sig"
BESIDE = "__pkgimage__"
DEPOT_VARIABLE = "PKGIMAGE_DEPOT_PATH"

OWN = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""How such a file is opened: a pipe does not hold us up, a link leads nowhere."""


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


def find_user_cache(environ: Mapping[str, str], sys_platform: str = sys.platform) -> Path | None:
    """The folder of this project in the user's cache; None where there is no home folder.

    XDG_CACHE_HOME (only where it is absolute, as the XDG Base Directory Specification has it) or
    ~/.cache; ~/Library/Caches on macOS; %LOCALAPPDATA% on Windows. So has platformdirs it, which
    takes longer to import than an image to load. (Its newer releases take XDG_CACHE_HOME on macOS
    as well; that would lose the images that are there.)
    """
    folder = _user_cache(environ, sys_platform)
    return None if folder is None else Path(folder)


def _user_cache(environ: Mapping[str, str], sys_platform: str) -> str | None:
    # Without pathlib, which would take most of the time.
    if sys_platform == "win32" and environ.get("LOCALAPPDATA"):
        return os.path.join(environ["LOCALAPPDATA"], "pkgimage")
    if sys_platform not in ("win32", "darwin"):
        cache = environ.get("XDG_CACHE_HOME", "")
        if os.path.isabs(cache):
            return os.path.join(cache, "pkgimage")
    home = environ.get("USERPROFILE" if sys_platform == "win32" else "HOME")
    home = home or os.path.expanduser("~")
    if not os.path.isabs(home):
        return None
    if sys_platform == "win32":
        return os.path.join(home, "AppData", "Local", "pkgimage")
    if sys_platform == "darwin":
        return os.path.join(home, "Library", "Caches", "pkgimage")
    return os.path.join(home, ".cache", "pkgimage")


def user_cache_folder(environ: Mapping[str, str], sys_platform: str = sys.platform) -> Path:
    """As `find_user_cache`; PackageImageError where there is no home folder."""
    folder = find_user_cache(environ, sys_platform)
    if folder is None:
        from .model.errors import PackageImageError

        raise PackageImageError(
            "expected a home folder for the cache, found none; set PKGIMAGE_DEPOT_PATH"
        )
    return folder


def cache_file(
    kind: str, key: str, environ: Mapping[str, str], suffix: str = "", spread: str = ""
) -> str | None:
    """The file for a key in the folder of a kind; None where there is no home folder.

    Keys may share a file, so what is written has to name its key. `spread` is for what there may
    be any number of, such as the names of containers: it makes at most 256 files of one.
    """
    folder = _user_cache(environ, sys.platform)
    if folder is None:
        return None
    name = _digits(key, 16) + ("-" + _digits(spread, 2) if spread else "")
    return os.path.join(folder, kind, name + suffix)


def _digits(text: str, count: int) -> str:
    # SipHash with a known key, as Python names bytecode by: no module has to be loaded for it.
    return source_hash(text.encode("utf-8", "surrogatepass")).hex()[:count]


def read_own(file: str, largest: int) -> bytes | None:
    """The content of a file of at most so many bytes; None for one that may be somebody else's."""
    try:
        descriptor = os.open(file, os.O_RDONLY | OWN)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or not _is_ours(found) or found.st_size > largest:
            return None
        return os.read(descriptor, found.st_size + 1)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def is_users(found: os.stat_result) -> bool:
    """Whether this user owns a file or a folder."""
    # Windows tells no owner; there the cache is in a folder that is the user's alone.
    return sys.platform == "win32" or found.st_uid == os.geteuid()


def _is_ours(found: os.stat_result) -> bool:
    """Whether a file belongs to this user and nobody else can write to it."""
    return is_users(found) and (sys.platform == "win32" or not found.st_mode & 0o022)
