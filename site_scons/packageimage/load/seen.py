"""What this user's processes have read and hashed before, so that it is not read again.

A memo in the user's cache says: the file at this path, with this identity (device, inode, size,
times of the last write and of the last change of any kind, in ns), had this SHA-256 in this run of
the machine. As long as a file keeps its identity it is not read.

What it promises: a file that was written, replaced, copied, linked to or renamed in any way that
its file system keeps account of is read again, and each file once after each start of the machine
that says when it started. As in git's index ("racy git"), a file is only remembered 2 s after its
last change, since a second change in the same tick of the clock would leave its times as they are;
one from the future isn't, nor one that changed while it was read. A memo of anybody else, or one
that others can write, counts for nothing. Two processes that write at once each write a whole
memo, and what the other one found is read again another time.

What it does not see: a change through a writable mapping whose page was dirty when the file was
read; a change below the file system (a failing disk, a raw device) until the next start; for some
seconds, a change by another machine that NFS has not heard of; on Windows, where the time of
creation stands for the time of change, a change by someone who sets the write time back; and what
happens to a file between this check and its use. It guards against mistakes and damage. Who may
write to a depot may run code in the processes that use it; that is a matter of permissions.

PKGIMAGE_VERIFY=always reads every file in every process.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Mapping
from errno import EINVAL

from ..model.flags import always_verifies
from . import machine, memo
from .machine import file_identity

_KIND = "seen"
_FORMAT = 1
_SHA256_DIGITS = 64
_YOUNG_NS = 2_000_000_000


def is_old_enough(identity: list[int], now: int | None = None) -> bool:
    """Whether a file's next change will show in its times. now: ns since 1970.

    As in git's index ("racy git"): a second change in the same tick of the clock would leave them
    as they are. One from the future is not old enough.
    """
    now = time.time_ns() if now is None else now
    return now - max(identity[3:]) > _YOUNG_NS


class Seen:
    """The memo of one subject (a folder of images): asked any number of times, then saved.

    Without a file nothing is remembered and everything is read.
    """

    def __init__(
        self,
        file: str | None = None,
        subject: str = "",
        run: str = "",
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """run: what tells this run of the machine from others. clock: ns since 1970."""
        self._file = file
        self._whole = {"format": _FORMAT, "subject": subject, "run": run}
        self._clock = clock
        self._known = {} if file is None else _files_in(memo.read(file), self._whole)
        self._asked: set[str] = set()
        self._changed = False

    def content(self, path: str, size: int, sha256: str) -> tuple[int, str]:
        """Size in bytes and SHA-256 in hexadecimal of a file; OSError when it can't be read.

        `size` and `sha256` are what is expected. Only a file that has both is taken from the memo:
        a rejection is never from memory. One of another size is not read: its SHA-256 is "".
        """
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(EINVAL, "not a file", path)
        if self._known.get(path) == [*file_identity(found), sha256] and found.st_size == size:
            self._asked.add(path)
            return size, sha256
        now = self._clock()
        # Opened even where the size tells enough: NFS answers `stat` from what it heard before.
        with open(path, "rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            if before.st_size != size:
                return before.st_size, ""
            from hashlib import file_digest  # 2 ms, when something is new

            digest = file_digest(file, "sha256").hexdigest()
            after = os.fstat(file.fileno())
        identity = file_identity(after)
        stays = file_identity(before) == identity
        if self._file is not None and stays and is_old_enough(identity, now):
            self._known[path] = [*identity, digest]
            self._asked.add(path)
            self._changed = True
        return after.st_size, digest

    def known(self, path: str, sha256: str) -> list[int | str] | None:
        """The identity with which a file had that content, None where none is remembered."""
        row = self._known.get(path)
        return row[:-1] if row is not None and row[-1] == sha256 else None

    def save(self) -> None:
        """Keep what was found out, for other processes; nothing when that was nothing."""
        if self._file is None or not self._changed:
            return
        files = {
            path: row
            for path, row in self._known.items()
            if path in self._asked or _is_still(path, row)
        }
        memo.write(self._file, {**self._whole, "files": files})
        self._changed = False


READ_ALL = Seen()
"""No memo: what has no other reads every file."""


def seen_of(subject: str, environ: Mapping[str, str]) -> Seen:
    """The memo of a folder of images. Raises as `always_verifies` does."""
    if always_verifies(environ):
        return READ_ALL
    subject = os.path.abspath(subject)
    # Machines that share a home folder keep their memos apart: each has its own devices and runs.
    file = memo.file_for(_KIND, subject, environ, spread=machine.name() or "?")
    return Seen(file, subject, machine.boot_id())


def _is_still(path: str, row: list[int | str]) -> bool:
    try:
        return file_identity(os.stat(path)) == row[:-1]
    except (OSError, ValueError):
        return False


def _files_in(
    fields: Mapping[str, object], whole: Mapping[str, object]
) -> dict[str, list[int | str]]:
    """The rows of a memo; none of one that is for something else or has any other form."""
    files = fields.get("files")
    if not isinstance(files, dict) or any(fields.get(name) != whole[name] for name in whole):
        return {}
    return files if all(map(_is_row, files.values())) else {}


def _is_row(row: object) -> bool:
    return (
        isinstance(row, list)
        and [type(value) for value in row] == _ROW
        and len(row[-1]) == _SHA256_DIGITS
    )


_ROW = [int] * 5 + [str]
