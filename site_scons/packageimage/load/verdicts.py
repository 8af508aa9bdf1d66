"""Which image an earlier process of this user has opened, so that the checks are not made again.

A verdict is remembered with all that it came from: the settings of this process, its CPU and the
run of the machine, the files that were read (header, library, sources, versions of Numba, llvmlite
and NumPy, and the rules themselves), where imports find the packages, and who can write to the
image and the folders above it. Where any of that is not as it was, `check` has the word: it alone
rejects, and says why. Comparing takes a tenth of what the checks take, half of which is the import
of the modules that make them.

What it promises, and what it does not see, is as in `seen`, by whose rules files count as what they
were. Remembered is only what is plain: an image that requires no other, on another system than
Windows, trusted because of owners and modes (no link is followed, PKGIMAGE_TRUST and
PKGIMAGE_TRUSTED_KEYS are not set); and where the package has more images, the
best of those that fit, when what the others were rejected for is in their headers.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import stat
import sys
import time
from collections.abc import Iterable, Mapping
from importlib.util import source_hash
from typing import TYPE_CHECKING, Any

from ..depot import cache_file, read_own
from . import machine
from .loader import import_place, version_file
from .machine import file_identity

if TYPE_CHECKING:
    from .image import Opening

_KIND = "verdicts"
_FORMAT = 3
_DIGEST = 8  # bytes of `source_hash`
_NOTED = 1800.0  # seconds; another half of an hour is in `use_log`, which is asked then
_LARGEST = 1 << 24  # bytes
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# The sources that decide whether an image fits, and how it is opened.
_RULES = (
    "load/check.py", "load/examination.py", "load/groups.py", "load/host.py", "load/image.py",
    "load/installed.py", "load/loader.py", "load/machine.py", "load/methods.py",
    "load/other_machines.py", "load/remembering.py", "load/seen.py", "load/session.py",
    "load/trust.py", "load/verdicts.py",
    "model/base_image.py", "model/cpu_selection.py", "model/flags.py", "model/header.py",
    "model/platform.py",
    "model/cpu_tables/__init__.py", "model/cpu_tables/aarch64.py",
    "model/cpu_tables/linux_aarch64.py", "model/cpu_tables/reported.py",
    "model/cpu_tables/riscv64.py", "model/cpu_tables/x86_64.py",
)  # fmt: skip


def rules() -> tuple[tuple[int, ...], ...] | None:
    """The identities of the rules' files, None where they are not all there."""
    found = []
    try:
        for name in _RULES:
            found.append(tuple(file_identity(os.stat(f"{_PACKAGE}/{name}"))))
    except OSError:
        return None
    return tuple(found)


# Those that this process judges by. Another release may be put in their place while it runs.
own_rules = rules()

# Of whose settings all decide it but those below.
_SETTINGS = ("PKGIMAGE", "NUMBA_")
_HARMLESS = ("PKGIMAGE", "PKGIMAGE_DEPOT_PATH", "PKGIMAGE_LOG", "PKGIMAGE_RESTORE")


