"""When a file counts as the one that it was (`seen` says what that promises)."""

from __future__ import annotations

import os
import time

_YOUNG_NS = 2_000_000_000


def file_identity(found: os.stat_result) -> list[int]:
    """Device, inode, size in bytes, times of the last write and of the last change of any kind in
    ns."""
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def is_old_enough(identity: list[int], now: int | None = None) -> bool:
    """Whether a file's next change will show in its times. now: ns since 1970.

    As in git's index ("racy git"): a second change in the same tick of the clock would leave them
    as they are. One from the future is not old enough.
    """
    now = time.time_ns() if now is None else now
    return now - max(identity[3:]) > _YOUNG_NS
