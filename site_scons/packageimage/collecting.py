"""Which images of a depot are to be removed, and how that is done beside readers and publishers.

Nobody is locked out. What is removed is first moved to a temporary name and looked at: when it is
not the file that was judged, a publisher has just put it there, and it is moved back. The header
goes first, so nobody finds an image that is half gone; who has a library open keeps it (POSIX).
Windows removes no library that a process uses; such an image stays as it is.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packageimage.depot import HEADER_SUFFIX, SIGNATURE_SUFFIX
from packageimage.locks import FILE_SUFFIX, OWNER_SUFFIX, is_held
from packageimage.model.header import HeaderError, decode_sidecar
from packageimage.model.platform import PLATFORMS
from packageimage.publishing import LOCK_SUFFIX, TEMPORARY_SUFFIX
from packageimage.use_log import forget, last_use

Identity = tuple[int, ...] | None

DAY = 86_400.0
# Published or used less than this many seconds ago: a builder or a new process is still at it.
YOUNG = 3_600.0

# Why an image stays that may stay.
IN_USE, USED_NOW, PUBLISHED_NOW = "a process uses it", "used just now", "published just now"

_ID_DIGITS = 16
_SUFFIXES = tuple(sorted({platform.image_suffix for platform in PLATFORMS.values()}))
_SYMBOLS_SUFFIX = ".dSYM"


@dataclass(frozen=True)
class Budgets:
    """What a depot may hold; None: any amount. size in bytes, days since the last use, variants:
    images of one package for one platform."""

    size: int | None = None
    variants: int | None = None
    days: float | None = None


@dataclass(frozen=True)
class Stored:
    """An image in a depot. used: the last sign of use, in seconds since 1970; size: of all its
    files, in bytes; platform: empty when the header can't be read. files: the header and the rest,
    in the order in which they are removed, each with what tells it from one that replaces it."""

    header: Path
    platform: str
    size: int
    used: float
    files: tuple[tuple[Path, Identity], ...] = ()

    @property
    def package(self) -> str:
        return self.header.parent.name


@dataclass
class Collected:
    """What was done in one depot. removed, skipped: with the reason. sizes in bytes."""

    depot: Path
    removed: list[tuple[Stored, str]] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    leftovers: list[tuple[Path, int]] = field(default_factory=list)
    kept: list[Stored] = field(default_factory=list)


def choose(images: Iterable[Stored], budgets: Budgets, now: float) -> list[tuple[Stored, str]]:
    """The images over a budget, each with the reason, the one unused for longest first.

    An image that was used within the last hour stays, whatever the budgets.
    """
    newest_first = sorted(images, key=lambda image: (-image.used, str(image.header)))
    chosen: list[tuple[Stored, str]] = []
    number: dict[tuple[str, str], int] = {}
    total = 0
    for image in newest_first:
        key = (image.package, image.platform)
        reason = ""
        if budgets.days is not None and now - image.used > budgets.days * DAY:
            reason = f"not used for {int((now - image.used) / DAY)} days"
        elif budgets.variants is not None and number.get(key, 0) >= budgets.variants:
            reason = f"more than {budgets.variants} of {image.package}"
        elif budgets.size is not None and total + image.size > budgets.size:
            reason = f"more than {budgets.size} bytes"
        if reason and now - image.used >= YOUNG:
            chosen.append((image, reason))
        else:
            number[key] = number.get(key, 0) + 1
            total += image.size
    return chosen[::-1]


def collect(
    depot: Path,
    budgets: Budgets,
    environ: Mapping[str, str],
    now: float,
    dry_run: bool = False,
    is_in_use: Callable[[Path], bool] | None = None,
) -> Collected:
    """Bring one depot within its budgets; files that can't be removed are skipped."""
    is_in_use = is_open if is_in_use is None else is_in_use
    done = Collected(depot)
    stored: list[Stored] = []
    for folder in _package_folders(depot):
        names = _names(folder)
        stored += (
            _stored(folder, name, names, environ)
            for name in names
            if name.endswith(HEADER_SUFFIX) and not name.startswith(".")
        )
        old = [n for n in names if is_leftover(n, names) and _age(folder / n, now) > DAY]
        # The clock may be wrong, here or where the files are: who holds a lock is at it.
        if old and not any(is_held(folder / n) for n in names if n.endswith(LOCK_SUFFIX)):
            for name in old:
                _remove_leftover(folder / name, done, dry_run, is_in_use)
    chosen = choose(stored, budgets, now)
    for image, reason in chosen:
        _remove(image, reason, done, environ, dry_run, is_in_use)
    gone = {image.header for image, _ in done.removed}
    done.kept = [image for image in stored if image.header not in gone]
    if not dry_run:
        _remove_empty_folders(depot, now)
    return done


def is_leftover(name: str, names: Iterable[str]) -> bool:
    """Whether a file in a package's folder is what a build that has died left behind."""
    if name.startswith("."):
        ends = (TEMPORARY_SUFFIX, *(LOCK_SUFFIX + end for end in ("", OWNER_SUFFIX, FILE_SUFFIX)))
        return name.endswith(ends)
    stem = _stem(name)
    return stem is not None and stem + HEADER_SUFFIX not in names


