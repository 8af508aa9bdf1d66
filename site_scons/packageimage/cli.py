"""The command `pkgimage`: one module under `commands` for each subcommand.

A subcommand's module has `add_arguments(parser)` and `run(args)`, which returns the exit code. Only
the one asked for is imported: `run` must start as quickly as the program it runs.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from packageimage import __version__
from packageimage.model.errors import PackageImageError

COMMANDS = {
    "build": "build the images of packages",
}
USER_ERROR = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; the exit code. 2 is a mistake of the user, said in one line."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] not in COMMANDS:
        return _general(words)
    name = words[0]
    command = importlib.import_module(f"packageimage.commands.{name}")
    parser = argparse.ArgumentParser(
        prog=f"pkgimage {name}", description=command.__doc__, allow_abbrev=False
    )
    command.add_arguments(parser)
    args = parser.parse_args(words[1:])
    try:
        return int(command.run(args))
    except PackageImageError as error:
        print(f"pkgimage: error: {error}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED


def _general(words: Sequence[str]) -> int:
    """What there is to say without a subcommand: help, the version, or what was expected."""
    parser = argparse.ArgumentParser(prog="pkgimage", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"pkgimage {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary)
    parser.parse_args(words)  # prints and exits
    return USER_ERROR