class Verdict:
    """What is known of a package's images.

    rejections: once recalled, the rows of those that were not chosen (`as_dict` of each).
    """

    def __init__(
        self, headers: Iterable[str | os.PathLike[str]], environ: Mapping[str, str]
    ) -> None:
        """headers: of all images of the package on the depot path, at least one."""
        self.headers = tuple(map(os.path.abspath, headers))
        self._environ = environ
        self._library: tuple[Any, ...] = ()
        self.rejections: list[dict[str, Any]] = []
        self.file: str | None = None
        if sys.platform != "win32":
            # Machines that share a home folder keep theirs apart: each has its own runs.
            name = machine.name() or "?"
            self.file = cache_file(_KIND, self.headers[0], environ, spread=name)

    def recall(self) -> Opening | None:
        """The image to open; None where checks have to be made."""
        data = None if self.file is None else read_own(self.file, _LARGEST)
        if data is None:
            return None
        digest, data = data[:_DIGEST], data[_DIGEST:]
        if digest != source_hash(data):
            return None  # marshal has no bounds, and a wrong bit may name another CPU target
        try:
            whole, found, row, rejections = marshal.loads(data)
            if whole != self.whole() or not self._is_as_found(*found):
                return None
            self._library = found[1][0]
            self.rejections = list(rejections)
            from .image import Opening  # wanted now, and not sooner

            # Its path of then may have been relative to another folder.
            return Opening(self._library[0], *row[1:])
        except (EOFError, ValueError, TypeError, IndexError, OSError):
            return None  # damaged, or a file is gone

    def is_noted(self) -> bool:
        """Whether a use of the image was noted (`use_log`) just now, as the time at which this
        was last written has it: that spares a process the finding and reading of another module."""
        try:
            return self.file is not None and abs(time.time() - os.stat(self.file).st_mtime) < _NOTED
        except OSError:
            return False

    def note(self) -> None:
        """A use was noted just now."""
        if self.file is not None:
            with contextlib.suppress(OSError):
                os.utime(self.file)

    def still(self) -> bool:
        """Whether the library that was opened is the one that was recalled."""
        path, *identity = self._library
        try:
            return file_identity(os.stat(path)) == identity
        except OSError:
            return False

    # -- what it comes from --------------------------------------------------------------------

    def whole(self) -> tuple[Any, ...]:
        """What is asked of the process. None in it: of a CPU that only LLVM can tell from others,
        and of rules that are in no files.

        As `model.platform.host_platform` and `load.host` have it.
        """
        settings = [
            (name, value)
            for name, value in self._environ.items()
            if name.startswith(_SETTINGS) and name not in _HARMLESS
        ]
        arch, run = os.uname().machine, machine.boot_id()
        cpu = machine.cpu_identity("aarch64" if arch == "arm64" else arch, same_run=bool(run))
        return (
            _FORMAT, self.headers, sys.version, sys.platform, arch, cpu, run,
            os.geteuid(), machine.home(), tuple(sorted(settings)), own_rules,
        )  # fmt: skip

    @staticmethod
    def _is_as_found(
        preferences: tuple[tuple[str, str], ...],
        files: tuple[tuple[Any, ...], ...],
        roots: tuple[tuple[str, str, str], ...],
        versions: tuple[tuple[str, str, str], ...],
        folder: tuple[str, str] | None,
        places: tuple[tuple[Any, ...], ...],
    ) -> bool:
        """See `remembering._found`."""
        for name, value in preferences:
            if os.environ.get(name, "") != value:
                return False
        for path, *identity in files:
            if file_identity(os.stat(path)) != identity:
                return False
        for package, place, real in roots:
            if import_place(package) != place or os.path.realpath(place) != real:
                return False
        for row in versions:
            if not _is_version(*row):
                return False
        if folder is not None and os.path.realpath(folder[0]) != folder[1]:
            return False
        for path, *found in places:
            if _place(path) != found:
                return False
        return all(map(_is_private, places))


def _is_version(package: str, version: str, file: str) -> bool:
    """As `installed.version` has it: of a module that is there, else what the file says."""
    module = sys.modules.get(package, sys)
    known = getattr(module, "__version__", None)
    if known is not None or module is None:
        return bool(known == version)
    return version_file(package) == file


def _is_private(place: tuple[str, int, int, int]) -> bool:
    """Whether nobody but its owner is in the group that may write a place; asked anew, as accounts
    are in no file that could be compared."""
    path, owner, group, mode = place
    if not mode & stat.S_IWGRP:
        return True
    # In a sticky folder only owners can.
    if stat.S_ISDIR(mode) and mode & stat.S_ISVTX:
        return True
    from . import groups

    return groups.is_private(path, owner, group)


def _place(path: str) -> list[int]:
    """Owner, group and mode of what is there itself, be it a link."""
    found = os.lstat(path)
    return [found.st_uid, found.st_gid, found.st_mode]
