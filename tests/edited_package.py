"""A package that is edited while it is built and used, and whose answers tell which edit they are.

It has two modules, so that an edit of one of them must reach the code of the other. Whatever
becomes of its images, a program must see what plain Python shows: a value and the answers that
follow from it.
"""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = "changing"

_FIRST = """
from numba import njit
from .second import STEP, shifted

VERSION = {version}

@njit
def answer(x):
    return shifted(x) * VERSION + len("{padding}")
"""
_SECOND = """
from numba import njit

STEP = {version}

@njit
def shifted(x):
    return x + STEP
"""
WORKLOAD = f"import {PACKAGE}\n{PACKAGE}.answer(1)\n"

# Fails unless the answer is the one of the sources that this process has imported.
PROGRAM = f"""
import {PACKAGE}
from {PACKAGE} import second
step = second.STEP
version = {PACKAGE}.VERSION
found = {PACKAGE}.answer(10)
assert found == (10 + step) * version + version % 7, (found, version, step)
print(version, step)
"""
_FILES = {"first": ("__init__.py", _FIRST), "second": ("second.py", _SECOND)}


def write(folder: Path, version: int, *modules: str) -> None:
    """Bring modules (`first`, `second`, by default both) to a version, each in one step.

    Sizes differ from one version to the next: Python's own `.pyc` would miss an edit within the
    same second otherwise.
    """
    for module in modules or _FILES:
        name, text = _FILES[module]
        # As many letters as `answer` adds, and an equally long comment where there are none.
        padding = "x" * (version % 7)
        path = folder / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{name}.new")
        content = text.format(version=version, padding=padding)
        new.write_text(content + (f"# {padding}\n" if module == "second" else ""))
        os.replace(new, path)


def versions(folder: Path) -> tuple[int, int]:
    """What the files say now: VERSION and STEP."""
    return _number(folder, "__init__.py", "VERSION"), _number(folder, "second.py", "STEP")


def _number(folder: Path, file: str, name: str) -> int:
    text = (folder / PACKAGE / file).read_text()
    return int(text.partition(f"\n{name} = ")[2].partition("\n")[0])


def set_up(folder: Path, version: int = 1) -> Path:
    """Write the package to `folder`/src, the workload and the program beside it; the src folder."""
    write(folder / "src", version)
    (folder / "workload.py").write_text(WORKLOAD)
    (folder / "program.py").write_text(PROGRAM)
    return folder / "src"
