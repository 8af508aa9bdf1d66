"""Keeping what all checks of a package's images have found, for `verdicts` to recall."""

from __future__ import annotations

import marshal
import os
from collections.abc import Iterable
from importlib.util import source_hash
from typing import TYPE_CHECKING, Any

from ..depot import header_of
from ..model.header import encode_sidecar
from . import check, verdicts
from .installed import version_in
from .loader import import_place, version_file
from .machine import file_identity
from .memo import replace_own
from .seen import is_old_enough

if TYPE_CHECKING:
    from ..model.rejection import Rejection
    from .check import Candidate
    from .seen import Seen
    from .trust import Guard
    from .verdicts import Verdict

_BASE = ("numba", "llvmlite", "numpy")


def remember(
    verdict: Verdict,
    candidate: Candidate,
    rejections: Iterable[Rejection],
    guard: Guard,
    seen: Seen,
    since: int,
) -> None:
    """Keep what all checks have found, where it is plain.

    candidate: the one that was opened, the best that fits. rejections: of the others. since: when
    the checks began, in ns since 1970.
    """
    lasting = all(each.kind.is_of_header for each in rejections)
    if verdict.file is None or not lasting:
        return
    try:
        whole = verdict.whole()
        found = None if None in whole else _found(verdict.headers, candidate, guard, seen, since)
    except (OSError, ValueError):
        return  # something has gone meanwhile
    if found is not None:
        rows = [{**each.as_dict(), "kind": each.kind.value} for each in rejections]
        data = marshal.dumps((whole, found, candidate.opening.row, rows))
        replace_own(verdict.file, source_hash(data) + data, sync=True)


def _found(
    headers: tuple[str, ...], candidate: Candidate, guard: Guard, seen: Seen, since: int
) -> tuple[Any, ...] | None:
    """What the verdict on this image came from besides, None where that is not plain.

    Preferences with their values; files with their identities, the library first;
    packages with the places of their imports and the real paths of these; versions; the
    image's folder with its real path, None where links lead there no other way; places with owner,
    group and mode. Raises OSError and ValueError.
    """
    sidecar = candidate.sidecar
    header = sidecar.header
    image = os.path.abspath(candidate.path)
    own = header_of(image)
    walked = guard.plain_places(own, image)
    if header.requires or walked is None or own not in headers:
        return None
    whole = encode_sidecar(
        sidecar.encoded, sidecar.image_size, sidecar.image_sha256, sidecar.includes
    )
    files: list[tuple[Any, ...]] = [(path, *file_identity(os.stat(path))) for path in headers]
    with open(own, "rb") as file:
        if file.read() != whole:
            return None
    versions = []
    for package in _BASE:
        version, path = getattr(header.base, package), version_file(package)
        if path is None:
            return None
        files.append((path, *file_identity(os.stat(path))))
        if version_in(package, path) != version:
            return None
        versions.append((package, version, path))
    if not all(is_old_enough(identity, since) for _, *identity in files):
        return None
    read = []
    roots = {header.package: import_place(header.package)}
    read.append((str(candidate.path), image, sidecar.image_sha256))
    for include in sidecar.includes:
        place = roots.setdefault(include.root, import_place(include.root)) or ""
        # Where it was read, and the same by the links that lead there.
        real = os.path.join(str(check.import_root(include.root)), include.path)
        path = os.path.join(os.path.dirname(place), include.path)
        read.append((real, path, include.sha256))
    known = []
    for real, path, sha256 in read:
        identity = file_identity(os.stat(path))
        if seen.known(real, sha256) != identity:
            return None
        known.append((path, *identity))
    own_rules = verdicts.own_rules
    if verdicts.rules() != own_rules or not all(is_old_enough([*row]) for row in own_rules or ()):
        return None
    files[:0] = known
    folder = os.path.dirname(own)
    found = [(name, place, os.path.realpath(place or "")) for name, place in roots.items()]
    real = os.path.realpath(folder)
    # Where both are one, all folders above are among the places, as far as the user's own home,
    # whose real path the verdict has: a link in place of one would be seen there.
    return (
        header.preferences, tuple(files), tuple(found), tuple(versions),
        None if real == folder else (folder, real), walked,
    )  # fmt: skip
