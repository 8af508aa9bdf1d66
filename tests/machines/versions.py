"""Versions: a machine has those of the environment that builds, or its images would not fit."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .cache import Unavailable

PYTHON = (3, 11)
"""The Python of the emulated machines: Debian 12's, whose Windows DLL is in a wheel as well."""

_PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def require_python() -> None:
    """Raises Unavailable when images built by this Python could not fit the machines' Python."""
    if sys.version_info[:2] != PYTHON:
        raise Unavailable(
            f"the emulated machines run Python {PYTHON[0]}.{PYTHON[1]} and this is "
            f"{sys.version_info[0]}.{sys.version_info[1]}: run the tests with "
            f"python{PYTHON[0]}.{PYTHON[1]}"
        )


def base_requirements(numpy: str | None = None) -> tuple[str, ...]:
    """What programs on a machine import, in this environment's versions; NumPy in `numpy` if given.

    Numba, llvmlite, NumPy, and SciPy, from which Numba takes its linear algebra. Raises
    Unavailable when the environment lacks one of them.
    """
    needed = map(_pinned, ("numba", "llvmlite", "scipy"))
    return (*needed, f"numpy=={numpy}" if numpy else _pinned("numpy"))


def build_requirements() -> tuple[str, ...]:
    """The rest of the `[build]` extra, in this environment's versions.

    Raises Unavailable when the environment lacks one of them.
    """
    project = tomllib.loads(_PYPROJECT.read_text(encoding="utf-8"))["project"]
    extra = project["optional-dependencies"]["build"]
    names = [re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in extra]
    return tuple(_pinned(name) for name in names if name != "numba")


def _pinned(name: str) -> str:
    try:
        return f"{name}=={version(name)}"
    except PackageNotFoundError:
        raise Unavailable(f"found no {name}: pip install 'packageimage[test]'") from None
