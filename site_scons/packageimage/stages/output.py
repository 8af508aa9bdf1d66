"""Outputs that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_output(path: Path | str) -> Iterator[Path]:
    """A temporary name beside *path* to write to; it becomes *path* when the block ends well.

    When the block raises, the temporary file goes and what *path* was before stays. OSError
    passes through (`stages.__main__` says it in one line).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes private files; an output gets what the umask leaves, as open() would.
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_output(path: Path | str, data: bytes) -> None:
    """Write *data* to *path* atomically."""
    with atomic_output(path) as temporary:
        temporary.write_bytes(data)


def _umask() -> int:
    # There is no other portable way to ask; stages run in processes with one thread.
    mask = os.umask(0)
    os.umask(mask)
    return mask
