"""Draw an image or a build as a page: one HTML file that needs nothing else and no network.

    pkgimage report kernels -o report.html
    pkgimage report build/kernels.pkgimage --bench bench.json

Shown are the bytes of each function by CPU target and of the data, what the image is made with,
the build's steps by stage and core (of a build's folder), and the times of `pkgimage bench --json`.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from ..depot import HEADER_SUFFIX
from ..inspect.facts import ImageFacts
from ..inspect.images import image_facts
from ..load.explain import image_beside
from ..model import header as headers
from ..model.errors import PackageImageError, one_line
from ..model.header import Header, HeaderError, Sidecar
from ..model.platform import PLATFORMS
from ..report.dependencies import graph_of
from ..report.page import ImagePart, Report, page
from ..report.sizes import size_tree
from ..report.symbols import code_symbols
from ..report.timeline import SUFFIX, Step, decode
from .images import depots_named, none_found, published, stem_of
from .output import add_json, document, size_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "image",
        metavar="IMAGE|BUILD_FOLDER",
        help="an image, a build's folder NAME.pkgimage, or a package in the depots",
    )
    parser.add_argument(
        "-o", "--output", default="report.html", metavar="FILE", help="default: report.html"
    )
    parser.add_argument(
        "--bench",
        action="append",
        default=[],
        metavar="FILE",
        help="what `pkgimage bench --json` printed",
    )
    parser.add_argument(
        "--depot", action="append", default=[], metavar="DIR", help="look here for images"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Raises PackageImageError for what cannot be read or written."""
    path = Path(args.image)
    steps: tuple[Step, ...] = ()
    owners: dict[str, str] = {}
    values: dict[str, int] = {}
    if path.is_dir():
        files, steps, owners, values = _build(path)
    elif path.is_file():
        files = [_library_of(path) if path.name.endswith(HEADER_SUFFIX) else path]
    else:
        files = _of_package(args.image, args.depot)
    depots = list(args.depot)
    if path.is_file() and not depots and len(path.absolute().parents) > 2:
        depots = [str(path.absolute().parents[2]), *_default_depots()]
    found = [_part(file, owners, values) for file in files]
    report = Report(
        title=found[0][1].package,
        images=tuple(part for part, _ in found),
        steps=steps,
        graph=graph_of(
            (_sidecar(file, header) for file, (_, header) in zip(files, found, strict=True)),
            _finder(depots),
        ),
        benches=tuple(map(_bench, args.bench)),
    )
    text = page(report)
    try:
        Path(args.output).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise PackageImageError(
            f"expected to write {one_line(args.output)}, found {error.strerror}; name another "
            "file with -o"
        ) from None
    if args.json:
        print(
            document(
                "report",
                output=args.output,
                package=report.title,
                images=[
                    {"file": str(file), "name": part.name, "sizes": part.tree.as_json()}
                    for file, part in zip(files, report.images, strict=True)
                ],
                steps=[step.as_dict() for step in steps],
            )
        )
    else:
        print(f"{args.output}: {size_text(len(text.encode('utf-8')))}")
    return 0


def _default_depots() -> list[str]:
    return [str(depot) for depot in depots_named((), os.environ)]


def _library_of(header: Path) -> Path:
    try:
        sidecar = headers.decode_sidecar(header.read_bytes())
    except (OSError, HeaderError) as error:
        raise PackageImageError(f"{one_line(header)}: expected a header, found {error}") from None
    return image_beside(header, sidecar.header.platform)


def _of_package(name: str, depots: list[str]) -> list[Path]:
    if not name.isidentifier():
        raise PackageImageError(
            f"expected an image, a build's folder or a package, found none called {one_line(name)}"
        )
    where = depots_named(depots, os.environ)
    found = [image for image in published(where, name) if image.sidecar]
    if not found:
        raise PackageImageError(none_found(name, where))
    return [
        image_beside(image.path, image.sidecar.header.platform) for image in found if image.sidecar
    ]


