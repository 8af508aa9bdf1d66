"""Every check of one image with what was expected and found, not just the first that fails.

What the loader decides is `check.examine`'s verdict. Here the checks that do not need one another
are all made, so that somebody sees at once all that keeps an image from being used. Where the two
differ the verdict is right: it is added as a check of its own.
"""

from __future__ import annotations

from pathlib import Path

from ..model.base_image import base_mismatch
from ..model.cpu_selection import Selection, select
from ..model.flags import flags_mismatch
from ..model.header import Header, HeaderError, Sidecar, decode_sidecar
from ..model.platform import PLATFORMS
from ..model.record import Record
from ..model.rejection import Rejection, RejectionKind
from . import check

OK, FAILED, SKIPPED = "ok", "failed", "not reached"
_AGAIN = "build the image again"


class Check(Record):
    """One check. outcome: OK, FAILED or SKIPPED. expected, found, advice: phrases; may be empty."""

    kind: RejectionKind
    outcome: str
    expected: str = ""
    found: str = ""
    advice: str = ""


class Explained(Record):
    """One image: its header's path, what the header says (None when it cannot be read), the checks
    in the loader's order, the CPU targets' selection, and the verdict, empty when it fits."""

    path: Path
    sidecar: Sidecar | None
    checks: tuple[Check, ...]
    selection: Selection | None
    verdict: check.Candidate | Rejection

    @property
    def fits(self) -> bool:
        return isinstance(self.verdict, check.Candidate)

    @property
    def advice(self) -> tuple[str, ...]:
        """What would make it fit: of each failed check, each once, in order."""
        failed = [each for each in self.checks if each.outcome == FAILED]
        return tuple(dict.fromkeys(each.advice for each in failed if each.advice))


def explain(
    header_path: Path,
    session: check.Session,
    verdict: check.Candidate | Rejection,
    root_of: check.RootFinder,
    headers_of: check.HeaderFinder,
) -> Explained:
    """Make every check on the image of `header_path`; `verdict` is what the loader says of it."""
    try:
        sidecar = decode_sidecar(header_path.read_bytes())
    except OSError as error:
        found = error.strerror or str(error)
        first = Check(RejectionKind.CANNOT_OPEN, FAILED, "a readable header", found, "")
        return with_verdict(Explained(header_path, None, _after(first), None, verdict))
    except HeaderError as error:
        first = Check(RejectionKind.HEADER, FAILED, "a header", str(error), _AGAIN)
        return with_verdict(Explained(header_path, None, _after(first), None, verdict))
    header = sidecar.header
    selection = _selection(header, session)
    checks = (
        _header(header, header_path),
        _platform(header, session),
        _base(header, session),
        _flags(header, session),
        _cpu(header, session, selection),
        *_includes(sidecar, root_of),
        *_requires(header, session, root_of, headers_of),
        _preferences(header),
        *_library(header_path, sidecar),
    )
    return with_verdict(Explained(header_path, sidecar, checks, selection, verdict))


def quick_checks(header_path: Path, sidecar: Sidecar, session: check.Session) -> tuple[Check, ...]:
    """Those that read neither sources nor the library: by the header, and the library's size."""
    header = sidecar.header
    return (
        _header(header, header_path),
        _platform(header, session),
        _base(header, session),
        _flags(header, session),
        _cpu(header, session, _selection(header, session)),
        _preferences(header),
        _size(header_path, sidecar),
    )


def image_beside(header_path: Path, platform: str) -> Path:
    """The library that belongs to a header of an image for `platform`."""
    known = PLATFORMS.get(platform)
    return header_path.with_suffix(known.image_suffix if known else "")


def _after(first: Check) -> tuple[Check, ...]:
    """`first` and all others, which need what it did not give."""
    kinds = (
        RejectionKind.PLATFORM, RejectionKind.BASE_IMAGE, RejectionKind.FLAGS,
        RejectionKind.CPU_TARGET, RejectionKind.INCLUDE_CHANGED, RejectionKind.REQUIRES,
        RejectionKind.PREFERENCES, RejectionKind.CHECKSUM,
    )  # fmt: skip
    return (
        first,
        *(Check(kind, SKIPPED, found="the header says what to expect") for kind in kinds),
    )


def with_verdict(explained: Explained) -> Explained:
    """The same with the loader's own reason, when no check here has failed for that reason."""
    verdict = explained.verdict
    if not isinstance(verdict, Rejection):
        return explained
    if any(each.outcome == FAILED and each.kind is verdict.kind for each in explained.checks):
        return explained
    others = tuple(each for each in explained.checks if each.kind is not verdict.kind)
    added = Check(verdict.kind, FAILED, verdict.expected, verdict.found, verdict.advice)
    checks = sorted((*others, added), key=lambda each: each.kind.order)
    return explained.replace(checks=tuple(checks))


def _header(header: Header, path: Path) -> Check:
    package = path.parent.name
    ok = header.package == package
    return Check(
        RejectionKind.HEADER, OK if ok else FAILED, f"package {package}", header.package,
        "" if ok else f"put the file into a folder {header.package}, or build it again",
    )  # fmt: skip


