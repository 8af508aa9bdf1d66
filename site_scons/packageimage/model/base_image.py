"""The base image: what an image is built against and must find again when it is loaded."""

from __future__ import annotations

from packageimage.model.digest import sha256
from packageimage.model.record import Record

RUNTIME_FORMAT = 8
"""The contract between images and our loader: exported table, slots, tables of methods and of
functions, how methods' keys are made. Another number for each change, so that no loader reads what
it does not know."""


class BaseImage(Record):
    """Versions as their distributions name them.

    python_abi: such as "cpython-311" (`sys.implementation.cache_tag`). llvm: may be empty where
    it follows from llvmlite's version. runtime_format: RUNTIME_FORMAT.
    """

    python_abi: str
    numba: str
    llvmlite: str
    llvm: str
    numpy: str
    runtime_format: int = RUNTIME_FORMAT

    @property
    def id(self) -> str:
        """SHA-256 in hexadecimal over all fields: the name of this base image."""
        # Names and lengths go in too, so that no two sets of values give the same text.
        parts = []
        for name, field in self.as_dict().items():
            value = str(field).encode("utf-8", "surrogatepass")
            parts.append(b"%s:%d:%s\n" % (name.encode("ascii"), len(value), value))
        return str(sha256(b"pkgimage base image\n" + b"".join(parts)).hexdigest())

    def __str__(self) -> str:
        llvm = f" (LLVM {self.llvm})" if self.llvm else ""
        return (
            f"{self.python_abi}, numba {self.numba}, llvmlite {self.llvmlite}{llvm}, "
            f"numpy {self.numpy}, runtime format {self.runtime_format}"
        )


def base_mismatch(image: BaseImage, session: BaseImage) -> str | None:
    """Which parts differ, in words; None when the image fits the session."""
    reasons = [
        f"{name.replace('_', ' ')}: image has {has or 'none'}, session has {wants or 'none'}"
        for (name, has), wants in zip(
            image.as_dict().items(), session.as_dict().values(), strict=True
        )
        if has != wants
    ]
    return "; ".join(reasons) or None
