"""Codegen: one partition's bitcode and one CPU target in, one object out."""

from __future__ import annotations

import argparse
from pathlib import Path

from packageimage.codegen.emit import emit_object
from packageimage.model.cpu_targets import parse_cpu_targets
from packageimage.model.errors import PackageImageError
from packageimage.model.flags import parse_flags
from packageimage.model.platform import platform_named

from .manifest import read_manifest
from .output import write_output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--capture", type=Path, required=True, help="the capture's manifest")
    parser.add_argument("--bitcode", type=Path, required=True, help="the partition's bitcode")
    parser.add_argument("--partition", type=int, required=True, help="its index, from 0")
    parser.add_argument("--platform", required=True, help="platform to emit for")
    parser.add_argument("--cpu-targets", required=True, help="the image's target string")
    parser.add_argument("--target-index", type=int, required=True, help="which of them, from 0")
    parser.add_argument("--flags", default="", help="cache flags")
    parser.add_argument("--output", type=Path, required=True, help="the object")


def run(args: argparse.Namespace) -> None:
    """Raises PackageImageError for a user's mistake; nothing is written then."""
    platform = platform_named(args.platform)
    targets = parse_cpu_targets(args.cpu_targets, platform.arch)
    if not 0 <= args.target_index < len(targets):
        raise PackageImageError(
            f"expected a target index from 0 to {len(targets) - 1}, found {args.target_index}; "
            "the target string and the index must be of one build"
        )
    manifest = read_manifest(args.capture)
    if not 0 <= args.partition < len(manifest.partitions):
        raise PackageImageError(
            f"expected a partition from 0 to {len(manifest.partitions) - 1}, found "
            f"{args.partition}; run the serialize stage again"
        )
    data = emit_object(
        args.bitcode.read_bytes(),
        manifest.partitions[args.partition],
        args.partition,
        args.target_index,
        targets,
        platform,
        parse_flags(args.flags),
        manifest.owners,
    )
    write_output(args.output, data)
