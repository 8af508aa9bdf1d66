"""Does an image fit this session? The checks, in order, each with its rejection.

The order is Julia's (base/loading.jl, `stale_cachefile`): what is cheap and says most comes first,
and nothing is opened before the whole file is known to be what was published.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from errno import EFBIG, EINVAL
from pathlib import Path

from ..model.base_image import BaseImage, base_mismatch
from ..model.cpu_selection import HostCPU, Selection, select
from ..model.flags import CacheFlags, flags_mismatch
from ..model.header import Header, HeaderError, Include, Require, Sidecar, decode_sidecar
from ..model.record import Record
from ..model.rejection import Rejection, RejectionKind
from .image import Opening
from .loader import import_place
from .methods import bound_of
from .seen import READ_ALL, Seen
from .trust import Guard, Refusal, owners_of

_LARGEST_HEADER = 1 << 26  # bytes; that of 1,000 functions has 200 kB


class Session(Record):
    """What this process is and asks for."""

    platform: str
    base: BaseImage
    flags: CacheFlags
    host: HostCPU
    forced_target: str | None = None
    guard: Guard | None = None  # None: whoever wrote an image is trusted


class Candidate(Record):
    """An image that fits, not yet opened. exact: its CPU target is made for this very CPU."""

    path: Path
    sidecar: Sidecar
    selection: Selection
    exact: bool

    @property
    def rank(self) -> tuple[bool, int, int, int]:
        """Order among fitting images: the best CPU target, then the higher opt level."""
        header = self.sidecar.header
        if self.selection.index is None:
            return (False, 0, 0, header.flags.opt_level)
        target = header.targets[self.selection.index]
        features = len(target.features)
        return (self.exact, target.vector_bits, features, header.flags.opt_level)

    @property
    def opening(self) -> Opening:
        """What opening it takes."""
        header, chosen = self.sidecar.header, self.selection
        return Opening(
            str(self.path), header.package, len(header.slots), tuple(bound_of(header.slots)),
            header.partitions, len(header.targets), chosen.index or 0,
            "" if chosen.index is None else chosen.rows[chosen.index].spec, self.sidecar.encoded,
        )  # fmt: skip


RootFinder = Callable[[str], "Path | None"]
HeaderFinder = Callable[[str], "Iterable[Path]"]


def examine(
    header_path: Path,
    image_path: Path,
    session: Session,
    root_of: RootFinder,
    headers_of: HeaderFinder = lambda package: (),
    seen: Seen = READ_ALL,
) -> Candidate | Rejection:
    """Run every check on one image.

    `root_of` gives the folder that holds a top-level package, `headers_of` the headers of all
    images of a package on the depot path. `seen` says what files hold that were read before; the
    caller saves it.
    """
    package = header_path.parent.name

    def reject(
        kind: RejectionKind, expected: str = "", found: str = "", advice: str = ""
    ) -> Rejection:
        return Rejection(kind, package, str(image_path), expected, found, advice)

    def refused(refusal: Refusal) -> Rejection:
        return reject(refusal.kind, refusal.expected, refusal.found, refusal.advice)

    guard = session.guard
    if guard is not None:
        refusal = guard.before_reading(header_path, image_path, owners=owners_of(root_of(package)))
        if refusal is not None:
            return refused(refusal)
    try:
        data = _read_header(header_path)
    except OSError as error:
        return reject(RejectionKind.CANNOT_OPEN, "a readable header", error.strerror or str(error))
    if guard is not None:
        refusal = guard.before_decoding(header_path, data)
        if refusal is not None:
            return refused(refusal)
    try:
        sidecar = decode_sidecar(data)
    except HeaderError as error:
        return reject(RejectionKind.HEADER, "a header", str(error), "build the image again")
    header = sidecar.header
    if header.package != package:
        return reject(RejectionKind.HEADER, f"package {package}", header.package)
    if header.platform != session.platform:
        # Its library has another suffix than those here.
        return Rejection(
            RejectionKind.PLATFORM, package, str(header_path), session.platform, header.platform, ""
        )
    mismatch = base_mismatch(header.base, session.base)
    if mismatch:
        return reject(
            RejectionKind.BASE_IMAGE, "the base image it was built against", mismatch,
            "build the image again with these versions",
        )  # fmt: skip
    mismatch = flags_mismatch(header.flags, session.flags)
    if mismatch:
        return reject(
            RejectionKind.FLAGS, "an image for this session's flags", mismatch,
            "build one with these flags or change PKGIMAGE_FLAGS",
        )  # fmt: skip
    selection = select(header.targets, session.host, session.forced_target)
    if header.flags.native_code and selection.index is None:
        return reject(RejectionKind.CPU_TARGET, "a CPU target for this machine", selection.reason)
    changed = changed_include(sidecar.includes, root_of, seen)
    if changed is not None:
        kind, expected, found = changed
        return reject(kind, expected, found, "build the image again")
    for require in header.requires:
        missing = unmet_require(require, session, root_of, headers_of, seen)
        if missing is not None:
            return reject(RejectionKind.REQUIRES, *missing, "build both images again")
    changed_preference = preference_mismatch(header)
    if changed_preference:
        return reject(RejectionKind.PREFERENCES, *changed_preference)
    damaged = damage(image_path, sidecar, seen)
    if damaged is not None:
        if _was_replaced(header_path, data):
            return examine(header_path, image_path, session, root_of, headers_of, seen)
        return reject(*damaged, "build the image again")
    exact = (
        selection.index is not None and header.targets[selection.index].name == session.host.name
    )
    return Candidate(image_path, sidecar, selection, exact)


def _read_header(path: Path) -> bytes:
    """The content of a header file, as far as one can be that. Raises OSError: also for a pipe,
    which would hold us up, and for a file of a size that would fill the memory."""
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(EINVAL, "not a file", str(path))
    if found.st_size > _LARGEST_HEADER:
        raise OSError(EFBIG, os.strerror(EFBIG), str(path))
    return path.read_bytes()


def _was_replaced(header_path: Path, data: bytes) -> bool:
    """Whether a build published another image between the reading of header and library."""
    try:
        return _read_header(header_path) != data
    except OSError:
        return False


def changed_include(
    includes: Iterable[Include], root_of: RootFinder, seen: Seen = READ_ALL
) -> tuple[RejectionKind, str, str] | None:
    """The first source that is not what the image was built from: size first, content decides."""
    roots: dict[str, str | None] = {}
    for include in includes:
        if include.root not in roots:
            folder = root_of(include.root) if include.root.isidentifier() else None
            roots[include.root] = None if folder is None else str(folder)
        root = roots[include.root]
        if root is None:
            return (
                RejectionKind.INCLUDE_MISSING,
                f"package {include.root}",
                "none that can be imported",
            )
        try:
            size, sha256 = seen.content(
                os.path.join(root, include.path), include.size, include.sha256
            )
        except (OSError, ValueError) as error:  # ValueError: no file can have that name
            return (
                RejectionKind.INCLUDE_MISSING,
                f"{include.path} in {root}",
                getattr(error, "strerror", None) or str(error),
            )
        if size != include.size:
            return (
                RejectionKind.INCLUDE_CHANGED,
                f"{include.path} of {include.size} bytes",
                f"{size} bytes",
            )
        if sha256 != include.sha256:
            return RejectionKind.INCLUDE_CHANGED, f"{include.path} as built", "other content"
    return None


def unmet_require(
    require: Require,
    session: Session,
    root_of: RootFinder,
    headers_of: HeaderFinder,
    seen: Seen = READ_ALL,
) -> tuple[str, str] | None:
    """Expectation and finding when no image vouches for the package whose code was compiled in.

    The code is in the requiring image; what is asked for is that the required package still is
    what it was then. Any image of that capture says so, for whatever CPU, whose sources fit: so
    machines with other CPUs accept what Julia rejects for another build id (JuliaLang/julia#48217).
    """
    expected = f"{require.package} as in its capture {require.content[:16]}"
    found = "no image of it"
    for path in headers_of(require.package):
        sidecar = _trusted_sidecar(path, session.guard, root_of)
        if sidecar is None:
            continue
        header = sidecar.header
        if header.package != require.package or header.base != session.base:
            continue
        if header.capture != require.content:
            found = f"capture {header.capture[:16]}"
            continue
        changed = changed_include(sidecar.includes, root_of, seen)
        if changed is None:
            return None
        found = f"{changed[1]}: {changed[2]}"
    return expected, found


def _trusted_sidecar(path: Path, guard: Guard | None, root_of: RootFinder) -> Sidecar | None:
    """What a header file says; None where it can't be read or is not to be believed."""
    if guard is not None:
        owners = owners_of(root_of(path.parent.name))
        if guard.before_reading(path, owners=owners) is not None:
            return None
    try:
        data = _read_header(path)
        if guard is not None and guard.before_decoding(path, data) is not None:
            return None
        return decode_sidecar(data)
    except (OSError, HeaderError):
        return None


def preference_mismatch(
    header: Header, environ: Mapping[str, str] | None = None
) -> tuple[str, str, str] | None:
    """The first setting that was declared as deciding the code and has another value now."""
    environ = os.environ if environ is None else environ
    for name, value in header.preferences:
        found = environ.get(name, "")
        if found != value:
            return f"{name}={value!r}", f"{name}={found!r}", "build the image again"
    return None


def damage(
    image_path: Path, sidecar: Sidecar, seen: Seen = READ_ALL
) -> tuple[RejectionKind, str, str] | None:
    """What is wrong with the library's bytes, or None."""
    try:
        size, sha256 = seen.content(str(image_path), sidecar.image_size, sidecar.image_sha256)
    except FileNotFoundError:
        return RejectionKind.IMAGE_MISSING, "a library beside the header", "none"
    except OSError as error:
        return RejectionKind.CANNOT_OPEN, "a readable library", error.strerror or str(error)
    if size != sidecar.image_size:
        return RejectionKind.IMAGE_SIZE, f"{sidecar.image_size} bytes", f"{size} bytes"
    if sha256 != sidecar.image_sha256:
        return RejectionKind.CHECKSUM, sidecar.image_sha256[:16], sha256[:16]
    return None


def import_root(package: str) -> Path | None:
    """The folder that holds a top-level package, found as an import would find it."""
    place = import_place(package)
    return None if place is None else Path(place).resolve().parent
