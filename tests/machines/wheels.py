"""Wheels for this and other platforms, through pip as the user has set it up."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from .cache import run
from .versions import PYTHON

_QUIET = ("--quiet", "--disable-pip-version-check", "--no-input", "--only-binary=:all:")


def install_foreign(target: Path, requirements: Sequence[str], platforms: Sequence[str]) -> None:
    """Unpack exactly these wheels for one of `platforms` (wheel tags) into `target`."""
    run(
        [
            sys.executable, "-m", "pip", "install", *_QUIET, "--no-deps", "--no-compile",
            "--target", target, *_foreign(platforms), *requirements,
        ]
    )  # fmt: skip
    compile_bytecode(target)


def download_foreign(folder: Path, requirement: str, platforms: Sequence[str]) -> Path:
    """Fetch one wheel for one of `platforms` and return its path."""
    run(
        [
            sys.executable, "-m", "pip", "download", *_QUIET, "--no-deps", "--dest", folder,
            *_foreign(platforms), requirement,
        ]
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return wheel


def compile_bytecode(folder: Path) -> None:
    """Compile all modules with this Python, which has the machines' bytecode and far more speed.

    By content, not by time: files of wheels all have the time of their unpacking.
    """
    run(
        [
            sys.executable, "-m", "compileall", "-q", "-q", "-j0",
            "--invalidation-mode", "unchecked-hash", "-x", r"/(lib2to3|tests?)/", folder,
        ]
    )  # fmt: skip


def _foreign(platforms: Sequence[str]) -> list[str]:
    words = ["--implementation", "cp", "--python-version", "".join(map(str, PYTHON))]
    for platform in platforms:
        words += ["--platform", platform]
    return words
