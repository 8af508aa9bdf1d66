"""Reading JSON without the package `json`, whose import takes 1 ms, half of what all checks take.

Its scanner in C is a module of its own. For whatever that one does not like, `json` has the word.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

make_scanner: Any = None
with suppress(ImportError):  # it is CPython's
    from _json import make_scanner


class _AsJson:
    """What `json.JSONDecoder()` tells the scanner."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    memo: dict[str, str] = {}  # noqa: RUF012

    @staticmethod
    def parse_constant(name: str) -> Any:
        raise ValueError(name)  # NaN and the infinities: `json` decides


def loads(text: str) -> Any:
    """As `json.loads(text)`, with its exceptions."""
    if make_scanner is not None and "json" not in sys.modules:
        try:
            value, end = make_scanner(_AsJson)(text, 0)
        except (StopIteration, SystemError, ValueError, RecursionError):
            pass
        else:
            if end == len(text):
                return value
    import json

    return json.loads(text)
