"""Read images back and say whether all is as it was published.

IMAGE is an image or its header; of a PACKAGE all images in all depots are read. Looked at are the
checksums, the header inside and beside the library, and the rules that every linked image keeps
(`pkgimage inspect` shows the same image's contents). Images of any platform can be verified here.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from ..depot import HEADER_SUFFIX
from ..model.errors import PackageImageError, one_line
from ..model.header import HeaderError, decode_sidecar
from .images import depots_named, none_found, published, stem_of
from .inspect import report
from .output import Paint, add_json, document, size_text

EXIT_CODES = {0: "all are as they were published", 1: "something is wrong with one"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE|PACKAGE", help="a file, or a package in the depots"
    )
    parser.add_argument(
        "--depot",
        action="append",
        default=[],
        metavar="DIR",
        help="look here for packages; default: the depot path",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code 1 when something is wrong. Raises PackageImageError for what cannot be found."""
    headers: dict[Path, None] = {}
    for name in args.images:
        headers |= dict.fromkeys(_headers(name, args.depot))
    found = [_verified(header) for header in headers]
    bad = [each for each in found if each["problems"]]
    if args.json:
        print(document("verify", images=found))
    else:
        paint = Paint.of(os.environ)
        for each in found:
            print("\n".join(_text(each, paint)))
    return 1 if bad else 0


def _headers(name: str, depots: list[str]) -> list[Path]:
    path, beside = Path(name), Path(stem_of(name) + HEADER_SUFFIX)
    # A name without the suffix of a header or an image is taken for a header as it is.
    if stem_of(name) != name and (path.is_file() or beside.is_file()):
        return [beside]
    if path.is_file():
        return [path]
    if not name.isidentifier():
        raise PackageImageError(
            f"expected an image, a header or a package, found no file {one_line(name)}"
        )
    where = depots_named(depots, os.environ)
    found = [image.path for image in published(where, name)]
    if not found:
        raise PackageImageError(none_found(name, where))
    return found


def _verified(header: Path) -> dict[str, Any]:
    """The image that belongs to a header: its file, its size, and what is wrong with it."""
    from ..load.explain import image_beside

    result: dict[str, Any] = {"header": str(header), "image": None, "size": None, "problems": []}
    try:
        sidecar = decode_sidecar(header.read_bytes())
    except OSError as error:
        return result | {"problems": [f"header: expected one, found {_why(error)}"]}
    except HeaderError as error:
        return result | {"problems": [f"header: {error}"]}
    image = image_beside(header, sidecar.header.platform)
    result |= {"image": str(image), "size": sidecar.image_size}
    if not image.is_file():
        return result | {"problems": [f"image: expected {one_line(image)}, found none"]}
    try:
        _, findings = report(image)
    except PackageImageError as error:
        size = image.stat().st_size
        cut = f"contents: expected {sidecar.image_size} bytes, found {size}"
        problems = [cut] if size != sidecar.image_size else []
        return result | {"problems": [*problems, str(error)]}
    return result | {"problems": [str(finding) for finding in findings]}


def _why(error: OSError) -> str:
    return error.strerror or str(error)


def _text(found: dict[str, Any], paint: Paint) -> list[str]:
    name = one_line(found["image"] or found["header"])
    if not found["problems"]:
        return [f"{paint('ok', 'green')}   {name} ({size_text(found['size'])})"]
    return [
        f"{paint('bad', 'red', 'bold')}  {name}",
        *(f"       {one_line(problem)}" for problem in found["problems"]),
    ]
