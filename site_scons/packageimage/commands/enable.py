"""Use package images in every process of this Python environment.

A file in its site-packages does so; `pkgimage disable` removes it.
"""

from __future__ import annotations

import argparse
import os
import sysconfig
from pathlib import Path

from ..model.errors import PackageImageError
from .output import add_json, document

PTH_NAME = "packageimage-enable.pth"
# One line, as site.py wants it. Uninstalling packageimage must not leave an environment in which
# every process prints an import error.
PTH_TEXT = (
    "import sys; exec('try:\\n    import packageimage.load.startup\\n"
    "except ModuleNotFoundError:\\n    pass')\n"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which environment is not asked: it is that of the running interpreter."""
    add_json(parser)


def pth_file() -> Path:
    """The file that site.py reads at start, in this environment's site-packages."""
    return Path(sysconfig.get_path("purelib")) / PTH_NAME


def run(args: argparse.Namespace) -> int:
    """Raises PackageImageError when site-packages can't be written."""
    file = pth_file()
    temporary = file.with_name(f".{PTH_NAME}.{os.getpid()}.tmp")
    try:
        temporary.write_text(PTH_TEXT, encoding="ascii")
        os.replace(temporary, file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise PackageImageError(
            f"expected to write {file}, found {error.strerror}: use an environment of your own, "
            "or run programs with `pkgimage run`"
        ) from None
    if args.json:
        print(document("enable", enabled=True, file=str(file)))
        return 0
    print(f"package images are on in this environment ({file}); undo with `pkgimage disable`")
    return 0
