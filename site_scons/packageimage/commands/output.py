"""How commands speak: text for people, in colour on a terminal; one JSON document for programs.

With `--json` a command prints one document on standard output and nothing else there:
`{"format": 1, "command": NAME, ...}`. Keys stay; new ones may come. A mistake, which is a line on
standard error as always, is then `{"format": 1, "command": NAME, "error": MESSAGE}`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

FORMAT = 1

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document instead")


def document(command: str, **fields: object) -> str:
    """The JSON document of a command, without a line's end."""
    return json.dumps({"format": FORMAT, "command": command, **fields}, indent=1)


def wants_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether to colour text on `stream`: NO_COLOR forbids, FORCE_COLOR wants, else a terminal.

    Both count when they are not empty (https://no-color.org, https://force-color.org); NO_COLOR is
    the stronger one, as in Python's own command line.
    """
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and environ.get("TERM") != "dumb"


class Paint:
    """Styles for one stream; with `on` False the text stays as it is."""

    def __init__(self, on: bool) -> None:
        self._on = on

    @classmethod
    def of(cls, environ: Mapping[str, str], stream: TextIO | None = None) -> Paint:
        return cls(wants_colour(sys.stdout if stream is None else stream, environ))

    def __call__(self, text: str, *styles: str) -> str:
        """KeyError for a style that there is not."""
        if not self._on or not text:
            return text
        codes = ";".join(_STYLES[style] for style in styles)
        return f"\x1b[{codes}m{text}\x1b[0m"


def table(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """Lines of aligned columns, two spaces between; columns in `right` stand to the right."""
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def size_text(size: int) -> str:
    """Bytes as a person reads them: `812 B`, `27.3 KB`, `1.20 MB`; 1 KB is 1000 bytes."""
    if size < 1000:
        return f"{size} B"
    value = float(size)
    for unit in ("KB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            break
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {unit}"
