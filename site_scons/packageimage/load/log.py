"""The decisions of a process as they fall, for PKGIMAGE_LOG=loading.

    note("rejected", package="kernels", kind="flags", found="...")

prints `packageimage: rejected: package=kernels kind=flags found='...'` on standard error through
the logger `packageimage`. Without the variable `note` does nothing, and this module and `logging`,
6 ms, are not imported. A program that has set up `logging` itself gets the records in its own way.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

LOGGER = "packageimage"

_logger: logging.Logger | None = None


def tell(kind: str, fields: Mapping[str, Any]) -> None:
    """One decision: its kind in a word or two, then what it was about."""
    (_logger or _start()).info("%s", line(kind, fields), extra={"pkgimage": (kind, fields)})


def line(kind: str, fields: Mapping[str, Any]) -> str:
    """One line: the kind, then each field as name=value in the order given.

    A value that is not one plain word is shown as Python writes it, so no value breaks the line.
    """
    shown = [f"{name}={_shown(value)}" for name, value in fields.items()]
    return f"{kind}: {' '.join(shown)}" if shown else kind


def _shown(value: object) -> str:
    text = str(value)
    plain = text.isprintable() and text and not any(c in text for c in " '\"=\\")
    return text if plain else repr(text)


def _start() -> logging.Logger:
    global _logger
    _logger = logging.getLogger(LOGGER)
    if _logger.level == logging.NOTSET:
        _logger.setLevel(logging.INFO)
    if not _logger.hasHandlers():
        handler = logging.StreamHandler()  # standard error
        handler.setFormatter(logging.Formatter(f"{LOGGER}: %(message)s"))
        _logger.addHandler(handler)
        _logger.propagate = False  # or a later basicConfig would tell everything twice
    return _logger
