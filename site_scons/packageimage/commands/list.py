"""List the images in all depots: what each is for, its size, and whether it fits a session here.

Whether it fits is by platform, base image, flags, CPU targets and the library's size. Sources and
checksums are not looked at: `pkgimage explain PACKAGE` does that.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from ..load import check
from ..load.explain import FAILED, quick_checks
from ..model.errors import one_line
from .images import Published, depots_named, none_found, published, session_here
from .output import Paint, add_json, document, size_text, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help="these alone; default: all")
    parser.add_argument(
        "--depot",
        action="append",
        default=[],
        metavar="DIR",
        help="look here; default: the depot path",
    )
    parser.add_argument("--fitting", action="store_true", help="only those that fit")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code 0, also when there is none. Raises PackageImageError when there is no depot."""
    depots = depots_named(args.depot, os.environ)
    session = session_here(os.environ)
    wanted = set(args.packages)
    rows = [
        _row(image, session) for image in published(depots) if not wanted or image.package in wanted
    ]
    if args.fitting:
        rows = [row for row in rows if row["fits"]]
    if args.json:
        print(document("list", depots=[str(depot) for depot in depots], images=rows))
    elif rows:
        print("\n".join(_text(rows, Paint.of(os.environ))))
        if isinstance(session, str):
            print(f"Which of them fit is not known: {session}.")
    else:
        print(none_found(args.packages[0] if len(wanted) == 1 else "", depots))
    return 0


def _row(image: Published, session: check.Session | str) -> dict[str, Any]:
    """One image for JSON; keys of what an unreadable header does not say are null."""
    row: dict[str, Any] = {
        "package": image.package,
        "depot": str(image.depot),
        "header": str(image.path),
        "platform": None,
        "cpu_targets": None,
        "flags": None,
        "size": None,
        "methods": None,
        "build_id": None,
        "fits": False,
        "why": f"header: {image.problem}",
    }
    if image.sidecar is None:
        return row
    header = image.sidecar.header
    row |= {
        "platform": header.platform,
        "cpu_targets": [target.spec for target in header.targets],
        "flags": str(header.flags),
        "size": image.sidecar.image_size,
        "methods": header.methods,
        "build_id": header.build_id,
    }
    if isinstance(session, str):
        return row | {"fits": None, "why": session}
    checks = quick_checks(image.path, image.sidecar, session)
    failed = [each for each in checks if each.outcome == FAILED]
    why = [f"{e.kind.value}: expected {e.expected}, found {e.found}" for e in failed]
    return row | {"fits": not failed, "why": one_line("; ".join(why))}


def _text(rows: list[dict[str, Any]], paint: Paint) -> list[str]:
    titles = ["package", "platform", "CPU targets", "flags", "size", "methods", "fits"]
    lines = []
    for depot in dict.fromkeys(row["depot"] for row in rows):
        here = [row for row in rows if row["depot"] == depot]
        cells = [titles, *map(_cells, here)]
        head, *rest = table(cells, frozenset({4, 5}))
        lines += ["", paint(one_line(depot), "bold"), f"  {paint(head, 'dim')}"]
        for row, line in zip(here, rest, strict=True):
            start = line[: line.rindex(_fits(row))]
            lines.append(f"  {start}{paint(_fits(row), 'green' if row['fits'] else 'yellow')}")
    return lines[1:]


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        row["package"],
        row["platform"] or "?",
        ";".join(row["cpu_targets"] or ["?"]),
        _unusual(row["flags"]),
        "?" if row["size"] is None else size_text(row["size"]),
        "?" if row["methods"] is None else str(row["methods"]),
        _fits(row),
    ]


def _fits(row: dict[str, Any]) -> str:
    if row["fits"] is None:
        return "?"
    reasons = [part.partition(":")[0] for part in row["why"].split("; ")]
    return "yes" if row["fits"] else f"no: {reasons[0]}"


def _unusual(flags: str | None) -> str:
    """The flags that are not at their default: of the others there is nothing to tell."""
    from ..recipe import flags_slug

    return "?" if flags is None else flags_slug(flags).replace("+", ",") or "default"
