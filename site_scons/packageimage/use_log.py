"""When images were last used, for `pkgimage gc`.

Loading leaves a depot as it is, so the log is in the user's cache: an empty file for each image,
named by a hash of the header's path, whose time of the last write is the last use. So any number of
processes note what they use without reading, merging or waiting for anything, and none loses what
another has noted. A use is noted at load, since a process may end in any way, and once in
half an hour at most: mostly it costs a look at one file, that of a remembered verdict
(`load.verdicts`) where there is one.

Of depots that this user can't write nothing is noted: he can't remove anything there either. What
other users use of a shared depot their own caches know; for them `pkgimage gc` looks at the time
of the last reading that the file system keeps.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping

from .depot import cache_file

_FOLDER = "uses"
_PRECISION = 1800.0  # seconds
"""Of this log, and of what is asked before it (`load.verdicts`): an hour together."""


def note_use(
    header: str | os.PathLike[str], environ: Mapping[str, str], now: float | None = None
) -> None:
    """Note that the image with this header is being used. Best effort: raises nothing.

    now: seconds since 1970.
    """
    file = _file(header, environ)
    if file is None:
        return
    now = time.time() if now is None else now
    last = _time_of(file)
    if last is not None and abs(now - last) < _PRECISION:
        return
    with contextlib.suppress(OSError):
        if not os.access(os.path.dirname(os.path.abspath(header)), os.W_OK):
            return
        if last is None:
            os.makedirs(os.path.dirname(file), mode=0o700, exist_ok=True)
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))
        os.utime(file, (now, now))


def last_use(header: str | os.PathLike[str], environ: Mapping[str, str]) -> float | None:
    """When this user last used an image, in seconds since 1970, an hour early at most; None when
    nothing was noted."""
    file = _file(header, environ)
    return None if file is None else _time_of(file)


def forget(header: str | os.PathLike[str], environ: Mapping[str, str]) -> None:
    """Drop what was noted of an image that is gone."""
    file = _file(header, environ)
    if file is not None:
        with contextlib.suppress(OSError):
            os.unlink(file)


def _file(header: str | os.PathLike[str], environ: Mapping[str, str]) -> str | None:
    return cache_file(_FOLDER, os.path.abspath(header), environ)


def _time_of(file: str) -> float | None:
    try:
        return os.stat(file).st_mtime
    except OSError:
        return None
