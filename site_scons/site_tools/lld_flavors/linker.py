"""An LLD on this machine, as a value."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from packageimage.model.errors import PackageImageError

Kind = Literal["lld", "ld.lld", "ld64.lld", "lld-link", "zig"]
"""The forms LLD comes in.

lld: the multi-flavor driver, `lld -flavor NAME ...`. ld.lld: one that links ELF, and MinGW with
`-m i386pep`. ld64.lld: Mach-O. lld-link: PE. zig: the Zig compiler, `zig ld.lld ...`, `zig lld-link
...`, and for Mach-O `zig cc ...`, a linker of Zig's own; its `ld.lld` refuses `-m i386pep`.
"""

OLDEST_VERSION = 14
"""The oldest LLD whose command line and output are known to fit (facts/platforms.md)."""

_VERSION = re.compile(r"\bLLD (\d+)\.(\d+)(?:\.(\d+))?\S*")
# What sets LLD's ELF personality, and the multi-flavor driver in it, apart from the others.
_GNU = re.compile(_VERSION.pattern + r"(?: \(.*\))? \(compatible with GNU linker")


@dataclass(frozen=True)
class Linker:
    """command: the words that start it, without a flavor. version: (major, minor, patch)."""

    kind: Kind
    command: tuple[str, ...]
    version: tuple[int, int, int]

    @property
    def version_text(self) -> str:
        return ".".join(map(str, self.version))

    def __str__(self) -> str:
        return f"LLD {self.version_text} ({' '.join(self.command)})"


def parse_version(output: str, gnu: bool = True) -> tuple[int, int, int] | None:
    """The version in what `ld.lld --version` prints; None when that was not said by an LLD.

    gnu: whether it must be LLD's ELF personality, or the multi-flavor driver in it. ld64.lld,
    lld-link and wasm-ld say "LLD 19.1.7" alone.

    Distributions prefix the line ("Debian LLD 14.0.6") and builds from source add the revision
    in brackets ("LLD 20.0.0 (https://... 1a2b3c) (compatible with GNU linkers)").
    """
    found = (_GNU if gnu else _VERSION).search(output)
    if found is None:
        return None
    major, minor, patch = found.groups(default="0")
    return int(major), int(minor), int(patch)


def unfit(object_format: str, forms: Iterable[str], linker: Linker) -> PackageImageError:
    """What to say of a form of LLD that cannot link a format; `forms` are those that can."""
    return PackageImageError(
        f"linking {object_format} needs LLD as {' or '.join(forms)}, found {linker}; install "
        "LLVM's lld or set PKGIMAGE_LLD to its path"
    )
