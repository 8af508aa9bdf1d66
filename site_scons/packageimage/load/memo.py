"""Small JSON files in the user's cache that spare a process what an earlier one has found out.

As `user_cache` has it: one that is missing, damaged or not this user's own is as good as none. They
are never in a depot, which loading leaves as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..model.json_text import loads
from ..user_cache import cache_file, read_own, replace_own

_LARGEST = 1 << 22  # bytes; the memo of 10,000 files has half of it


def file_for(kind: str, key: str, environ: Mapping[str, str], spread: str = "") -> str | None:
    """As `user_cache.cache_file`."""
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
