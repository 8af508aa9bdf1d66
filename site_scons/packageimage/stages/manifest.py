"""A capture's manifest, as far as the stages after serialize read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packageimage.model.errors import PackageImageError

FORMAT = 3


@dataclass(frozen=True)
class Manifest:
    """id: the capture's. partitions: entry symbols of each. owners: the function an entry belongs
    to. fields: the JSON object itself. raw: the file's bytes."""

    package: str
    id: str
    partitions: tuple[tuple[str, ...], ...]
    owners: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    raw: bytes = b""

    @property
    def entries(self) -> tuple[str, ...]:
        """The entry symbols of all partitions."""
        return tuple(entry for entries in self.partitions for entry in entries)


def read_manifest(path: Path) -> Manifest:
    """Read the manifest, whole or reduced to one partition (the `entries` stage).

    Raises PackageImageError for a file that is no manifest of the known format.
    """
    raw = path.read_bytes()
    try:
        fields = json.loads(raw)
        if fields["format"] != FORMAT:
            raise PackageImageError(
                f"{path.name}: expected capture format {FORMAT}, found {fields['format']!r}; "
                "run the serialize stage again"
            )
        return Manifest(
            package=fields["package"],
            id=fields.get("id", ""),
            partitions=tuple(tuple(part["entries"]) for part in fields["partitions"]),
            owners=dict(fields.get("entry_owners", {})),
            fields=fields,
            raw=raw,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise PackageImageError(
            f"{path.name}: expected a capture's manifest, found {type(error).__name__}: "
            f"{error}; run the serialize stage again"
        ) from error
