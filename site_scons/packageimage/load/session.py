"""The images of this process: which are wanted, which are used, why the others are not."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..depot import depot_path
from ..model.errors import PackageImageError
from ..model.flags import CacheFlags, Mode, flags_from_environment, parse_mode
from ..model.platform import host_platform
from ..model.rejection import Rejection, RejectionKind
from .pause import garbage_collection_paused

if TYPE_CHECKING:
    from .check import Candidate
    from .check import Session as CheckSession

HEADER_SUFFIX = ".pki"
_BASE_MODULES = ("numba", "llvmlite", "numpy")


class PackageImageWarning(UserWarning):
    """An image of an imported package was not used; the message says why."""


class Session:
    """What one process does with images.

    Made by `packageimage.enable()`; a meta-path finder that only watches: it finds no module, it
    loads the image of a package when the package is about to be imported.
    """

    def __init__(self, environ: Mapping[str, str], depots: Iterable[Path] | None = None) -> None:
        """Raises PackageImageError for a setting that can't be understood."""
        self.mode = parse_mode(environ.get("PKGIMAGE"))
        self.flags: CacheFlags = flags_from_environment(environ)
        self.forced_target = environ.get("PKGIMAGE_CPU") or None
        self.depots = tuple(depot_path(environ) if depots is None else depots)
        self.loaded: dict[str, Candidate] = {}
        self.rejections: list[Rejection] = []
        self.misses: list[tuple[str, str]] = []
        self._seen: set[str] = set()
        self._images = _headers_by_package(self.depots)
        self._bridge: Any = None
        self._check_session: CheckSession | None = None

    # -- sys.meta_path -------------------------------------------------------------------------

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """importlib's finder protocol. Loads the package's image; never finds a module."""
        if "." not in fullname and fullname in self._images and fullname not in self._seen:
            self.load(fullname)

    # -- loading -------------------------------------------------------------------------------

    def load(self, package: str) -> None:
        """Load the best fitting image of a package, once.

        In mode `strict` raises PackageImageError when there are images and none fits.
        """
        self._seen.add(package)
        if self.mode is Mode.NO or not self.flags.native_code:
            return
        rejections: list[Rejection] = []
        with garbage_collection_paused():
            for candidate in self._fitting(package, rejections):
                rejection = self._open(package, candidate)
                if rejection is None:
                    self.loaded[package] = candidate
                    break
                rejections.append(rejection)
        self.rejections += rejections
        if package not in self.loaded and rejections:
            self._refuse(max(rejections, key=lambda rejection: rejection.kind.order))

    def examine(self, package: str) -> list[Candidate | Rejection]:
        """The verdict on every image of a package on the depot path; opens none."""
        from . import check

        headers = self._images.get(package, ())
        try:
            session = self._session()
        except ModuleNotFoundError as error:
            if error.name not in _BASE_MODULES:
                raise
            kind, expected = RejectionKind.BASE_IMAGE, "Numba, llvmlite and NumPy"
            found = f"no module {error.name}"
            return [Rejection(kind, package, str(h), expected, found) for h in headers]
        except PackageImageError as error:  # a platform for which there are no images
            kind = RejectionKind.PLATFORM
            return [Rejection(kind, package, str(h), found=str(error)) for h in headers]
        return [
            check.examine(
                header,
                _image_beside(header, session),
                session,
                check.import_root,
                lambda required: self._images.get(required, ()),
            )
            for header in headers
        ]

    def _fitting(self, package: str, rejections: list[Rejection]) -> list[Candidate]:
        fitting = []
        for verdict in self.examine(package):
            if isinstance(verdict, Rejection):
                rejections.append(verdict)
            else:
                fitting.append(verdict)
        # sorted() is stable: of equals, the one in the earlier depot comes first.
        return sorted(fitting, key=lambda candidate: candidate.rank, reverse=True)

    def _session(self) -> CheckSession:
        if self._check_session is None:
            from . import check, numba_bridge
            from .host import host_cpu

            platform = host_platform()
            self._check_session = check.Session(
                platform=platform.name,
                base=numba_bridge.base_image(),
                flags=self.flags,
                host=host_cpu(platform.arch),
                forced_target=self.forced_target,
            )
        return self._check_session

    def _open(self, package: str, candidate: Candidate) -> Rejection | None:
        from . import numba_bridge, slots
        from .image import Image, ImageError

        def rejection(kind: RejectionKind, expected: str, found: object) -> Rejection:
            return Rejection(kind, package, str(candidate.path), expected, str(found))

        header = candidate.sidecar.header
        try:
            image = Image(
                candidate.path, header, candidate.sidecar.encoded, candidate.selection.index or 0
            )
        except (OSError, ImageError, ValueError) as error:
            return rejection(RejectionKind.LOAD, "an image that can be opened", error)
        if self._bridge is None:
            self._bridge = numba_bridge.Bridge(self._miss)
        try:
            self._bridge.add(image)
        except slots.UnboundSlot as error:
            return rejection(RejectionKind.SLOT, "names that this process offers", error)
        return None

    def _miss(self, method: str, reason: str) -> None:
        if (method, reason) not in self.misses:  # a call asks twice: itself, then its compilation
            self.misses.append((method, reason))
        if self.mode is Mode.STRICT:
            raise PackageImageError(f"{method}: {reason}: build the image again")

    def _refuse(self, rejection: Rejection) -> None:
        if self.mode is Mode.STRICT:
            raise PackageImageError(f"PKGIMAGE=strict: {rejection}")
        warnings.warn(f"{rejection}; it runs through Numba", PackageImageWarning, stacklevel=2)

    @property
    def answered(self) -> int:
        """How many compilations images have answered."""
        return 0 if self._bridge is None else int(self._bridge.answered)


def _headers_by_package(depots: Iterable[Path]) -> dict[str, list[Path]]:
    """All headers on the depot path, nearest depot first, by package."""
    found: dict[str, list[Path]] = {}
    for depot in depots:
        for base in _entries(depot):
            for package in _entries(base.path):
                if not package.is_dir():
                    continue
                headers = sorted(
                    entry.path
                    for entry in _entries(package.path)
                    if entry.name.endswith(HEADER_SUFFIX)
                )
                found.setdefault(package.name, []).extend(map(Path, headers))
    return found


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _image_beside(header: Path, session: CheckSession) -> Path:
    from ..model.platform import PLATFORMS

    return header.with_name(
        header.name.removesuffix(HEADER_SUFFIX) + PLATFORMS[session.platform].image_suffix
    )


_current: Session | None = None


def enable(depots: Iterable[str | os.PathLike[str]] | None = None) -> Session:
    """See `packageimage.enable`."""
    global _current
    if _current is None:
        paths = None if depots is None else [Path(depot) for depot in depots]
        session = Session(os.environ, paths)
        _current = session
        if session.mode is not Mode.NO:
            sys.meta_path.insert(0, session)
            for package in session._images:
                if package in sys.modules:
                    session.load(package)
    return _current


def current() -> Session | None:
    """The session of this process, or None when images are not enabled."""
    return _current