def is_open(path: Path) -> bool:
    """Whether a process uses a library, where that keeps it from being removed: on Windows, which
    refuses to open such a file for writing."""
    if sys.platform != "win32":
        return False
    try:
        os.close(os.open(path, os.O_RDWR))
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _package_folders(depot: Path) -> list[Path]:
    """The folders of packages; a depot may be the user's cache, which holds other things too.

    Not those that links lead to: they are somebody else's matter.
    """
    bases = [
        depot / base
        for base in _names(depot)
        if len(base) == _ID_DIGITS and set(base) <= set("0123456789abcdef")
    ]
    return [
        base / package
        for base in bases
        for package in _names(base)
        if package.isidentifier() and _is_own_folder(base) and _is_own_folder(base / package)
    ]


def _is_own_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _stem(name: str) -> str | None:
    """The name of an image's file without its suffix; None for other files."""
    for suffix in (SIGNATURE_SUFFIX, *_SUFFIXES, *(s + _SYMBOLS_SUFFIX for s in _SUFFIXES)):
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return None


def _files_of(header: Path, names: Iterable[str]) -> list[Path]:
    """What belongs to an image besides its header, the library last."""
    stem = header.name.removesuffix(HEADER_SUFFIX)
    found = [header.with_name(name) for name in names if _stem(name) == stem]
    return sorted(found, key=lambda path: (path.name.endswith(_SUFFIXES), path.name))


def _stored(folder: Path, name: str, names: list[str], environ: Mapping[str, str]) -> Stored:
    header = folder / name
    files = [header, *_files_of(header, names)]
    # Before anything else is asked: what comes later is another image.
    identities = tuple((path, _identity(path)) for path in files)
    try:
        platform = decode_sidecar(header.read_bytes()).header.platform
    except (OSError, HeaderError):
        platform = ""  # damaged, or of a later release: its time comes as that of others
    times = [last_use(header, environ) or 0.0]
    for path in files:
        with contextlib.suppress(OSError):
            found = path.stat()
            times.append(found.st_mtime)
            # Headers are read by whoever looks for an image, libraries by whoever uses one.
            if path.name.endswith(_SUFFIXES):
                times.append(found.st_atime)
    return Stored(header, platform, sum(map(_size, files)), max(times), identities)


def _size(path: Path) -> int:
    try:
        if path.is_dir():
            return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        return path.stat().st_size
    except OSError:
        return 0


def _age(path: Path, now: float) -> float:
    try:
        return now - path.lstat().st_mtime
    except OSError:
        return 0.0


def _remove(
    image: Stored,
    reason: str,
    done: Collected,
    environ: Mapping[str, str],
    dry_run: bool,
    is_in_use: Callable[[Path], bool],
) -> None:
    if any(is_in_use(path) for path, _ in image.files if path.name.endswith(_SUFFIXES)):
        done.skipped.append((image.header, IN_USE))
        return
    if (last_use(image.header, environ) or 0.0) > image.used:
        done.skipped.append((image.header, USED_NOW))
        return
    if not dry_run:
        try:
            for path, judged in image.files:
                if not _remove_path(path, judged):
                    done.skipped.append((path, PUBLISHED_NOW))
                    return
        except OSError as error:
            done.skipped.append((image.header, error.strerror or str(error)))
            return
        forget(image.header, environ)
    done.removed.append((image, reason))


def _remove_leftover(
    path: Path, done: Collected, dry_run: bool, is_in_use: Callable[[Path], bool]
) -> None:
    size, judged = _size(path), _identity(path)
    if path.name.endswith((*_SUFFIXES, TEMPORARY_SUFFIX)) and is_in_use(path):
        done.skipped.append((path, IN_USE))
        return
    if not dry_run:
        try:
            if not _remove_path(path, judged):
                return
        except OSError as error:
            done.skipped.append((path, error.strerror or str(error)))
            return
    done.leftovers.append((path, size))


def _remove_path(path: Path, judged: Identity) -> bool:
    """Remove the file or folder that was judged; False when another one has taken its place.

    True as well when it is gone. Raises OSError.
    """
    aside = path.with_name(f".{path.name}.{os.urandom(8).hex()}{TEMPORARY_SUFFIX}")
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return True
    if _identity(aside) != judged:
        _put_back(aside, path)
        return False
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside)
        return True
    try:
        aside.unlink()
    except OSError:
        _put_back(aside, path)
        raise
    return True


def _put_back(aside: Path, path: Path) -> None:
    """Give a file its name again, unless a newer one has it."""
    try:
        os.link(aside, path)
    except FileExistsError:
        pass
    except OSError:  # no links here; of two files put here within a moment the wrong may stay
        if not path.exists():
            os.rename(aside, path)
        return
    aside.unlink()


def _identity(path: Path) -> Identity:
    """What tells this file from one that replaces it; a change of its name does not count."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _remove_empty_folders(depot: Path, now: float) -> None:
    """Those that are empty for an hour: a publisher makes a folder and then fills it."""
    for folder in _package_folders(depot):
        for each in (folder, folder.parent):
            with contextlib.suppress(OSError):  # not empty, or somebody else's
                if now - each.stat().st_mtime > YOUNG:
                    each.rmdir()
