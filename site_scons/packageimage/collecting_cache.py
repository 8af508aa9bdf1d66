"""What the user's cache holds besides images: builds that nobody continues, and small memos.

All of it is made again when it is wanted. A build folder (`pkgimage build`) is emptied under its
lock; the folder itself goes another time, when it has been empty for an hour, since who is about
to build there has just made it.
"""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from packageimage.collecting import DAY, IN_USE, YOUNG
from packageimage.locks import Wait, held
from packageimage.model.errors import PackageImageError

BUILDS = "build"
BUILD_LOCK = ".lock"
# Of `remembered`, `load.seen`, `use_log` and `load.verdicts`.
MEMOS = ("answers", "seen", "uses", "verdicts")


@dataclass
class CollectedCache:
    """What was done. builds: folder and size in bytes; memos, memo_size: how many files of how many
    bytes; skipped: with the reason."""

    folder: Path
    builds: list[tuple[Path, int]] = field(default_factory=list)
    memos: int = 0
    memo_size: int = 0
    skipped: list[tuple[Path, str]] = field(default_factory=list)


class _Busy(Exception):
    """Somebody builds there."""


def collect_cache(cache: Path, days: float, now: float, dry_run: bool = False) -> CollectedCache:
    """Remove what was not written for so many days; at least an hour whatever `days` says.

    now: seconds since 1970. A link is nobody's build or memo and stays.
    """
    done = CollectedCache(cache)
    oldest = now - max(days * DAY, YOUNG)
    for folder in _entries(cache / BUILDS):
        if folder.is_symlink() or not folder.is_dir():
            continue
        entries = _entries(folder)
        if not entries:
            if _time_of(folder) < now - YOUNG and not dry_run:
                with contextlib.suppress(OSError):
                    folder.rmdir()
        elif max(map(_time_of, entries)) < oldest:
            _remove_build(folder, done, dry_run)
    for kind in MEMOS:
        for file in _entries(cache / kind):
            if _time_of(file) < oldest and file.is_file() and not file.is_symlink():
                _remove_memo(file, done, dry_run)
    return done


def _remove_build(folder: Path, done: CollectedCache, dry_run: bool) -> None:
    size = sum(_size(file) for file in folder.rglob("*"))
    try:
        if not dry_run:
            with held(folder / BUILD_LOCK, f"the removal of {folder.name}", waiting=_give_up):
                for entry in _entries(folder):
                    if not entry.name.startswith(BUILD_LOCK):
                        _remove(entry)
    except _Busy:
        done.skipped.append((folder, IN_USE))
    except PackageImageError as error:  # there can be no lock
        done.skipped.append((folder, str(error)))
    except OSError as error:
        done.skipped.append((folder, error.strerror or str(error)))
    else:
        done.builds.append((folder, size))


def _give_up(wait: Wait) -> None:
    raise _Busy


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()


def _remove_memo(file: Path, done: CollectedCache, dry_run: bool) -> None:
    size = _size(file)
    try:
        if not dry_run:
            file.unlink(missing_ok=True)
    except OSError as error:
        done.skipped.append((file, error.strerror or str(error)))
        return
    done.memos += 1
    done.memo_size += size


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _time_of(path: Path) -> float:
    """When an entry was last written; of a folder, when anything was put there."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return float("inf")  # gone, or not ours: not old


def _size(path: Path) -> int:
    try:
        found = path.lstat()
    except OSError:
        return 0
    return 0 if path.is_dir() else found.st_size
