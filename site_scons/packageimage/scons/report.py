"""What the build tells while it works and when it has ended: progress and the summary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Image:
    package: str
    platform: str
    targets: str
    flags: str
    tasks: tuple[Any, ...]
    manifest: str
    objects: tuple[str, ...]
    published: tuple[str, ...]


def add_report(env: Any) -> None:
    pass


def image(image: Image) -> None:
    pass


def started(task: Any) -> None:
    pass


def ended(task: Any) -> None:
    pass


def visited(task: Any) -> None:
    pass
