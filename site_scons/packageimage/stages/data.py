"""Data: what all objects of an image share: slots, thunks, the exported table, blobs, header."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from packageimage.codegen.bindable import is_bindable, why_not
from packageimage.codegen.data_object import data_object, frame_bitcode, frame_methods
from packageimage.codegen.llvm import read_bitcode
from packageimage.codegen.module_summary import summarise
from packageimage.codegen.slots import CALL_PREFIX, clone_symbol, is_slot
from packageimage.codegen.thunks import (
    Table,
    called_names,
    provided_names,
    slot_names,
    thunk_object,
)
from packageimage.inspect.objects import undefined_symbols
from packageimage.inspect.references import referring_functions
from packageimage.model import header as headers
from packageimage.model.base_image import BaseImage
from packageimage.model.cpu_targets import parse_cpu_targets, target_records
from packageimage.model.errors import PackageImageError
from packageimage.model.flags import parse_flags
from packageimage.model.platform import Platform, platform_named

from .base_image import measure_base_image
from .manifest import Manifest, read_manifest
from .output import write_output

_NO_BUILD_ID = "0" * 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--capture", type=Path, required=True, help="the capture's manifest")
    parser.add_argument("--blob", type=Path, required=True, help="its method table")
    parser.add_argument("--bitcode", type=Path, nargs="+", default=[], help="all partitions")
    parser.add_argument("--platform", required=True, help="platform to emit for")
    parser.add_argument("--cpu-targets", required=True, help="the image's target string")
    parser.add_argument("--flags", default="", help="cache flags")
    parser.add_argument("--output", type=Path, required=True, help="FOLDER/NAME of the outputs")
    parser.add_argument(
        "objects",
        type=Path,
        nargs="*",
        metavar="OBJ",
        help="code objects",
    )


def run(args: argparse.Namespace) -> None:
    """Write NAME.thunks.o, NAME.data.o and NAME.header.

    Raises PackageImageError for a user's mistake: a name no loader can bind, with the function
    that uses it; parts that are not of one build.
    """
    platform = platform_named(args.platform)
    targets = parse_cpu_targets(args.cpu_targets, platform.arch)
    flags = parse_flags(args.flags)
    manifest = read_manifest(args.capture)
    captured = args.blob.read_bytes()
    bitcode = [path.read_bytes() for path in args.bitcode]
    objects = [path.read_bytes() for path in args.objects]
    n_partitions = len(manifest.partitions) if flags.native_code else 0
    _check_counts(manifest, len(bitcode), len(objects), n_partitions * len(targets))

    data_size = _data_size(manifest)
    slots = _slots(objects, manifest, bitcode, len(targets), platform, restores=data_size > 0)
    methods = frame_methods(captured, _environments(manifest), slots)
    framed = frame_bitcode(bitcode)
    draft = headers.Header(
        package=manifest.package,
        build_id=_NO_BUILD_ID,
        capture=manifest.id,
        base=_base_image(manifest.fields.get("base")),
        platform=platform.name,
        flags=flags,
        targets=target_records(targets),
        partitions=tuple(len(part) for part in manifest.partitions[:n_partitions]),
        slots=slots,
        **_described(manifest),
    )
    # The table holds the header's size and the header the hash of the table: a build id is as
    # long as its placeholder, so the size is known before.
    table = Table(
        n_targets=len(targets),
        n_partitions=n_partitions,
        header_size=len(headers.encode(draft)),
        methods_size=len(methods),
        bitcode_size=len(framed),
        data_size=data_size,
    )
    thunks = thunk_object(slots, table, platform)
    build_id = _build_id(
        [
            manifest.raw,
            captured,
            str(flags).encode(),
            platform.name.encode(),
            "\n".join(record.spec for record in draft.targets).encode(),
            thunks,
            *bitcode,
            *objects,
        ]
    )  # of the package's data, the manifest has the digest
    header = headers.encode(draft.replace(build_id=build_id))
    if len(header) != table.header_size:
        raise AssertionError("the header's size depends on its build id")
    data = data_object(header, methods, framed, platform)
    write_output(_named(args.output, ".thunks.o"), thunks)
    write_output(_named(args.output, ".data.o"), data)
    write_output(_named(args.output, ".header"), header)


def _data_size(manifest: Manifest) -> int:
    """Bytes of what restored modules hold. Raises PackageImageError."""
    try:
        return int(manifest.fields.get("data", {}).get("size", 0))
    except (AttributeError, TypeError, ValueError) as error:
        raise PackageImageError(
            f"capture's manifest: expected the size of the package's data, found {error}; run the "
            "serialize stage again"
        ) from error


def _environments(manifest: Manifest) -> list[str]:
    """The slots that the method table knows by their places. Raises PackageImageError."""
    found = manifest.fields.get("environments")
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise PackageImageError(
            f"capture's manifest: expected a list of environments, found {found!r}; run the "
            "serialize stage again"
        )
    return found


def _named(output: Path, suffix: str) -> Path:
    return output.with_name(output.name + suffix)


def _check_counts(manifest: Manifest, bitcode: int, objects: int, expected: int) -> None:
    partitions = len(manifest.partitions)
    if bitcode != partitions:
        raise PackageImageError(
            f"expected the bitcode of {partitions} partitions, found {bitcode} files; run the "
            "serialize stage again"
        )
    if objects != expected:
        raise PackageImageError(
            f"expected {expected} objects, one a partition and CPU target, found {objects}; run "
            "the codegen stage for each"
        )


def _slots(
    objects: Sequence[bytes],
    manifest: Manifest,
    bitcode: Sequence[bytes],
    n_targets: int,
    platform: Platform,
    *,
    restores: bool,
) -> tuple[str, ...]:
    """Names of all slots. Raises PackageImageError for one that no loader can bind."""
    here = {clone_symbol(entry, t) for entry in manifest.entries for t in range(n_targets)}
    here |= provided_names(platform)
    wanted: dict[str, list[bytes]] = {}
    for data in objects:
        for symbol in undefined_symbols(data):
            name = _c_name(symbol, platform).removeprefix(CALL_PREFIX)
            wanted.setdefault(name, []).append(data)
    called = called_names(platform, wanted, restores=restores)
    names = slot_names([*(name for name in wanted if name not in here), *called])
    for name in names:
        if not is_slot(name) and not is_bindable(name, platform.os):
            users = _users(name, wanted.get(name, []), manifest, bitcode, platform)
            raise PackageImageError(
                f"{', '.join(users) or 'the image'}: expected only calls that an image can "
                f"bind, found {name!r}: {why_not(name, platform.os)}; leave the function out of "
                "the image"
            )
    return names


def _c_name(symbol: str, platform: Platform) -> str:
    """A symbol as IR spells it: Mach-O puts an underscore before every name."""
    return symbol.removeprefix("_") if platform.object_format == "macho" else symbol


def _users(
    name: str,
    objects: Iterable[bytes],
    manifest: Manifest,
    bitcode: Sequence[bytes],
    platform: Platform,
) -> tuple[str, ...]:
    """The functions to blame for *name*, sorted.

    LLVM makes calls of its own that no IR shows, so the objects are asked first which symbol
    refers to it, then the IR which entries lead to that symbol.
    """
    symbols = {name}
    names = [name, CALL_PREFIX + name]
    if platform.object_format == "macho":
        names = [f"_{name}" for name in names]
    for data in objects:
        for own in names:
            for symbol in referring_functions(data, own):
                entry = _c_name(symbol, platform)
                symbols.add(entry.rpartition(".t")[0] or entry)
    found = {entry for entry in manifest.entries if entry in symbols}
    if not found:
        for index, part in enumerate(bitcode):
            summary = summarise(str(read_bitcode(part, f"bitcode of partition {index}")))
            for symbol in symbols:
                found.update(summary.users(symbol, manifest.partitions[index]))
    return tuple(sorted({manifest.owners.get(entry, entry) for entry in found}))


def _described(manifest: Manifest) -> dict[str, Any]:
    """The header's fields that the manifest says."""
    fields = manifest.fields
    try:
        return {
            "requires": tuple(
                headers.Require(row["package"], row["content"])
                for row in fields.get("requires", [])
            ),
            "preferences": tuple(sorted(fields.get("preferences", {}).items())),
            "methods": fields.get("methods", 0),
            "omitted": tuple(
                headers.Omitted(row["function"], row["signature"], row["reason"])
                for row in fields.get("omitted", [])
            ),
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise PackageImageError(
            f"capture's manifest: expected requires, preferences and omitted as the "
            f"serialize stage writes them, found {type(error).__name__}: {error}; run it again"
        ) from error


def _base_image(fields: Mapping[str, Any] | None) -> BaseImage:
    """The base image of the capture."""
    if fields is None:
        return measure_base_image()
    try:
        return BaseImage(**{name: value for name, value in fields.items() if name != "id"})
    except TypeError as error:
        raise PackageImageError(
            f"capture's manifest: expected a base image, found {error}; run the serialize stage "
            "again"
        ) from error


def _build_id(parts: Iterable[bytes]) -> str:
    """SHA-256 over the parts' contents, each with its length; no names, no paths."""
    digest = hashlib.sha256(b"pkgimage build\n")
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()
