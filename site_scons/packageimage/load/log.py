"""The decisions of a process as they fall, for PKGIMAGE_LOG=loading.

    log.note("rejected", package="kernels", kind="flags", found="...")

prints `packageimage: rejected: package=kernels kind=flags found='...'` on standard error through
the logger `packageimage`. Without the variable `note` does nothing and `logging`, 6 ms, is not
imported. A program that has set up `logging` itself gets the records in its own way.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from typing import Any

LOG_VARIABLE = "PKGIMAGE_LOG"
LOADING = "loading"
LOGGER = "packageimage"


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether decisions are to be told.

    A word that is not known counts as none: a variable that only tells must not end a program.
    """
    words = environ.get(LOG_VARIABLE, "").lower().replace(",", " ").split()
    return LOADING in words


enabled = wanted(os.environ)
_logger: logging.Logger | None = None


def note(kind: str, /, **fields: object) -> None:
    """Tell one decision: its kind in a word or two, then what it was about.

    Where telling costs something, ask `enabled` before.
    """
    if enabled:
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
    import logging

    _logger = logging.getLogger(LOGGER)
    if _logger.level == logging.NOTSET:
        _logger.setLevel(logging.INFO)
    if not _logger.hasHandlers():
        handler = logging.StreamHandler()  # standard error
        handler.setFormatter(logging.Formatter(f"{LOGGER}: %(message)s"))
        _logger.addHandler(handler)
        _logger.propagate = False  # or a later basicConfig would tell everything twice
    return _logger
