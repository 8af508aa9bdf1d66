"""Run a program with package images, unchanged.

pkgimage run app.py ARGUMENTS
pkgimage run -m MODULE ARGUMENTS
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from pathlib import Path

from ..model.errors import PackageImageError

EXIT_CODES = {0: "the program's own code"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-m", "--module", action="store_true", help="PROGRAM is a module's name")
    parser.add_argument("program", help="file or, with -m, module to run")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the program's own")


def run(args: argparse.Namespace) -> int:
    """Raises PackageImageError when there is no such program; its own exceptions pass through."""
    from ..load.session import enable

    enable()
    sys.argv = [args.program, *args.arguments]
    if args.module:
        sys.path[0] = os.getcwd()
        runpy.run_module(args.program, run_name="__main__", alter_sys=True)
        return 0
    if not Path(args.program).exists():
        raise PackageImageError(
            f"expected a program to run, found no file {args.program}: check the name"
        )
    sys.path[0] = str(Path(args.program).resolve().parent)
    runpy.run_path(args.program, run_name="__main__")
    return 0
