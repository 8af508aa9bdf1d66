"""`pkgimage disable`: undo `pkgimage enable`."""

from __future__ import annotations

import argparse

from ..model.errors import PackageImageError
from .enable import pth_file

HELP = "undo `pkgimage enable`"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments: the environment is that of the running interpreter."""


def run(args: argparse.Namespace) -> int:
    """Raises PackageImageError when the file can't be removed."""
    file = pth_file()
    try:
        file.unlink()
    except FileNotFoundError:
        print("package images were not on in this environment")
        return 0
    except OSError as error:
        raise PackageImageError(
            f"expected to remove {file}, found {error.strerror}: remove it by hand"
        ) from None
    print("package images are off in this environment")
    return 0
