"""Outputs that SCons may have made without recording what they were made from.

SCons writes its record when a build ends. A build that is killed leaves new outputs beside the
record of the old ones; when the edit that led to them is undone, SCons takes them for those. So a
*journal* beside the captures names the outputs of each stage before it runs, and is removed when
SCons has written its record. What a journal names when a build begins is made again.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import SCons.SConsign

_NAME = ".unrecorded"


class Journal:
    """The journal of one folder of captures. Outputs are absolute paths."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / _NAME
        self._lock = threading.Lock()  # SCons runs stages in threads
        self._left = _read(self._file)
        self._noted: set[str] = set()
        self._made: set[str] = set()

    def is_left(self, output: str) -> bool:
        """Whether an earlier build may have made this output and was killed."""
        return self._key(output) in self._left

    def note(self, outputs: Iterable[str]) -> None:
        """Before a stage runs. Raises OSError."""
        with self._lock:
            keys = [self._key(output) for output in outputs]
            # The line before may be torn: then its stage has not run.
            lines = "".join(f"\n{json.dumps(key)}" for key in keys if key not in self._noted)
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with open(self._file, "a", encoding="ascii") as file:
                file.write(lines)
            self._noted.update(keys)

    def made(self, outputs: Iterable[str]) -> None:
        """After it ran: with SCons' record of them they are as good as any."""
        with self._lock:
            self._made.update(map(self._key, outputs))

    def recorded(self) -> None:
        """SCons has written its record."""
        if not self._noted:
            return
        # What a stage that failed has not left can't be taken for anything.
        folder = self._file.parent
        rest = [key for key in (self._left | self._noted) - self._made if (folder / key).exists()]
        new = self._file.with_name(f"{_NAME}.new")
        with contextlib.suppress(OSError):  # then a few outputs are made once more
            if rest:
                new.write_text("\n".join(map(json.dumps, sorted(rest))), encoding="ascii")
                os.replace(new, self._file)
            else:
                self._file.unlink()

    def _key(self, output: str) -> str:
        """The path as it stays when the project moves."""
        try:
            return Path(output).relative_to(self._file.parent).as_posix()
        except ValueError:
            return output


def _read(file: Path) -> frozenset[str]:
    """The outputs that a journal names."""
    found: set[str] = set()
    try:
        lines = file.read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return frozenset()
    for line in lines:
        with contextlib.suppress(ValueError):
            found.add(str(json.loads(line)))
    return frozenset(found)


_journals: dict[Path, Journal] = {}


def journal_of(folder: Path) -> Journal:
    """The journal of a folder, as the last build left it."""
    if not _journals:
        _tell_when_recorded()
    if folder not in _journals:
        _journals[folder] = Journal(folder)
    return _journals[folder]


def _tell_when_recorded() -> None:
    """SCons calls no one when its record is on disk."""
    write: Any = SCons.SConsign.write

    def write_and_tell() -> None:
        write()
        for journal in _journals.values():
            journal.recorded()

    SCons.SConsign.write = write_and_tell
