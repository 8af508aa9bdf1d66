"""`pkgimage explain PACKAGE`: which image would be used here, and why not the others."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ..model.errors import PackageImageError
from ..model.rejection import Rejection

HELP = "say which image of a package fits this session, and why the others do not"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("packages", nargs="+", metavar="PACKAGE", help="import name")
    parser.add_argument("--depot", action="append", default=[], help="folder of images")
    parser.add_argument("--path", action="append", default=[], help="folder to put on sys.path")


def run(args: argparse.Namespace) -> int:
    """Exit code 0 when each package has an image that fits, 1 when one has none."""
    from ..load.session import Session

    sys.path[:0] = [str(Path(path).absolute()) for path in args.path]
    depots = [Path(depot) for depot in args.depot] or None
    session = Session(os.environ, depots)
    if not session.depots:
        raise PackageImageError("expected a depot, found none: set PKGIMAGE_DEPOT_PATH")
    return max(_explain(session, package) for package in args.packages)


def _explain(session: object, package: str) -> int:
    from ..load.check import Candidate
    from ..load.session import Session

    assert isinstance(session, Session)
    verdicts = session.examine(package)
    if not verdicts:
        where = ", ".join(str(depot) for depot in session.depots)
        print(f"{package}: no image in {where}; build one with `pkgimage build {package}`")
        return 1
    fitting = [verdict for verdict in verdicts if isinstance(verdict, Candidate)]
    best = max(fitting, key=lambda candidate: candidate.rank) if fitting else None
    print(f"{package}: {len(verdicts)} image{'s' * (len(verdicts) != 1)}, {len(fitting)} fit")
    for verdict in verdicts:
        if isinstance(verdict, Rejection):
            print(f"- rejected: {verdict}")
            continue
        header = verdict.sidecar.header
        taken = "taken" if verdict is best else "fits, but another is better"
        print(f"- {taken}: {verdict.path}")
        print(f"  build id {header.build_id[:16]}, {header.methods} methods, {header.flags}")
        for line in verdict.selection.table().splitlines():
            print(f"  {line}")
        for omitted in header.omitted:
            print(f"  not in the image: {omitted.function}{omitted.signature}: {omitted.reason}")
    return 0 if fitting else 1
