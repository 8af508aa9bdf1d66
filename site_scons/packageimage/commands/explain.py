"""Say of each image of a package which checks it passes here, and what would make it fit.

Every image in every depot is looked at, and every check is made that can be, not just those up to
the first that fails. A session takes the best of the images that fit.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
from pathlib import Path
from typing import Any

from ..load import check
from ..load.explain import FAILED, OK, Explained, explain
from ..model.errors import one_line
from ..model.rejection import Rejection
from .images import depots_named, none_found, published, stem_of
from .output import Paint, add_json, document

EXIT_CODES = {0: "each package has an image that fits", 1: "a package has none"}
_STYLE = {OK: "green", FAILED: "red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("packages", nargs="+", metavar="PACKAGE", help="import name")
    parser.add_argument(
        "--depot", action="append", default=[], metavar="DIR", help="look here for images"
    )
    parser.add_argument(
        "--path", action="append", default=[], metavar="DIR", help="look here for packages as well"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 when each package has an image that fits, 1 when one has none."""
    from ..load.session import Session

    sys.path[:0] = [str(Path(path).absolute()) for path in args.path]
    depots = depots_named(args.depot, os.environ)
    session = Session(os.environ, depots)
    found = {package: _explained(session, depots, package) for package in args.packages}
    if args.json:
        packages = [_described(package, images) for package, images in found.items()]
        print(document("explain", depots=[str(depot) for depot in depots], packages=packages))
    else:
        paint = Paint.of(os.environ)
        texts = [
            "\n".join(_text(package, images, paint)) if images else none_found(package, depots)
            for package, images in found.items()
        ]
        print("\n\n".join(texts))
    return 0 if all(_best(images) for images in found.values()) else 1


def _explained(session: Any, depots: tuple[Path, ...], package: str) -> list[Explained]:
    verdicts = {}
    for verdict in session.examine(package):
        path = verdict.image if isinstance(verdict, Rejection) else verdict.path
        verdicts[stem_of(path)] = verdict
    images = [image for image in published(depots, package) if stem_of(image.path) in verdicts]
    try:
        here = session.examination.check_session
    except Exception:  # the verdicts say what this process lacks
        return [_by_verdict(image.path, verdicts[stem_of(image.path)]) for image in images]

    @functools.cache
    def headers_of(required: str) -> list[Path]:
        return [image.path for image in published(depots, required)]

    root_of = functools.cache(check.import_root)
    return [
        explain(image.path, here, verdicts[stem_of(image.path)], root_of, headers_of)
        for image in images
    ]


def _by_verdict(path: Path, verdict: check.Candidate | Rejection) -> Explained:
    from ..load.explain import with_verdict

    return with_verdict(Explained(path, None, (), None, verdict))


def _best(images: list[Explained]) -> Explained | None:
    """The image that a session takes: of equals the one in the nearer depot, as `max` does."""
    fitting = [image for image in images if isinstance(image.verdict, check.Candidate)]
    return max(fitting, key=_rank) if fitting else None


def _rank(image: Explained) -> Any:
    assert isinstance(image.verdict, check.Candidate)
    return image.verdict.rank


def _described(package: str, images: list[Explained]) -> dict[str, Any]:
    best = _best(images)
    return {
        "package": package,
        "fits": best is not None,
        "images": [
            {
                "header": str(image.path),
                "platform": image.sidecar and image.sidecar.header.platform,
                "build_id": image.sidecar and image.sidecar.header.build_id,
                "flags": image.sidecar and str(image.sidecar.header.flags),
                "methods": image.sidecar and image.sidecar.header.methods,
                "fits": image.fits,
                "taken": image is best,
                "checks": [{**each.as_dict(), "kind": each.kind.value} for each in image.checks],
                "cpu_targets": [
                    {
                        "target": row.spec,
                        "usable": row.usable,
                        "chosen": row.chosen,
                        "why": row.why,
                        "missing": list(row.missing),
                    }
                    for row in (image.selection.rows if image.selection else ())
                ],
                "advice": list(image.advice),
                "omitted": [
                    omitted.as_dict()
                    for omitted in (image.sidecar.header.omitted if image.sidecar else ())
                ],
            }
            for image in images
        ],
    }


def _text(package: str, images: list[Explained], paint: Paint) -> list[str]:
    best = _best(images)
    fitting = sum(image.fits for image in images)
    count = f"{len(images)} image{'s' * (len(images) != 1)}"
    lines = [paint(f"{package}: {count}, {fitting} fit{'s' * (fitting == 1)}", "bold")]
    for image in images:
        if image is best:
            said = paint("taken", "green", "bold")
        elif image.fits:
            said = paint("fits, but another is better", "green")
        else:
            assert isinstance(image.verdict, Rejection)
            reason = f"{package}: {image.verdict.kind.value}"
            said = f"{paint('rejected', 'red', 'bold')}: {reason}"
        lines.append(f"- {said}: {one_line(image.path)}")
        header = image.sidecar and image.sidecar.header
        if header:
            lines.append(f"  build id {header.build_id[:16]}, {header.methods} methods")
        width = max(len(each.kind.value) for each in image.checks)
        for each in image.checks:
            mark = paint(f"{each.outcome:<11}", _STYLE.get(each.outcome, "dim"))
            shown = each.found
            if each.outcome == FAILED and each.expected:
                shown = f"expected {each.expected}; found {each.found}"
            lines.append(f"  {mark}  {each.kind.value:<{width}}  {one_line(shown)}".rstrip())
        if image.selection and len(image.selection.rows) > 1:
            lines += [f"    {line}" for line in image.selection.table().splitlines()]
        lines += [f"  to make it fit: {one_line(advice)}" for advice in image.advice]
        for omitted in header.omitted if header else ():
            text = f"{omitted.function}{omitted.signature}: {omitted.reason}"
            lines.append(f"  not in the image: {one_line(text)}")
    return lines
