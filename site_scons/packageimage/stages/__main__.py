"""`python -m packageimage.stages STAGE ...`: run one stage and say a user's mistake in one line.

A stage is a module here with `add_arguments(parser)` and `run(args)`; only the one asked for is
imported, since some need LLVM and some must not.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from packageimage.model.errors import PackageImageError

STAGES = {
    "serialize": "run a package's workload and write its capture",
    "entries": "write each partition's part of the manifest",
    "codegen": "turn one partition's bitcode into an object for one CPU target",
    "data": "write the thunk and data objects and the header",
    "link": "run LLD",
    "verify": "check a linked image and publish it",
}
USER_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a stage; the exit code: 0, or 2 for a mistake of the user. Bugs keep their traceback."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] not in STAGES:
        parser = argparse.ArgumentParser(prog="packageimage.stages", description=__doc__)
        stages = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
        for name, summary in STAGES.items():
            stages.add_parser(name, help=summary)
        parser.parse_args(words)  # prints help or an error and exits
        return USER_ERROR
    name = words[0]
    stage = importlib.import_module(f"packageimage.stages.{name}")
    parser = argparse.ArgumentParser(
        prog=f"packageimage.stages {name}", description=STAGES[name], allow_abbrev=False
    )
    stage.add_arguments(parser)
    args = parser.parse_args(words[1:])
    try:
        stage.run(args)
    except PackageImageError as error:
        print(f"pkgimage: error: {error}", file=sys.stderr)
        return USER_ERROR
    except OSError as error:
        # A file that is not there or cannot be written is the user's or the machine's matter.
        if error.filename is None:
            raise
        print(f"pkgimage: error: {error.filename}: {error.strerror}", file=sys.stderr)
        return USER_ERROR
    return 0


if __name__ == "__main__":
    sys.exit(main())
