"""Names for places in sources, in place of the paths and line numbers that Numba puts into code.

What is pickled of a place is a call of `load.location`, which finds the present file and line when
it is unpickled.  That function's import path is what code in an image refers to, and the one thing
that the capture takes from the loader.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from types import CodeType
from typing import Any

from ..load import location
from ..model.code_place import find, path_of

# How Numba shows a place in a message: of ufuncs as 'File "FILE", line 7', else "on FILE (7)".
_FILE = r"(?P<file>(?:/|[A-Za-z]:[\\/])[^\n]*?)"
_SHOWN = (
    re.compile(rf'(?<=File "){_FILE}(?P<between>", line )(?P<line>\d+)'),
    re.compile(rf"(?<= on ){_FILE}(?P<between> \()(?P<line>\d+)(?=(?::\d+)?\)$)"),
)


@dataclass(frozen=True)
class Call:
    """Pickled as a call of a function of `load.location`, unpickled as what that returns."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.arguments


class Locations:
    """Places in the modules that this process has loaded."""

    def __init__(self, fixed: frozenset[str], on_line: Callable[[], None]) -> None:
        """`fixed` are the packages whose sources change with their version only.

        `on_line` is called when a line number has to be kept, so that a comment changes the code.
        """
        self._fixed = fixed
        self._on_line = on_line
        self._modules: dict[str, str] = {}
        self._codes: dict[str, CodeType | None] = {}

    def module_of(self, file: str) -> str | None:
        """The module that was loaded from a file."""
        if file not in self._modules:
            for name in sorted(sys.modules, reverse=True):
                origin = getattr(sys.modules[name], "__file__", None)
                if isinstance(origin, str) and name != "__main__":
                    self._modules[origin] = name
        return self._modules.get(file)

    def name(self, file: str) -> str:
        """A file's name below the folder that holds its module, else its last part.

        `linecache` looks relative names up on sys.path, so that tracebacks still show the source.
        """
        parts = PurePath(file).parts
        module = self.module_of(file)
        depth = 1 if module is None else module.count(".") + 1
        if module is not None and PurePath(file).stem == "__init__":
            depth += 1
        return "/".join(parts[-depth:])

    def file(self, file: str) -> Any:
        """What stands for a file's name in a pickle."""
        if not os.path.isabs(file):
            return file  # "<string>" and the like
        module = self.module_of(file)
        return self.name(file) if module is None else Call(location.file_of, (module,))

    def folders(self, module: str) -> Any:
        """What stands for a package's `__path__` in a pickle."""
        return Call(location.folders_of, (module,))

    def line(self, file: str, line: int) -> Any:
        """What stands for a line's number in a pickle."""
        place = self._place(file, line)
        return self._fixed_line(file, line) if place is None else Call(location.line_of, place)

    def code(self, code: CodeType) -> Any:
        """What stands for a code object of a module in a pickle, None when nothing can."""
        module = self.module_of(code.co_filename)
        whole = None if module is None else self._code_of(module)
        path = None if whole is None else path_of(whole, code)
        return None if path is None else Call(location.function_code, (module, path))

    def where(self, function: str, file: str, line: int) -> Any:
        """What stands for the (function, file, line) of an exception."""
        place = self._place(file, line)
        if place is None:
            return function, self.file(file), self._fixed_line(file, line)
        return Call(location.where, (function, *place))

    def text(self, text: str) -> Any:
        """What stands for a message that may name a place."""
        match = next(filter(None, (shape.search(text) for shape in _SHOWN)), None)
        if match is None:
            return text
        parts = text[: match.start()], match["between"], text[match.end() :]
        file, line = match["file"], int(match["line"])
        place = self._place(file, line)
        if place is None:
            return f"{parts[0]}{self.name(file)}{parts[1]}{self._fixed_line(file, line)}{parts[2]}"
        return Call(location.text_at, (parts, *place))

    def _place(self, file: str, line: int) -> tuple[str, str | None, int, int] | None:
        module = self.module_of(file)
        if module is None:
            return None
        if module.partition(".")[0] in self._fixed:
            return module, None, 0, line
        code = self._code_of(module)
        place = None if code is None else find(code, line)
        return None if place is None else (module, *place)

    def _code_of(self, module: str) -> CodeType | None:
        """A module's code, None for one whose source changes with its version only."""
        if module.partition(".")[0] in self._fixed:
            return None
        if module not in self._codes:
            self._codes[module] = location.code_of(module)
        return self._codes[module]

    def _fixed_line(self, file: str, line: int) -> int:
        if os.path.isabs(file):
            self._on_line()
        return line