def _platform(header: Header, session: check.Session) -> Check:
    ok = header.platform == session.platform
    advice = "" if ok else f"build one with --platform {session.platform}"
    outcome = OK if ok else FAILED
    return Check(RejectionKind.PLATFORM, outcome, session.platform, header.platform, advice)


def _base(header: Header, session: check.Session) -> Check:
    mismatch = base_mismatch(header.base, session.base)
    if mismatch is None:
        return Check(RejectionKind.BASE_IMAGE, OK, str(session.base), str(header.base))
    advice = "build the image again with these versions, or install those that it was built with"
    expected = "the base image it was built against"
    return Check(RejectionKind.BASE_IMAGE, FAILED, expected, mismatch, advice)


def _flags(header: Header, session: check.Session) -> Check:
    mismatch = flags_mismatch(header.flags, session.flags)
    if mismatch is None:
        return Check(RejectionKind.FLAGS, OK, str(session.flags), str(header.flags))
    advice = f"build one with --flags {session.flags}, or set PKGIMAGE_FLAGS={header.flags}"
    return Check(RejectionKind.FLAGS, FAILED, str(session.flags), mismatch, advice)


def _selection(header: Header, session: check.Session) -> Selection | None:
    here, there = PLATFORMS.get(session.platform), PLATFORMS.get(header.platform)
    if here is None or there is None or here.arch != there.arch:
        return None  # features of one architecture mean nothing on another
    return select(header.targets, session.host, session.forced_target)


def _cpu(header: Header, session: check.Session, selection: Selection | None) -> Check:
    kind, expected = RejectionKind.CPU_TARGET, f"a CPU target that {session.host.name} can run"
    if selection is None:
        return Check(kind, SKIPPED, expected, f"an image for {header.platform}")
    if selection.index is None:
        if not header.flags.native_code:
            return Check(kind, OK, "none", "an image without native code")
        advice = "build one with a target that this CPU can run, such as --cpu-targets generic"
        return Check(kind, FAILED, expected, selection.reason, advice)
    return Check(kind, OK, expected, header.targets[selection.index].spec)


def _includes(sidecar: Sidecar, root_of: check.RootFinder) -> list[Check]:
    """One check for each source that is not as it was; one that says how many are, if all are."""
    bad = []
    for include in sidecar.includes:
        changed = check.changed_include((include,), root_of)
        if changed is not None:
            kind, expected, found = changed
            bad.append(Check(kind, FAILED, expected, found, _AGAIN))
    count = len(sidecar.includes)
    sources = f"{count} source{'s' * (count != 1)} as built"
    return bad or [Check(RejectionKind.INCLUDE_CHANGED, OK, sources, sources)]


def _requires(
    header: Header,
    session: check.Session,
    root_of: check.RootFinder,
    headers_of: check.HeaderFinder,
) -> list[Check]:
    kind = RejectionKind.REQUIRES
    if not header.requires:
        return [Check(kind, OK, "no other image", "none needed")]
    found = []
    for require in header.requires:
        missing = check.unmet_require(require, session, root_of, headers_of)
        wanted = f"{require.package} as in its capture {require.content[:16]}"
        if missing is None:
            found.append(Check(kind, OK, wanted, "an image of it"))
        else:
            advice = f"build both: pkgimage build {require.package} {header.package}"
            found.append(Check(kind, FAILED, *missing, advice))
    return found


def _preferences(header: Header) -> Check:
    mismatch = check.preference_mismatch(header)
    if mismatch:
        return Check(RejectionKind.PREFERENCES, FAILED, *mismatch)
    count = len(header.preferences)
    return Check(RejectionKind.PREFERENCES, OK, f"{count} settings as built", "the same")


def _size(header_path: Path, sidecar: Sidecar) -> Check:
    expected = f"{sidecar.image_size} bytes"
    try:
        size = image_beside(header_path, sidecar.header.platform).stat().st_size
    except OSError as error:
        found = error.strerror or str(error)
        return Check(RejectionKind.IMAGE_MISSING, FAILED, expected, found, _AGAIN)
    if size != sidecar.image_size:
        return Check(RejectionKind.IMAGE_SIZE, FAILED, expected, f"{size} bytes", _AGAIN)
    return Check(RejectionKind.IMAGE_SIZE, OK, expected, expected)


def _library(header_path: Path, sidecar: Sidecar) -> list[Check]:
    """Size and checksum of the library, for whatever platform it is."""
    image = image_beside(header_path, sidecar.header.platform)
    damaged = check.damage(image, sidecar)
    if damaged is not None:
        kind, expected, found = damaged
        return [Check(kind, FAILED, expected, found, _AGAIN)]
    size = f"{sidecar.image_size} bytes"
    digest = sidecar.image_sha256[:16]
    return [
        Check(RejectionKind.IMAGE_SIZE, OK, size, size),
        Check(RejectionKind.CHECKSUM, OK, digest, digest),
    ]
