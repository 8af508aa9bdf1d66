"""Undo `pkgimage enable`: processes of this environment start as they did before."""

from __future__ import annotations

import argparse

from ..model.errors import PackageImageError
from .enable import pth_file
from .output import add_json, document


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which environment is not asked: it is that of the running interpreter."""
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Raises PackageImageError when the file can't be removed."""
    file = pth_file()
    try:
        file.unlink()
        was_on = True
    except FileNotFoundError:
        was_on = False
    except OSError as error:
        raise PackageImageError(
            f"expected to remove {file}, found {error.strerror}: remove it by hand"
        ) from None
    if args.json:
        print(document("disable", enabled=False, was_enabled=was_on, file=str(file)))
    elif was_on:
        print("package images are off in this environment")
    else:
        print("package images were not on in this environment")
    return 0
