"""What an image or a header of any platform holds, read on any host."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

from ..depot import HEADER_SUFFIX
from ..inspect.facts import ImageFacts
from ..inspect.images import image_facts
from ..inspect.verify import Finding, verify
from ..model import header as headers
from ..model.errors import PackageImageError, one_line
from ..model.platform import Platform, platform_named
from .output import add_json, document

EXIT_CODES = {1: "an image breaks a rule"}
_MOST_NAMES = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="image or header")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code 1 when an image breaks a rule. Raises PackageImageError for a damaged file."""
    reports = [report(path) for path in args.files]
    if args.json:
        print(document("inspect", files=[_keys(said) for said, _ in reports]))
    else:
        print("\n\n".join(_text(said) for said, _ in reports))
    return 1 if any(findings for _, findings in reports) else 0


def report(path: Path) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """All that an image or a header says, and which rules it breaks.

    Raises PackageImageError for a damaged file.
    """
    data = _read(path)
    if path.name.endswith(HEADER_SUFFIX):
        return {"file": str(path), "header": _described(_sidecar(data, path).header)}, ()
    facts = image_facts(data, str(path))
    said: dict[str, Any] = {"file": str(path), "image": _image(facts)}
    if facts.header is None:
        return {**said, "problems": [facts.table_problem]}, (Finding("table", facts.table_problem),)
    try:
        header = headers.decode(facts.header)
    except headers.HeaderError as error:
        finding = Finding("header", str(error))
        return {**said, "problems": [str(finding)]}, (finding,)
    platform = platform_named(header.platform)
    beside = _beside(path, platform)
    encoded = facts.header if beside is None else headers.encode(beside.header)
    findings = verify(facts, encoded, platform)
    if beside is not None and (len(data), _sha256(data)) != (
        beside.image_size,
        beside.image_sha256,
    ):
        findings += (
            Finding("contents", "expected those that the header beside it states, found others"),
        )
    said["header"] = _described(header)
    said["problems"] = [str(finding) for finding in findings]
    return said, findings


def _beside(image: Path, platform: Platform) -> headers.Sidecar | None:
    """The header beside a published image; None where there is none."""
    suffix = platform.image_suffix
    beside = image.with_name(image.name.removesuffix(suffix) + HEADER_SUFFIX)
    if not image.name.endswith(suffix) or not beside.exists():
        return None
    return _sidecar(_read(beside), beside)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PackageImageError(
            f"{one_line(path)}: expected an image or a header, found {error.strerror}"
        ) from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sidecar(data: bytes, path: Path) -> headers.Sidecar:
    try:
        return headers.decode_sidecar(data)
    except headers.HeaderError as error:
        raise PackageImageError(f"{one_line(path)}: {error}; build the image again") from error


def _image(facts: ImageFacts) -> dict[str, Any]:
    return {
        "format": facts.object_format,
        "machine": facts.machine,
        "bytes": facts.file_size,
        "exports": list(facts.exports),
        "undefined": list(facts.undefined),
        "libraries": list(facts.libraries),
        "segments": [str(segment) for segment in facts.segments],
        "sections": {section.name: section.size for section in facts.sections if section.size},
        "table": {}
        if facts.table is None
        else {part.name: part.size for part in facts.table.parts},
    }


def _described(header: headers.Header) -> dict[str, Any]:
    return {
        "package": header.package,
        "platform": header.platform,
        "build id": header.build_id,
        "capture": header.capture,
        "base image": str(header.base),
        "flags": str(header.flags),
        "cpu targets": [target.spec for target in header.targets],
        "methods": header.methods,
        "slots": len(header.slots),
        "requires": [require.package for require in header.requires],
        "omitted": [f"{item.function}{item.signature}: {item.reason}" for item in header.omitted],
    }


def _keys(said: dict[str, Any]) -> dict[str, Any]:
    """The same for JSON: keys in one word."""
    return {
        name: {key.replace(" ", "_"): field for key, field in value.items()}
        if name == "header"
        else value
        for name, value in said.items()
    }


def _text(said: dict[str, Any]) -> str:
    lines = [said["file"]]
    for part in ("image", "header"):
        for name, value in said.get(part, {}).items():
            lines.append(f"  {name}: {_value(value)}")
    if "problems" in said:
        problems = said["problems"]
        lines.append("  keeps every rule" if not problems else f"  breaks {len(problems)} rules:")
        lines += [f"    {problem}" for problem in problems]
    return "\n".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        value = [f"{name} {size}" for name, size in value.items()]
    if isinstance(value, list):
        shown = ", ".join(map(str, value[:_MOST_NAMES])) or "none"
        rest = len(value) - _MOST_NAMES
        return f"{shown} and {rest} more" if rest > 0 else shown
    return str(value)
