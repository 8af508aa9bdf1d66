"""The versions of Numba, llvmlite and NumPy that an import would bring, without importing them.

Importing Numba takes 140 ms, and a process whose images have all it calls does without it. So
the version is read where the package itself reads it. Only the forms that their releases have are
read; for anything else, a checkout with versioneer's code for one, the package is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from .loader import version_file

if TYPE_CHECKING:
    from ..model.base_image import BaseImage


_LARGEST = 1 << 14  # bytes; a release's file has 600


def base_image() -> BaseImage:
    """The base image of this process, or what it will be once all three are imported.

    ModuleNotFoundError for what is not installed, and what its import raises for what has to be
    imported.
    """
    from ..model.base_image import BaseImage

    return BaseImage(
        python_abi=sys.implementation.cache_tag or "",
        numba=version("numba"),
        llvmlite=version("llvmlite"),
        llvm="",
        numpy=version("numpy"),
    )


def version(package: str) -> str:
    """The `__version__` of numba, llvmlite or numpy; raises as `base_image` does."""
    module = sys.modules.get(package, sys)
    found = getattr(module, "__version__", None)
    # `sys.modules[package] = None` forbids the import, and importing it says so.
    if found is None and module is not None:
        found = _written(package)
    return str(getattr(__import__(package), "__version__", "") if found is None else found)


def _written(package: str) -> str | None:
    """The version in the files of the package that an import would find, or None."""
    file = version_file(package)
    return None if file is None else version_in(package, file)


def version_in(package: str, path: str) -> str | None:
    """The version in such a file, None where it has not the form that releases have."""
    try:
        with open(path, "rb") as file:
            text = file.read(_LARGEST + 1)
    except OSError:  # in an archive, or without sources
        return None
    if len(text) > _LARGEST:
        return None
    try:
        found = _FORMS[package](_statements(text.decode("utf-8")))
    except ValueError:
        return None
    return found if found and _is_plain(found) else None


def _statements(text: str) -> list[str]:
    """The lines of code in a source whose texts in triple quotes hold no comments."""
    lines = [line.rstrip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def in_numba(lines: list[str]) -> str | None:
    """In versioneer's file of a release since its 0.15: a JSON object in a text."""
    start, end = "version_json = '''", "'''  # END VERSION_JSON"
    code = ["def get_versions():", "    return json.loads(version_json)"]
    if lines[:2] != ["import json", start] or lines[-3:] != [end, *code]:
        return None
    from ..model.json_text import loads

    fields = loads("".join(lines[2:-3]))
    found = fields.get("version") if isinstance(fields, dict) else None
    return found if isinstance(found, str) else None


def in_llvmlite(lines: list[str]) -> str | None:
    """In the file of a release by llvmlite's own, older versioneer."""
    code = [
        "def get_versions(default={}, verbose=False):",
        "    return {'version': version_version, 'full': version_full}",
    ]
    if len(lines) != 4 or lines[2:] != code or not lines[1].startswith("version_full = "):
        return None
    return _value(lines[0], "version_version")


def in_numpy(lines: list[str]) -> str | None:
    """In the file that NumPy's build writes since 1.26."""
    about = ("version ", "version=", "__version__", "from ", "import ")
    told = [line for line in lines if line.startswith(about)]
    if len(told) != 2 or told[1] != "__version__ = version":
        return None
    return _value(told[0], "version")


def _value(line: str, name: str) -> str | None:
    """V in `NAME = "V"`, in either quotes."""
    before, equals, after = line.partition(" = ")
    if before != name or not equals or len(after) < 3 or after[0] != after[-1]:
        return None
    return after[1:-1] if after[0] in "'\"" else None


def _is_plain(text: str) -> bool:
    return text.isascii() and all(char.isalnum() or char in ".+-_!" for char in text)


_FORMS: dict[str, Callable[[list[str]], str | None]] = {
    "numba": in_numba,
    "llvmlite": in_llvmlite,
    "numpy": in_numpy,
}
