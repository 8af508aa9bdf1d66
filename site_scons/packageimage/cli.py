"""The command `pkgimage`: one module under `commands` for each subcommand.

A subcommand's module has `add_arguments(parser)` and `run(args)`, which returns the exit code. Only
the one asked for is imported: `run` must start as quickly as the program it runs.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

from packageimage import __version__
from packageimage.model.errors import PackageImageError

COMMANDS = {
    "build": "build the images of packages",
    "run": "run a program with package images",
    "enable": "use package images in every process of this environment",
    "disable": "undo `pkgimage enable`",
    "inspect": "show what an image of any platform holds, and whether it keeps the rules",
    "doctor": "say what this machine can build and run, and what to install for the rest",
    "explain": "say which image of a package fits this session, and why the others do not",
}
USER_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; the exit code. 2 is a mistake of the user, said in one line."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] not in COMMANDS:
        return _general(words)
    name = words[0]
    command = importlib.import_module(f"packageimage.commands.{name}")
    parser = _Parser(prog=f"pkgimage {name}", description=command.__doc__, allow_abbrev=False)
    command.add_arguments(parser)
    # Options may stand among the names, but for those that belong to the program that is run.
    parse = parser.parse_args if name == "run" else parser.parse_intermixed_args
    args = parse(words[1:])
    try:
        return int(command.run(args) or 0)
    except PackageImageError as error:
        print(f"pkgimage: error: {error}", file=sys.stderr)
        return USER_ERROR


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as everything else here does."""

    def error(self, message: str) -> NoReturn:
        self.exit(USER_ERROR, f"pkgimage: error: {message}; see {self.prog} --help\n")


def _general(words: Sequence[str]) -> int:
    """What there is to say without a subcommand: help, the version, or what was expected."""
    parser = _Parser(prog="pkgimage", description="Package images for Numba packages.")
    parser.add_argument("--version", action="version", version=f"pkgimage {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary)
    parser.parse_args(words)  # prints and exits
    return USER_ERROR
