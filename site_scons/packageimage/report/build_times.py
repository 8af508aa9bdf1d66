"""Keeps the times of a package's last build beside its files, for `pkgimage report`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from packageimage.model.errors import PackageImageError
from packageimage.report.timeline import SUFFIX, Step, decode, encode


def keep(folder: Path, package: str, steps: Iterable[Step]) -> None:
    """Write `<folder>/<package>.build.json`; steps that this build skipped keep their times.

    Raises OSError when it cannot be written. The file is no target: its content is times.
    """
    file = folder / f"{package}{SUFFIX}"
    earlier: tuple[Step, ...] = ()
    with contextlib.suppress(OSError, PackageImageError):  # none yet, or of another version
        earlier = decode(file.read_bytes(), file.name)[1]
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(encode(package, steps, earlier))
        os.replace(temporary, file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
