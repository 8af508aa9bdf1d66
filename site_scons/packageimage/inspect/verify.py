"""The rules that every image keeps before it is published (design.md D1 and section 5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from packageimage.inspect.facts import ImageFacts
from packageimage.inspect.table import TABLE_SYMBOL
from packageimage.model.errors import one_line
from packageimage.model.platform import Platform


@dataclass(frozen=True)
class Finding:
    """A rule that an image breaks: what was expected and what was found, in one line."""

    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}"


def verify(facts: ImageFacts, header: bytes, platform: Platform) -> tuple[Finding, ...]:
    """The rules that the image breaks; none for one that may be published.

    header: the encoded header that goes beside the image. Pure; the order is fixed.
    """
    return tuple(_findings(facts, header, platform))


def _findings(facts: ImageFacts, header: bytes, platform: Platform) -> Iterator[Finding]:
    wanted = (platform.object_format, platform.arch)
    if (facts.object_format, facts.machine) != wanted:
        yield Finding(
            "machine",
            f"expected {' '.join(wanted)} for {platform}, "
            f"found {facts.object_format} {one_line(facts.machine)}",
        )
    if not facts.shared_library:
        yield Finding("shared library", "expected a shared library, found another kind of file")
    if facts.exports != (TABLE_SYMBOL,):
        yield Finding(
            "exports", f"expected the one name {TABLE_SYMBOL}, found {_names(facts.exports)}"
        )
    if facts.undefined:
        yield Finding(
            "undefined symbols",
            f"expected none, since every name is a slot, found {_names(facts.undefined)}",
        )
    if facts.libraries:
        yield Finding("needed libraries", f"expected none, found {_names(facts.libraries)}")
    if facts.bindings:
        yield Finding(
            "bindings",
            "expected relocations by the load address alone, found relocations of "
            f"{_names(facts.bindings)}",
        )
    if facts.initialisers:
        yield Finding(
            "initialisers",
            f"expected no code that runs on loading, before the slots are filled, found "
            f"{_names(facts.initialisers)}",
        )
    for segment in facts.segments:
        if segment.writable and segment.executable:
            yield Finding("segments", f"writable and executable at once: {segment}")
    if facts.text_relocations:
        yield Finding(
            "text relocations", "expected none, found some in pages that are not writable"
        )
    if facts.executable_stack:
        yield Finding("stack", "expected one that is not executable, found that it asks for one")
    yield from _table_findings(facts)
    if facts.header is not None and facts.header != header:
        yield Finding("header", _difference(facts.header, header))


def _table_findings(facts: ImageFacts) -> Iterator[Finding]:
    if facts.table_problem:
        yield Finding("table", one_line(facts.table_problem))
    if facts.table is None:
        return
    for part in facts.table.parts:
        place = f"{part.name}, {part.size} bytes at {part.address:#x},"
        if part.size and not part.inside:
            yield Finding("table", f"{place} must lie in the image and do not")
        elif part.size and part.name == "slots" and not part.writable:
            yield Finding("table", f"{place} must stay writable for the loader and do not")


def _names(names: tuple[str, ...], most: int = 5) -> str:
    """`names` for a message, not more of them than can be read."""
    if not names:
        return "none"
    shown = ", ".join(one_line(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _difference(embedded: bytes, beside: bytes) -> str:
    expected = f"expected the one beside the image ({len(beside)} bytes)"
    if len(embedded) != len(beside):
        return f"{expected}, found one of {len(embedded)} bytes"
    position = next(
        number for number, pair in enumerate(zip(embedded, beside, strict=True)) if len({*pair}) > 1
    )
    return f"{expected}, found one that differs from byte {position} on"
