"""This project's folder in the user's cache, and files in it that only this user can have written.

Nothing depends on what is there. A file that is missing, damaged or not this user's own is as good
as none; one that can't be written is written another time.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from importlib.util import source_hash
from pathlib import Path

OWN = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""How such a file is opened: a pipe does not hold us up, a link leads nowhere."""


def find_user_cache(environ: Mapping[str, str], sys_platform: str = sys.platform) -> Path | None:
    """The folder of this project in the user's cache; None where there is no home folder.

    XDG_CACHE_HOME (only where it is absolute, as the XDG Base Directory Specification has it) or
    ~/.cache; ~/Library/Caches on macOS; %LOCALAPPDATA% on Windows. So has platformdirs it, which
    takes longer to import than an image to load. (Its newer releases take XDG_CACHE_HOME on macOS
    as well; that would lose the images that are there.)
    """
    if sys_platform == "win32" and environ.get("LOCALAPPDATA"):
        return Path(environ["LOCALAPPDATA"], "pkgimage")
    if sys_platform not in ("win32", "darwin"):
        cache = environ.get("XDG_CACHE_HOME", "")
        if os.path.isabs(cache):
            return Path(cache, "pkgimage")
    home = environ.get("USERPROFILE" if sys_platform == "win32" else "HOME")
    home = home or os.path.expanduser("~")
    if not os.path.isabs(home):
        return None
    if sys_platform == "win32":
        return Path(home, "AppData", "Local", "pkgimage")
    if sys_platform == "darwin":
        return Path(home, "Library", "Caches", "pkgimage")
    return Path(home, ".cache", "pkgimage")


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
    folder = find_user_cache(environ)
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
