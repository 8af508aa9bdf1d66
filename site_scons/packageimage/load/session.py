"""The images of this process: which are wanted, which are used, why the others are not."""

from __future__ import annotations

import os
import sys
import time
import warnings
from _thread import RLock
from collections.abc import Callable, Iterable, Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..depot import HEADER_SUFFIX, header_of, search_path
from . import garbage_collection_paused, loader, logs, note
from .verdicts import Verdict

if TYPE_CHECKING:
    from ..model.rejection import Rejection
    from .check import Candidate
    from .examination import Examination
    from .image import Image, Opening

# Settings that are not looked at when a session begins. All others may change what it does.
_OTHER_SETTINGS = frozenset(
    {
        "NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS", "PKGIMAGE", "PKGIMAGE_CPU", "PKGIMAGE_DEPOT_PATH",
        "PKGIMAGE_LOG", "PKGIMAGE_RESTORE",
    }
)  # fmt: skip
_TRUST_SETTINGS = ("PKGIMAGE_TRUST", "PKGIMAGE_TRUSTED_KEYS")
# As in model.flags, which is not imported for one that is spelled like this.
_MODES = _YES, _NO, _EXISTING, _STRICT = "yes", "no", "existing", "strict"


class Session:
    """What one process does with images.

    Made by `packageimage.enable()`; a meta-path finder that only watches: it finds no module, it
    loads the image of a package when the package is about to be imported.
    """

    def __init__(self, environ: Mapping[str, str], depots: Iterable[Path] | None = None) -> None:
        """Raises PackageImageError for a setting that can't be understood."""
        # As it is now: a program may change its environment later, and what is remembered of an
        # image must have come from the settings that it was judged by.
        self._environ = environ = dict(environ)
        self.mode, self._native_code = environ.get("PKGIMAGE", _YES), True
        if self.mode not in _MODES or any(
            name.startswith(("PKGIMAGE", "NUMBA_")) and name not in _OTHER_SETTINGS
            for name in environ
        ):
            from ..model import flags

            flags.always_verifies(environ)
            self.mode = flags.parse_mode(environ.get("PKGIMAGE"))
            self._native_code = flags.flags_from_environment(environ).native_code
        self.depots = tuple(search_path(environ, sys.path) if depots is None else depots)
        self._examination: Examination | None = None
        note("depots", path=os.pathsep.join(map(str, self.depots)))
        self.loaded: dict[str, Opening] = {}
        self.rejections: list[Rejection] = []
        self.misses: list[tuple[str, str]] = []
        self._seen: set[str] = set()
        self._loading: set[str] = set()
        # One for each package: loading an image may import Numba, and what a thread imports that is
        # importing Numba must not wait for that.
        self._locks: dict[str, Any] = {}
        self._images = _headers_by_package(self.depots)
        self._attachments: Any = None
        self._attach_lock = RLock()  # nothing is imported under it
        self._restores = environ.get("PKGIMAGE_RESTORE", "").lower() not in ("no", "0", "false")
        self._packages: list[Any] = []
        self._restored: dict[str, Any] = {}  # packages by the names of their restored modules
        self._waiting: list[Any] = []  # open images that Numba does not know yet
        if any(environ.get(name) for name in _TRUST_SETTINGS):
            _ = self.examination.guard  # which says what it does not understand

    # -- sys.meta_path -------------------------------------------------------------------------

    def find_spec(
        self, fullname: str, path: Any = None, target: object = None
    ) -> ModuleSpec | None:
        """importlib's finder protocol: finds what the other finders find, with a loader that asks
        this session first.

        That of packages with images, of modules that an image restores, and of Numba, to learn when
        it is there. Nothing is loaded here: until Python 3.12 finders are called under the lock of
        all imports, and another thread may hold Numba's and wait for that one.
        """
        top = fullname.partition(".")[0]
        if top in self._images and (top not in self._seen or top in self._loading):
            # Of a submodule too: another thread may have begun to import its package.
            return loader.spec_of(fullname, path, self)
        if fullname in self._restored:
            return loader.spec_of(fullname, path, self)
        if fullname == "numba":
            from .running import spec_of_numba

            return spec_of_numba(self)
        if self._attachments is not None and fullname == self._attachments.callbacks:
            from .running import spec_before

            return spec_before(fullname, path, self, self._attachments.watch_callbacks)
        return None

    def restored_package(self, name: str) -> Any:
        """What restores a module that is about to run, None where its source shall run.

        Loads the image of a package that is imported for the first time, or waits for the thread
        that does. Raises as `load` does.
        """
        top = name.partition(".")[0]
        if top in self._images and (top not in self._seen or top in self._loading):
            with self._locks.setdefault(top, RLock()):
                if top not in self._seen:
                    self.load(top)
        return self._restored.get(name)

    # -- loading -------------------------------------------------------------------------------

    def load(self, package: str) -> None:
        """Load the best fitting image of a package, once.

        In mode `strict` raises PackageImageError when there are images and none fits.
        """
        with self._locks.setdefault(package, RLock()):
            self._loading.add(package)  # first: who finds it seen must find it being loaded
            self._seen.add(package)
            try:
                if self.mode != _NO and self._native_code:
                    self._load(package)
            finally:
                self._loading.discard(package)

    def _load(self, package: str) -> None:
        rejections: list[Rejection] = []
        with garbage_collection_paused():
            if not self._load_remembered(package, rejections):
                since = time.time_ns()
                fitting = self.examination.fitting(package, rejections)
                for candidate in fitting:
                    opening = candidate.opening
                    rejection = self._open(package, opening)
                    if rejection is None:
                        self._is_used(package, opening)
                        if candidate is fitting[0]:
                            self.examination.remember(package, candidate, rejections, since)
                        break
                    rejections.append(rejection)
        self.rejections += rejections
        if logs:
            for each in rejections:
                note(
                    "rejected", package=package, kind=each.kind.value, expected=each.expected,
                    found=each.found, image=each.image,
                )  # fmt: skip
        if package not in self.loaded and rejections:
            worst = max(rejections, key=lambda rejection: rejection.kind.order)
            self._warn(str(worst), "it runs through Numba")

    def _load_remembered(self, package: str, rejections: list[Rejection]) -> bool:
        """Whether a package's image was loaded as an earlier process has found it; its rejections
        of the others are added."""
        headers = self._images.get(package)
        if not headers:
            return False
        verdict = Verdict(headers, self._environ)
        opening = verdict.recall()
        if opening is None or self._open(package, opening, verdict.still) is not None:
            return False  # or the checks find out why not
        note("unchanged", package=package)  # since an earlier process made the checks
        self._is_used(package, opening, verdict)
        if verdict.rejections:
            from ..model.rejection import Rejection, RejectionKind

            for row in verdict.rejections:
                rejections.append(Rejection(**{**row, "kind": RejectionKind(row["kind"])}))
        return True

    def _is_used(self, package: str, opening: Opening, verdict: Verdict | None = None) -> None:
        """verdict: that by which it was opened."""
        self.loaded[package] = opening
        if verdict is None or not verdict.is_noted():
            from ..use_log import note_use

            note_use(header_of(opening.path), self._environ)
            if verdict is not None:
                verdict.note()
        if logs:
            note("loaded", package=package, image=opening.path, target=opening.spec)

    @property
    def examination(self) -> Examination:
        """The checks of images, made where none are remembered."""
        if self._examination is None:
            from .examination import Examination

            self._examination = Examination(self._environ, self._images)
        return self._examination

    def examine(self, package: str) -> list[Candidate | Rejection]:
        """The verdict on every image of a package on the depot path; opens none."""
        return self.examination.examine(package)

    def _open(
        self, package: str, opening: Opening, is_right: Callable[[], bool] | None = None
    ) -> Rejection | None:
        """Open an image and use it. `is_right`: whether it was the right one that was opened."""
        from .image import Image, ImageError, UnboundSlot

        def rejection(kind: str, expected: str, found: object) -> Rejection:
            from ..model.rejection import Rejection, RejectionKind

            return Rejection(RejectionKind(kind), package, opening.path, expected, str(found))

        try:
            image = Image(opening, is_right)
        except (OSError, ImageError, ValueError) as error:
            return rejection("load", "an image that can be opened", error)
        try:
            if not self._restore(image):
                self._attach(image)
        except ImageError as error:
            return rejection("load", "data and methods of a known format", error)
        except UnboundSlot as error:
            return rejection("slot", "names that this process offers", error)
        return None

    def _restore(self, image: Image) -> bool:
        """Take the image's modules from its data; whether it waits for Numba with the rest.

        Raises ImageError, UnboundSlot.
        """
        if not self._restores or not image.data:
            return False
        from . import dispatchers, restored

        package = restored.RestoredPackage(image, self._miss)
        native = dispatchers.native_extensions()
        waits = native is not None and package.start(native)
        if waits:
            self._waiting.append(image)
            if self._attach_waiting not in dispatchers.when_numba_is_imported:
                dispatchers.when_numba_is_imported.append(self._attach_waiting)
        self._packages.append(package)
        self._restored.update(dict.fromkeys(package.modules, package))
        note("restores", package=image.package, modules=len(package.modules))
        return waits

    def _attach(self, image: Image) -> None:
        """Let the image answer Numba. Raises ImageError, UnboundSlot."""
        # First, and by itself: what waits for Numba is done when it is there, and asks the bridge.
        import numba  # noqa: F401

        from .numba_attach import Attachments

        with self._attach_lock:
            if self._attachments is None:
                self._attachments = Attachments(self._miss, self._environ)
            self._attachments.add(image)
        note("attached", package=image.package)

    def _attach_waiting(self) -> None:
        from .image import UnboundSlot

        note("numba imported")
        waiting, self._waiting = self._waiting, []
        for image in waiting:
            try:
                self._attach(image)
            except UnboundSlot as error:  # Numba offers less than its extension modules do
                from ..model.rejection import Rejection, RejectionKind

                kind, expected = RejectionKind.SLOT, "names that this process offers"
                self.rejections.append(
                    Rejection(kind, image.package, image.path, expected, str(error))
                )

    def ran_from_source(self, module: str, reason: str) -> None:
        """A module that could have been restored was not."""
        note("ran from source", module=module, why=reason)
        self._warn(f"{module} was not restored: {reason}", "its source runs")

    def _miss(self, method: str, reason: str) -> None:
        note("missed", method=method, why=reason)
        if (method, reason) not in self.misses:  # a call asks twice: itself, then its compilation
            self.misses.append((method, reason))
        if self.mode == _STRICT:
            from ..model.errors import PackageImageError

            raise PackageImageError(f"{method}: {reason}: build the image again")

    def _warn(self, problem: str, instead: str) -> None:
        """In mode `strict` raises PackageImageError."""
        from ..model.errors import PackageImageError, PackageImageWarning

        if self.mode == _STRICT:
            raise PackageImageError(f"PKGIMAGE=strict: {problem}")
        warnings.warn(f"{problem}; {instead}", PackageImageWarning, stacklevel=3)

    @property
    def restored(self) -> list[str]:
        """The modules that were restored, sorted."""
        return sorted(name for package in self._packages for name in package.values)

    @property
    def answered(self) -> int:
        """How many compilations images have answered."""
        attached = 0 if self._attachments is None else int(self._attachments.answered)
        return attached + sum(int(package.answered) for package in self._packages)


