"""Small JSON files in the user's cache that spare a process what an earlier one has found out.

Nothing depends on them. One that is missing, damaged or not this user's own is as good as none;
one that can't be written is written another time. They are never in a depot, which loading leaves
as it is.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Mapping

from ..depot import user_cache_folder
from ..model.digest import sha256
from ..model.errors import PackageImageError
from ..model.json_text import loads

_LARGEST = 1 << 22  # bytes; the memo of 10,000 files has half of it
_OWN = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def file_for(kind: str, key: str, environ: Mapping[str, str], spread: str = "") -> str | None:
    """The file for a key; None where there is no home folder.

    Keys may share a file, so what is written has to name its key. `spread` is for what there may
    be any number of, such as the names of containers: it makes at most 256 files of one.
    """
    try:
        folder = user_cache_folder(environ)
    except PackageImageError:
        return None
    name = _digits(key, 32)
    if spread:
        name += "-" + _digits(spread, 2)
    return os.path.join(folder, kind, name + ".json")


def read(file: str) -> dict[str, object]:
    """The object in a file that only this user can have written; {} for anything else."""
    try:
        # A pipe does not hold us up, a link leads nowhere.
        descriptor = os.open(file, os.O_RDONLY | _OWN)
    except OSError:
        return {}
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or not _is_ours(found) or found.st_size > _LARGEST:
            return {}
        value = loads(os.read(descriptor, _LARGEST).decode("ascii"))
    except (OSError, ValueError, RecursionError):
        return {}
    finally:
        os.close(descriptor)
    return value if isinstance(value, dict) else {}


def write(file: str, fields: Mapping[str, object]) -> None:
    """Replace a file as a whole, or leave it when that is not possible."""
    import json

    data = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode("ascii")
    folder = os.path.dirname(file)
    with contextlib.suppress(OSError):
        # Not in the home folder of somebody else, as sudo may have it: the owner could then not
        # write there any more.
        if len(data) > _LARGEST or not _is_users(os.stat(_there(folder))):
            return
        os.makedirs(folder, mode=0o700, exist_ok=True)
        temporary = f"{file}.{os.urandom(8).hex()}.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OWN, 0o600)
        try:
            # No fsync: what a crash of the machine tears is not JSON any more.
            with open(descriptor, "wb") as output:
                output.write(data)
            os.replace(temporary, file)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def _digits(text: str, count: int) -> str:
    return str(sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:count])


def _there(folder: str) -> str:
    """The folder, or the nearest above it that there is."""
    while not os.path.lexists(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return folder


def _is_users(found: os.stat_result) -> bool:
    # Windows tells no owner; there the cache is in a folder that is the user's alone.
    return sys.platform == "win32" or found.st_uid == os.geteuid()


def _is_ours(found: os.stat_result) -> bool:
    """Whether a file belongs to this user and nobody else can write to it."""
    return _is_users(found) and (sys.platform == "win32" or not found.st_mode & 0o022)
