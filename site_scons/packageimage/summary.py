"""What a build did for each image, as lines of text. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

OUTCOMES = ("run", "skipped", "cached", "failed")


@dataclass(frozen=True)
class Step:
    """One run of a stage. outcome: one of OUTCOMES, or empty when the build did not come to it."""

    stage: str
    outcome: str
    seconds: float


@dataclass(frozen=True)
class ImageSummary:
    """name: package and platform. targets: CPU targets, each with the number of entries (a
    function has one for each of its wrappers too) that have code for it. What is not known is
    None. Sizes in bytes."""

    name: str
    flags: str
    targets: tuple[tuple[str, int | None], ...]
    steps: tuple[Step, ...]
    functions: int | None
    image_size: int | None
    header_size: int | None


def summary(images: Iterable[ImageSummary]) -> list[str]:
    """The lines for all images; none for those that the build did not come to."""
    return [
        line
        for image in images
        if any(step.outcome for step in image.steps)
        for line in _lines(image)
    ]


def _lines(image: ImageSummary) -> list[str]:
    rows = [["stage", *OUTCOMES, "seconds"]]
    for stage in dict.fromkeys(step.stage for step in image.steps):
        rows.append(_row(stage, [step for step in image.steps if step.stage == stage]))
    rows.append(_row("all", image.steps))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    clones = ", ".join(f"{name} {_number(count)}" for name, count in image.targets)
    return [
        f"{image.name}, {image.flags}",
        *("  " + _aligned(row, widths) for row in rows),
        f"  functions {_number(image.functions)}; entries compiled: {clones or 'none'}",
        f"  image {_number(image.image_size)} bytes, header {_number(image.header_size)} bytes",
    ]


def _row(name: str, steps: Sequence[Step]) -> list[str]:
    counts = [sum(step.outcome == outcome for step in steps) for outcome in OUTCOMES]
    return [name, *map(str, counts), f"{sum(step.seconds for step in steps):.2f}"]


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = row
    numbers = (text.rjust(width) for text, width in zip(rest, widths[1:], strict=True))
    return "  ".join([first.ljust(widths[0]), *numbers])


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"