def _build(folder: Path) -> tuple[list[Path], tuple[Step, ...], dict[str, str], dict[str, int]]:
    """A build's images, its steps, the function of each entry, the bytes of each global."""
    suffixes = tuple({f".linked{p.image_suffix[9:]}" for p in PLATFORMS.values()})
    # A package's own folder, or what it lies in: a project's, or that of `pkgimage build`.
    for folders in ([folder], sorted(folder.glob("*.pkgimage"))):
        found = (file for each in folders for file in each.glob("*/*.linked.*"))
        files = sorted(file for file in found if file.name.endswith(suffixes))
        if files:
            break
    else:
        raise PackageImageError(
            f"{one_line(folder)}: expected a build's folder with linked images, found none; build "
            "first, or name an image"
        )
    steps: tuple[Step, ...] = ()
    for file in sorted(file for each in folders for file in each.glob(f"*{SUFFIX}")):
        steps += decode(_read(file), one_line(file))[1]
    owners: dict[str, str] = {}
    values: dict[str, int] = {}
    for file in sorted(file for each in folders for file in each.glob("*.capture.json")):
        try:
            said = json.loads(_read(file))
            owners |= {str(name): str(owner) for name, owner in said["entry_owners"].items()}
            values |= {str(name): int(size) for name, size in said.get("data_sizes", {}).items()}
        except (ValueError, LookupError, TypeError, AttributeError):
            continue  # then functions go by what their symbols say
    return files, steps, owners, values


def _part(file: Path, owners: dict[str, str], values: dict[str, int]) -> tuple[ImagePart, Header]:
    data = _read(file)
    facts = image_facts(data, one_line(file))
    if facts.header is None:
        raise PackageImageError(f"{one_line(file)}: {facts.table_problem}; build it again")
    try:
        header = headers.decode(facts.header)
    except HeaderError as error:
        raise PackageImageError(f"{one_line(file)}: {error}; build it again") from None
    targets = [target.spec for target in header.targets]
    tree = size_tree(header.package, facts, code_symbols(data, facts), targets, owners, values)
    name = f"{header.package} for {header.platform}"
    return ImagePart(name, tree, _facts(file, facts, header)), header


def _facts(file: Path, facts: ImageFacts, header: Header) -> tuple[tuple[str, str], ...]:
    return (
        ("size", size_text(facts.file_size)),
        ("methods", str(header.methods)),
        ("partitions", str(len(header.partitions))),
        ("not held", str(len(header.omitted))),
        ("CPU targets", "; ".join(target.spec for target in header.targets)),
        ("flags", str(header.flags)),
        ("base image", str(header.base)),
        ("build id", header.build_id),
        ("file", file.name),
    )


def _sidecar(file: Path, header: Header) -> Sidecar:
    """What lies beside the image; of a build, which has no such file yet, the header alone."""
    try:
        return headers.decode_sidecar(Path(stem_of(file) + HEADER_SUFFIX).read_bytes())
    except (OSError, HeaderError):
        return Sidecar(header, b"", 0, "0" * 64, ())


def _finder(depots: list[str]) -> Any:
    def find(package: str, capture: str) -> Sidecar | None:
        for image in published(depots_named(depots, os.environ), package):
            if image.sidecar and image.sidecar.header.capture == capture:
                return image.sidecar
        return None

    return find


def _bench(name: str) -> dict[str, Any]:
    wanted = "what `pkgimage bench --json` prints"
    try:
        said: dict[str, Any] = json.loads(_read(Path(name)))
        if said["command"] != "bench" or "error" in said:
            raise ValueError
        for side in said["sides"]:
            float(side["median"]), float(side["ratio"]), str(side["side"])
        for key in ("cpu", "cpus", "system", "numba"):
            said["machine"][key]
        said["compiled"]["image"], said["compiled"]["no cache"], said["workload"], said["package"]
        if not said["sides"]:
            raise ValueError
    except (ValueError, LookupError, TypeError):
        raise PackageImageError(
            f"{one_line(name)}: expected {wanted}, found another file"
        ) from None
    return said


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PackageImageError(
            f"{one_line(path)}: expected a file to read, found {error.strerror}"
        ) from None
