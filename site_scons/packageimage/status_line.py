"""One line at the bottom of a terminal that says what is going on, and leaves no trace."""

from __future__ import annotations

import shutil
from typing import TextIO

_CLEAR = "\r\x1b[K"  # to the line's start, and erase to its end: what every terminal of today knows


class StatusLine:
    """Written without a line's end; whatever else is printed must call `clear` before."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = False

    def show(self, text: str) -> None:
        # A line that wraps could not be erased.
        width = shutil.get_terminal_size().columns - 1
        # The cursor waits at the start: output of a child that knows nothing of this writes over.
        self._stream.write(f"{_CLEAR}{text[:width]}\r")
        self._stream.flush()
        self._shown = True

    def clear(self) -> None:
        if self._shown:
            self._stream.write(_CLEAR)
            self._stream.flush()
            self._shown = False
