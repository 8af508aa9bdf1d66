"""The command `pkgimage`: one module under `commands` for each subcommand.

A subcommand's module has `add_arguments(parser)` and `run(args)`, which returns the exit code, and
`EXIT_CODES` when it has codes of its own. Only the one asked for is imported: `run` must start as
quickly as the program it runs.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from packageimage import __version__
from packageimage.model.errors import PackageImageError, one_line

# The summaries of all commands, in the order and under the titles of `pkgimage --help`.
GROUPS = {
    "Make images": {
        "build": "build the images of packages",
        "trace": "record what a program compiles, as a workload for `build`",
        "sign": "sign images, so that sessions can insist on who made them",
    },
    "Use them": {
        "run": "run a program with package images",
        "enable": "use package images in every process of this environment",
        "disable": "undo `pkgimage enable`",
    },
    "Look at them": {
        "list": "list the images in all depots, and which of them fit",
        "explain": "say of each image of a package which checks it passes, and what would help",
        "inspect": "show what an image of any platform holds, and whether it keeps the rules",
        "verify": "read images back and say whether all is as it was published",
        "report": "draw an image or a build as a page: sizes, times, dependencies",
        "bench": "measure what a package's image saves on this machine",
    },
    "Keep house": {
        "gc": "remove images that nobody uses",
        "doctor": "say what this machine can build and run, and what to install for the rest",
        "completion": "print the completion script of a shell",
    },
}
COMMANDS = {name: summary for group in GROUPS.values() for name, summary in group.items()}
DONE, FOUND_WRONG, USER_ERROR, INTERRUPTED, NO_READER = 0, 1, 2, 130, 141

# The rest of these commands' lines is another program's.
_TAKES_PROGRAM = frozenset({"run", "trace"})
_USUAL_CODES = {
    DONE: "done",
    USER_ERROR: "a mistake or a missing tool, said in one line on standard error",
    INTERRUPTED: "interrupted",
}
_EPILOG = """\
exit codes:
  0    done
  1    done, and something was found wrong: no image fits, one is damaged, a build step failed
  2    a mistake or a missing tool, said in one line on standard error
  130  interrupted
  `run` and `trace` end with the code of the program that they ran

environment:
  PKGIMAGE             yes, no, existing or strict: whether sessions use images
  PKGIMAGE_DEPOT_PATH  the folders of images
  PKGIMAGE_FLAGS       the flags that sessions ask for
  PKGIMAGE_LOG         loading: say each decision of a process as it falls
  NO_COLOR             no colour; FORCE_COLOR: colour without a terminal too

`pkgimage COMMAND --help` says more. With --json a command prints one JSON document.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; the exit code. 2 is a mistake of the user, said in one line."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["help"]:
        words = [*words[1:2], "--help"]
    if not words or words[0] not in COMMANDS:
        return _general(words)
    name = words[0]
    command = importlib.import_module(f"packageimage.commands.{name}")
    parser = parser_for(name, command)
    # Options may stand among the names, but for those that belong to the program that is run.
    parse = parser.parse_args if name in _TAKES_PROGRAM else parser.parse_intermixed_args
    args = parse(words[1:])
    try:
        code = int(command.run(args) or 0)
        sys.stdout.flush()
        return code
    except PackageImageError as error:
        print(f"pkgimage: error: {error}", file=sys.stderr)
        if getattr(args, "json", False):
            from packageimage.commands.output import document

            print(document(name, error=str(error)))
        return USER_ERROR
    except BrokenPipeError:
        if name in _TAKES_PROGRAM:
            raise
        # As `pkgimage list | head` has it: no more is wanted, and Python's exit must not write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER
    except KeyboardInterrupt:
        if name in _TAKES_PROGRAM:
            raise  # the program's own, with its traceback
        return INTERRUPTED


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as everything else here does."""

    def error(self, message: str) -> NoReturn:
        self.exit(USER_ERROR, f"pkgimage: error: {one_line(message)}; see {self.prog} --help\n")


def parser_for(name: str, command: Any) -> Parser:
    """The parser of one subcommand, whose module is `command`."""
    codes = {**_USUAL_CODES, **getattr(command, "EXIT_CODES", {})}
    shown = "\n".join(f"  {code:<4} {meaning}" for code, meaning in sorted(codes.items()))
    parser = Parser(
        prog=f"pkgimage {name}",
        description=command.__doc__,
        epilog=f"exit codes:\n{shown}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_arguments(parser)
    return parser


def _general(words: Sequence[str]) -> int:
    """What there is to say without a subcommand: help, the version, or what was expected."""
    from packageimage.commands.output import Paint

    parser = Parser(prog="pkgimage", add_help=False, allow_abbrev=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--version", action="version", version=f"pkgimage {__version__}")
    parser.add_argument("command", nargs="?")
    args, _ = parser.parse_known_args(words)
    if not args.help:
        found = f"{args.command!r}{_suggestion(args.command)}" if args.command else "none"
        parser.error(f"expected a command, found {found}")
    print(_help(Paint.of(os.environ)), end="")
    return DONE


def _suggestion(word: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, COMMANDS, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _help(paint: Any) -> str:
    width = max(map(len, COMMANDS))
    lines = ["usage: pkgimage COMMAND ...", "", "Package images for Numba packages.", ""]
    for title, commands in GROUPS.items():
        lines.append(paint(f"{title}:", "bold"))
        lines += [f"  {name:<{width}}  {summary}" for name, summary in commands.items()]
        lines.append("")
    lines += ["options:", "  -h, --help   show this", "  --version    show the version", ""]
    return "\n".join(lines) + "\n" + _EPILOG
