"""The digest of a linked library: its size and SHA-256 in a small file beside it.

A large library is hashed once, when it was linked, while it is on its way to the disk. What
changes later on disk is another file than the digest says.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packageimage.model.errors import PackageImageError, one_line

from .output import atomic_output

LARGE = 1 << 24  # bytes; less is hashed anew each time


@contextlib.contextmanager
def digest_written(path: Path, about: Path) -> Iterator[None]:
    """Write the digest of the finished file `about`, which gets its name in the block, before the
    digest does: a digest that is there is never older than the file. Raises OSError."""
    with open(about, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size >= LARGE:
            sha256 = _hashed_and_written(file)
        else:
            sha256 = hashlib.sha256(file.read()).hexdigest()
    text = json.dumps({"sha256": sha256, "size": size}, sort_keys=True)
    with atomic_output(path) as temporary:
        temporary.write_bytes(f"{text}\n".encode())
        # Not newer than the file: of what is made of both, which may be the file itself under
        # another name, ninja wants that it is not older than either.
        written = about.stat().st_mtime_ns
        os.utime(temporary, ns=(written, written))
        yield


def checked_sha256(image: Any, about: Path, digest: Path | None) -> str:
    """The SHA-256 of `image`, the content of the file `about`; digest: of when it was linked.

    A large one is not read for it when nothing has been written to it since then. Raises
    PackageImageError for a digest that cannot be read or is another one.
    """
    if digest is None:
        return hashlib.sha256(image).hexdigest()
    stated, size = _read(digest)
    unchanged = about.stat().st_mtime_ns <= digest.stat().st_mtime_ns
    if len(image) == size and len(image) >= LARGE and unchanged:
        return stated
    found = hashlib.sha256(image).hexdigest()
    if found != stated:
        raise PackageImageError(
            f"{one_line(about)}: expected it as it was linked ({size} bytes, SHA-256 "
            f"{stated[:16]}), found {len(image)} bytes, {found[:16]}; remove it and build again"
        )
    return found


def _read(path: Path) -> tuple[str, int]:
    try:
        fields = json.loads(path.read_bytes())
        stated, size = fields["sha256"], fields["size"]
        if len(bytes.fromhex(stated)) != hashlib.sha256().digest_size or not isinstance(size, int):
            raise ValueError("no SHA-256 and size")
    except (ValueError, LookupError, TypeError) as error:
        raise PackageImageError(
            f"{one_line(path)}: expected a digest as the link stage writes it, found "
            f"{type(error).__name__}: {error}; remove it and build again"
        ) from None
    return stated, size


def _hashed_and_written(file: Any) -> str:
    """The SHA-256 of a file that meanwhile is brought to the disk, where publishing wants it."""

    def sync() -> None:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            failed.append(error)

    failed: list[OSError] = []
    syncing = threading.Thread(target=sync)
    syncing.start()
    try:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    finally:
        syncing.join()
    if failed:
        raise failed[0]
    return sha256
