"""Small files in the user's cache that spare a process what an earlier one has found out.

As `depot` has it: one that is missing, damaged or not this user's own is as good as none. They
are never in a depot, which loading leaves as it is.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping

from ..depot import OWN, cache_file, is_users, read_own
from ..model.json_text import loads

_LARGEST = 1 << 22  # bytes; the memo of 10,000 files has half of it


def file_for(kind: str, key: str, environ: Mapping[str, str], spread: str = "") -> str | None:
    """As `depot.cache_file`."""
    return cache_file(kind, key, environ, ".json", spread)


def read(file: str) -> dict[str, object]:
    """The object in a file that only this user can have written; {} for anything else."""
    data = read_own(file, _LARGEST)
    try:
        value = loads((data or b"").decode("ascii"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def write(file: str, fields: Mapping[str, object]) -> None:
    """Replace a file as a whole, or leave it when that is not possible."""
    import json

    data = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode("ascii")
    if len(data) <= _LARGEST:
        # No sync: what a crash of the machine tears is not JSON any more.
        replace_own(file, data)


def replace_own(file: str, data: bytes, sync: bool = False) -> None:
    """Replace a file as a whole, or leave it where that is not possible.

    sync: have it on the disk before it has its name, so that no crash of the machine tears it.
    """
    folder = os.path.dirname(file)
    with contextlib.suppress(OSError):
        # Not in the home folder of somebody else, as sudo may have it: the owner could then not
        # write there any more.
        if not is_users(os.stat(_there(folder))):
            return
        os.makedirs(folder, mode=0o700, exist_ok=True)
        temporary = f"{file}.{os.urandom(8).hex()}.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | OWN, 0o600)
        try:
            with open(descriptor, "wb") as output:
                output.write(data)
                if sync:
                    output.flush()
                    os.fsync(output.fileno())
            os.replace(temporary, file)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def _there(folder: str) -> str:
    """The folder, or the nearest above it that there is."""
    while not os.path.lexists(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return folder
