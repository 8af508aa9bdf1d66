"""Locks between processes, and between machines as far as the file system allows.

Where the file system has locks (flock; LockFileEx on Windows) the system lets go of a lock when its
owner dies, on this machine or another. Where it has none (some network file systems) the lock is
a file that names its owner (host, pid and start time of the process); it is broken when no such
process runs on that host any more. Of a process on another host nobody can say so: there the lock
must be removed by hand, and a waiter says which file it is.

Both are filelock's. What this module adds: who holds a lock, a word to who waits for it, and no
file left behind.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from packageimage.load import machine
from packageimage.model.errors import PackageImageError, one_line

OWNER_SUFFIX = ".owner"
FILE_SUFFIX = ".file"

# Seconds after which a waiter speaks first, and the factor and limit of what follows.
_FIRST_WORD, _GROWTH, _LONGEST_SILENCE = 1.0, 2.0, 300.0
# Seconds between two attempts, at first and at most.
_SHORTEST_NAP, _LONGEST_NAP = 0.02, 0.5
_LARGEST_OWNER = 4096
_NO_LOCKS_HERE = frozenset(
    getattr(errno, name)
    for name in ("ENOSYS", "ENOLCK", "EOPNOTSUPP", "ENOTSUP", "EINVAL")
    if hasattr(errno, name)
)


@dataclass(frozen=True)
class Owner:
    """Who holds a lock. since: in seconds since 1970, by the owner's clock."""

    host: str
    pid: int
    since: float

    def __str__(self) -> str:
        where = "" if self.host == machine.name() else f" on {one_line(self.host)}"
        return f"process {self.pid}{where}"


@dataclass(frozen=True)
class Wait:
    """What a waiter can say. seconds: how long it has waited. owner: None when it is not known."""

    about: str
    owner: Owner | None
    seconds: float
    lock: Path

    def __str__(self) -> str:
        owner = "another process" if self.owner is None else str(self.owner)
        text = f"{self.about}: waiting for {owner}, for {self.seconds:.0f} s"
        if self.owner is not None and self.owner.host != machine.name():
            text += f"; if it is gone, remove {one_line(self.lock)}"
        return text


def say(wait: Wait) -> None:
    """A line on standard error."""
    print(f"pkgimage: {wait}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def held(
    path: Path,
    about: str,
    waiting: Callable[[Wait], None] = say,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[int, ...]]:
    """Hold the lock `path`, whose folder is there, while the block runs.

    about: what is locked, in the words of the user. waiting: called while somebody else holds it,
    after 1 s and then at growing intervals, 5 min at most.

    Gives the descriptors that a child has to inherit for the lock to last as long as it runs, when
    this process is killed and it is not; none where that can't be.

    Raises PackageImageError when there can be no lock: the folder can't be written, or filelock is
    not installed.
    """
    lock = _acquired(path, about, waiting, clock, sleep)
    owner = path.with_name(path.name + OWNER_SUFFIX)
    try:
        with contextlib.suppress(OSError):  # it is but for the words of those who wait
            _write_owner(owner)
        yield _descriptors(lock)
    finally:
        with contextlib.suppress(OSError):
            owner.unlink()
        _let_go(lock, path)


def is_held(path: Path) -> bool:
    """Whether a process holds a lock; False where nothing tells."""
    try:
        import filelock
    except ImportError:
        return False
    if not path.exists():
        return False
    lock = filelock.FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        return True
    except (OSError, NotImplementedError):
        return False
    lock.release()
    return False


def owner_of(path: Path) -> Owner | None:
    """Who says that he holds a lock; None when nobody does or it can't be read."""
    try:
        with open(path.with_name(path.name + OWNER_SUFFIX), "rb") as file:
            said = json.loads(file.read(_LARGEST_OWNER))
        return Owner(str(said["host"]), int(said["pid"]), float(said["since"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _acquired(
    path: Path,
    about: str,
    waiting: Callable[[Wait], None],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Any:
    try:
        import filelock
    except ImportError:
        raise PackageImageError(
            "building needs filelock; run: pip install 'packageimage[build]'"
        ) from None
    lock: Any = filelock.FileLock(path, fallback_to_soft=False)
    start = clock()
    nap, silence, word = _SHORTEST_NAP, _FIRST_WORD, start + _FIRST_WORD
    while True:
        try:
            lock.acquire(blocking=False)
            return lock
        except filelock.Timeout:
            pass
        except (OSError, NotImplementedError) as error:
            number = getattr(error, "errno", None) or errno.ENOSYS
            if number not in _NO_LOCKS_HERE or isinstance(lock, filelock.SoftFileLock):
                raise PackageImageError(
                    f"{about}: cannot lock {one_line(path)}: {os.strerror(number)}; make its "
                    "folder writable or choose another"
                ) from error
            # Under another name: the file that could not be locked is there, and names no owner.
            lock = filelock.SoftFileLock(path.with_name(path.name + FILE_SUFFIX))
            continue
        now = clock()
        if now >= word:
            waiting(Wait(about, owner_of(path), now - start, Path(lock.lock_file)))
            silence = min(silence * _GROWTH, _LONGEST_SILENCE)
            word = now + silence
        sleep(nap)
        nap = min(nap * 1.5, _LONGEST_NAP)


def _descriptors(lock: Any) -> tuple[int, ...]:
    import filelock

    if sys.platform == "win32" or isinstance(lock, filelock.SoftFileLock):
        return ()
    # filelock has no public name for it.
    descriptor = getattr(getattr(lock, "_context", None), "lock_file_fd", None)
    return () if descriptor is None else (descriptor,)


def _let_go(lock: Any, path: Path) -> None:
    # While it is held: who has opened the file already sees that it has no name, and tries again.
    # Windows removes no file that is open.
    with contextlib.suppress(OSError):
        if sys.platform != "win32":
            path.unlink()
    lock.release()
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            path.unlink()


def _write_owner(path: Path) -> None:
    owner = Owner(machine.name(), os.getpid(), time.time())
    temporary = path.with_name(f"{path.name}.{owner.pid}.tmp")
    temporary.write_text(json.dumps(asdict(owner)), encoding="ascii")
    os.replace(temporary, path)
