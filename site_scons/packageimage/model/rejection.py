"""Why an image was not used: a value, not a log line (design.md, D5)."""

from __future__ import annotations

import enum

from packageimage.model.errors import one_line
from packageimage.model.record import Record


class RejectionKind(enum.Enum):
    """The checks of the loader, in the order in which they are made."""

    UNTRUSTED = "untrusted"
    CANNOT_OPEN = "cannot-open"
    SIGNATURE = "signature"
    HEADER = "header"
    PLATFORM = "platform"
    BASE_IMAGE = "base-image"
    FLAGS = "flags"
    NATIVE_CODE = "native-code"
    CPU_TARGET = "cpu-target"
    INCLUDE_MISSING = "include-missing"
    INCLUDE_CHANGED = "include-changed"
    REQUIRES = "requires"
    PREFERENCES = "preferences"
    IMAGE_MISSING = "image-missing"
    IMAGE_SIZE = "image-size"
    CHECKSUM = "checksum"
    BUILD_ID = "build-id"
    SLOT = "slot"
    LOAD = "load"

    @property
    def is_of_header(self) -> bool:
        """Whether it takes another header, or another session, for it to end."""
        return self.value in ("platform", "base-image", "flags", "cpu-target")

    @property
    def order(self) -> int:
        """Position among the checks: a later one means that the image came nearer to fitting."""
        return list(RejectionKind).index(self)


class Rejection(Record):
    """One image that was looked at and not used.

    image: path of the image or its header, as text. expected, found, advice: phrases without a
    full stop; any of them may be empty.
    """

    kind: RejectionKind
    package: str
    image: str
    expected: str = ""
    found: str = ""
    advice: str = ""

    def __str__(self) -> str:
        """One line: package, kind, expected, found, advice, image."""
        parts = [
            f"expected {self.expected}" if self.expected else "",
            f"found {self.found}" if self.found else "",
            self.advice,
        ]
        detail = "; ".join(part for part in parts if part)
        where = f" [{self.image}]" if self.image else ""
        return one_line(f"{self.package}: {self.kind.value}: {detail or 'rejected'}{where}")