def packages_with_images() -> frozenset[str]:
    """The packages that have images in a depot on the path of this process's environment."""
    return frozenset(_headers_by_package(search_path(os.environ, sys.path)))


def _headers_by_package(depots: Iterable[Path]) -> dict[str, list[str]]:
    """The paths of all headers on the depot path, nearest depot first, by package."""
    found: dict[str, list[str]] = {}
    for depot in depots:
        for base in _names_in(depot):
            folder = os.path.join(depot, base)
            for package in _names_in(folder):
                place = os.path.join(folder, package)
                for name in _names_in(place):
                    if name.endswith(HEADER_SUFFIX):
                        found.setdefault(package, []).append(os.path.join(place, name))
    return found


def _names_in(folder: str | Path) -> list[str]:
    """Sorted; none of what is no folder, or can't be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


_current: Session | None = None


def enable(depots: Iterable[str | os.PathLike[str]] | None = None) -> Session:
    """See `packageimage.enable`."""
    global _current
    if _current is None:
        _refuse_subinterpreter()
        paths = None if depots is None else [Path(depot) for depot in depots]
        session = Session(os.environ, paths)
        _current = session
        if session.mode != _NO:
            sys.meta_path.insert(0, session)
            for package in session._images:
                if package in sys.modules:
                    session.load(package)
    return _current


def _refuse_subinterpreter() -> None:
    """Raises PackageImageError in an interpreter that is not the process's first.

    Numba's extension modules have one state for the whole process, and code of an image refers to
    objects of the interpreter that filled its slots.
    """
    try:
        import ctypes
    except ImportError as error:
        if "subinterpreters" in str(error):  # Python 3.12 has none for them
            raise _refusal() from None
        raise
    interface = ctypes.pythonapi
    interface.PyInterpreterState_Get.restype = ctypes.c_void_p
    number = interface.PyInterpreterState_GetID
    number.argtypes, number.restype = [ctypes.c_void_p], ctypes.c_int64
    if number(interface.PyInterpreterState_Get()) != 0:
        raise _refusal()


def _refusal() -> Exception:
    from ..model.errors import PackageImageError

    return PackageImageError(
        "expected the process's first interpreter, found a sub-interpreter: Numba can't run there; "
        "use a process of its own"
    )


def current() -> Session | None:
    """The session of this process, or None when images are not enabled."""
    return _current
