"""Where a function's source is now, for the code of an image.

The code in an image names a place (`model.code_place`) where plain Numba has an absolute path and a
line number: an image is the same in whatever folder its package lies, and is not rebuilt for a
comment.  Constants in that code are pickled calls of the functions below, which Numba unpickles
when it raises an exception; so these give an answer whatever has become of the source.  Their
names and arguments are part of the format of an image.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from types import CodeType

from ..model.code_place import Place, code_at, present_line

UNKNOWN_LINE = 0  # what a traceback shows where the source is gone

_codes: dict[str, CodeType | None] = {}


def where(
    function: str, module: str, path: str | None, rank: int, further: int
) -> tuple[str, str, int]:
    """(function, file, line) as Numba wants the place of an exception.

    A `path` of None means that `further` is a line number: of a package whose version is fixed.
    """
    line = line_of(module, path, rank, further)  # first: code that was read knows its file
    return function, file_of(module), line


def text_at(
    parts: tuple[str, str, str], module: str, path: str | None, rank: int, further: int
) -> str:
    """A message in which Numba shows a place: what stands before file and line, between and after
    them."""
    before, between, after = parts
    _, file, line = where("", module, path, rank, further)
    return f"{before}{file}{between}{line}{after}"


def function_code(module: str, path: str) -> CodeType:
    """The code of a function of a module. Raises LookupError when there is none."""
    code = code_of(module)
    found = None if code is None else code_at(code, path)
    if found is None:
        raise LookupError(f"expected {path} in the source of module {module}, found none")
    return found


def line_of(module: str, path: str | None, rank: int, further: int) -> int:
    """The present line of a place, UNKNOWN_LINE when the module's code can't be read."""
    if path is None:
        return further
    code = code_of(module)
    line = None if code is None else present_line(code, Place(path, rank, further))
    return UNKNOWN_LINE if line is None else line


def file_of(module: str) -> str:
    """The file of a module, without importing it; relative to its root when there is none."""
    code = _codes.get(module)
    if code is not None:
        return code.co_filename
    loaded = getattr(sys.modules.get(module), "__file__", None)
    if isinstance(loaded, str) and loaded.endswith(".py"):
        return loaded
    spec = _spec(module)
    if spec is not None and spec.has_location and spec.origin:
        return spec.origin
    return module.replace(".", "/") + ".py"


def folders_of(module: str) -> list[str]:
    """The `__path__` of a package, without importing it."""
    spec = _spec(module)
    return list((spec and spec.submodule_search_locations) or ())


def code_of(module: str) -> CodeType | None:
    """The code of a whole module, kept because some programs raise in a loop."""
    if module not in _codes:
        try:
            spec = _spec(module)
            _codes[module] = spec.loader.get_code(module)  # type: ignore[union-attr]
        except Exception:  # a loader may do anything, and an exception is on its way already
            _codes[module] = None
    return _codes[module]


def _spec(module: str) -> ModuleSpec | None:
    """How a module was found, or would be found; runs no code of its parents."""
    spec = getattr(sys.modules.get(module), "__spec__", None)
    if spec is not None:
        return spec  # type: ignore[no-any-return]
    folders = None
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        known = getattr(sys.modules.get(name), "__spec__", None)
        try:
            spec = known or PathFinder.find_spec(name, folders)
        except Exception:
            return None
        if spec is None:
            return None
        folders = spec.submodule_search_locations
    return spec
