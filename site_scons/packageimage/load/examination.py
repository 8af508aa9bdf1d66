"""All checks of the images of a package, which a process makes when no earlier one has left a
verdict that still holds (`verdicts`)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from ..depot import HEADER_SUFFIX
from ..model.errors import PackageImageError
from ..model.flags import flags_from_environment
from ..model.platform import PLATFORMS, host_platform
from ..model.rejection import Rejection, RejectionKind
from . import check, installed
from .check import Candidate
from .host import host_cpu
from .seen import Seen, seen_of
from .trust import Guard
from .verdicts import Verdict

_BASE_MODULES = ("numba", "llvmlite", "numpy")


class Examination:
    """Those of one session."""

    def __init__(self, environ: Mapping[str, str], images: Mapping[str, list[str]]) -> None:
        """images: the paths of the headers of each package's images on the depot path."""
        self._environ = environ
        self._images = images
        self._seen: Seen | None = None  # what was asked for the last verdicts

    @cached_property
    def guard(self) -> Guard:
        """Raises PackageImageError for a setting that can't be understood."""
        return Guard.of(self._environ)

    @cached_property
    def check_session(self) -> check.Session:
        """What images are checked against. Raises PackageImageError on a platform for which there
        are no images, ModuleNotFoundError without Numba, llvmlite or NumPy."""
        platform = host_platform()
        return check.Session(
            platform=platform.name,
            base=installed.base_image(),
            flags=flags_from_environment(self._environ),
            host=host_cpu(platform.arch),
            forced_target=self._environ.get("PKGIMAGE_CPU") or None,
            guard=self.guard,
        )

    def _headers(self, package: str) -> list[Path]:
        return list(map(Path, self._images.get(package, ())))

    def examine(self, package: str) -> list[Candidate | Rejection]:
        """The verdict on every image of a package on the depot path; opens none."""
        headers = self._headers(package)
        if not headers:
            return []
        try:
            session = self.check_session
        except ModuleNotFoundError as error:
            if error.name not in _BASE_MODULES:
                raise
            kind, expected = RejectionKind.BASE_IMAGE, "Numba, llvmlite and NumPy"
            found = f"no module {error.name}"
            return [Rejection(kind, package, str(h), expected, found) for h in headers]
        except PackageImageError as error:  # a platform for which there are no images
            kind = RejectionKind.PLATFORM
            return [Rejection(kind, package, str(h), found=str(error)) for h in headers]
        seen = self._seen = seen_of(os.path.dirname(headers[0]), self._environ)
        verdicts = [
            check.examine(
                header,
                _image_beside(header, session),
                session,
                check.import_root,
                self._headers,
                seen,
            )
            for header in headers
        ]
        seen.save()
        return verdicts

    def fitting(self, package: str, rejections: list[Rejection]) -> list[Candidate]:
        """Those that fit, the best first; the rejections of the others are added."""
        found = []
        for verdict in self.examine(package):
            if isinstance(verdict, Rejection):
                rejections.append(verdict)
            else:
                found.append(verdict)
        # sorted() is stable: of equals, the one in the earlier depot comes first.
        return sorted(found, key=lambda candidate: candidate.rank, reverse=True)

    def remember(
        self, package: str, candidate: Candidate, rejections: Iterable[Rejection], since: int
    ) -> None:
        """Keep for other processes that an image fits best. since: when the checks began, in ns
        since 1970."""
        if self._seen is not None:
            from .remembering import remember

            verdict = Verdict(self._images[package], self._environ)
            remember(verdict, candidate, rejections, self.guard, self._seen, since)


def _image_beside(header: Path, session: check.Session) -> Path:
    return header.with_name(
        header.name.removesuffix(HEADER_SUFFIX) + PLATFORMS[session.platform].image_suffix
    )
