"""Verify: read the linked image back, and publish it when it keeps every rule."""

from __future__ import annotations

import argparse
import json
import mmap
import os
import sys
from pathlib import Path
from typing import Any

from packageimage.inspect.images import image_facts
from packageimage.inspect.verify import verify
from packageimage.model import header as headers
from packageimage.model.errors import PackageImageError, one_line
from packageimage.model.platform import platform_named
from packageimage.publishing import publish_alone

from .debug_symbols import write_bundle
from .digest import checked_sha256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--header", type=Path, required=True, help="the encoded header")
    parser.add_argument("--image", type=Path, required=True, help="the linked library")
    parser.add_argument("--digest", type=Path, help="the library's, of when it was linked")
    parser.add_argument("--includes", type=Path, help="the capture's includes")
    parser.add_argument("--platform", required=True, help="platform it was built for")
    parser.add_argument("--output-image", type=Path, required=True, help="the published library")
    parser.add_argument("--output-header", type=Path, required=True, help="the published header")


def read_includes(path: Path) -> tuple[headers.Include, ...]:
    """The sources that the serialize stage lists. PackageImageError for anything else."""
    try:
        rows = json.loads(path.read_bytes())["includes"]
        return tuple(
            headers.Include(row["root"], row["path"], row["size"], row["sha256"]) for row in rows
        )
    except (ValueError, KeyError, TypeError) as error:
        raise PackageImageError(
            f"{one_line(path)}: expected includes as the serialize stage writes them, found "
            f"{type(error).__name__}: {error}; run it again"
        ) from None


def _mapped(path: Path) -> bytes | mmap.mmap:
    """A file's bytes, which may be more than the memory holds."""
    with open(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return b""  # nothing can't be mapped
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _identity(path: Path) -> tuple[int, ...] | None:
    """Tells a file from one that takes its place; not its time of change, which a link sets too."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _not_older(path: Path, inputs: list[Path]) -> None:
    """Give a file that is older than its inputs the time of now: ninja goes by times."""
    if path.stat().st_mtime_ns < max(each.stat().st_mtime_ns for each in inputs):
        os.utime(path)


def run(args: argparse.Namespace) -> None:
    """Publish the image and its header, or nothing.

    Raises PackageImageError for a damaged header or image, when the image breaks a rule (each one
    is a line on stderr before) and when it cannot be published.
    """
    platform = platform_named(args.platform)
    inputs = [args.header, args.image, *filter(None, [args.includes])]
    before = list(map(_identity, inputs))
    header = args.header.read_bytes()
    image: Any = _mapped(args.image)
    try:
        described = headers.decode(header)
    except headers.HeaderError as error:
        raise PackageImageError(f"{one_line(args.header)}: {error}; build it again") from None
    if described.platform != platform.name:
        raise PackageImageError(
            f"{one_line(args.header)}: expected a header for {platform}, found one for "
            f"{one_line(described.platform)}; build both from one capture"
        )
    findings = verify(image_facts(image, str(args.image)), header, platform)
    for finding in findings:
        print(f"pkgimage: {one_line(args.image)}: {finding}", file=sys.stderr)
    if findings:
        raise PackageImageError(
            f"{one_line(args.image)} must keep every rule for images, found {len(findings)} "
            f"broken ({', '.join(dict.fromkeys(finding.rule for finding in findings))}); "
            "nothing was published"
        )
    includes = read_includes(args.includes) if args.includes else ()
    digest = checked_sha256(image, args.image, args.digest)
    sidecar = headers.encode_sidecar(header, len(image), digest, includes)
    about = f"{described.package} for {platform}"

    def check() -> None:
        # By now a stage of a build that was killed may have come to its end, after another build.
        for path, identity in zip(inputs, before, strict=True):
            if _identity(path) != identity:
                raise PackageImageError(
                    f"{one_line(path)}: expected the file that was verified, found that another "
                    "build has replaced it; nothing was published"
                )

    published = publish_alone(
        args.image, sidecar, args.output_image, args.output_header, about, check
    )
    if os.path.samefile(args.image, published):
        _not_older(published, [path for path in inputs if path != args.image])
    if platform.object_format == "macho" and described.flags.debug_level > 0:
        write_bundle(published, os.environ)
