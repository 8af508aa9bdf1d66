"""What a capture keeps for the next one of the same package: each method, and its code.

One zip file beside the capture, written whole or not at all. It is a cache: a store that is absent,
damaged or of another tool chain is the same as none.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .captured import Blobs, CapturedMethod, Omission, Origin, with_blobs

FORMAT = 2
_BYTES = ("blobs", "libraries", "partitions")


@dataclass(frozen=True)
class SourceParts:
    """What `origins.Sources` said of modules. own: as it was made with. compiled_in: by module, the
    functions whose bodies are no part. parts: the digest of each module that decided code.
    extensions: the modules that extend the compiler, and what they import.
    """

    own: tuple[str, ...] = ()
    compiled_in: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stored:
    """fingerprint: of all that decides code besides the sources: versions, flags, our own code.
    settings: a digest of what the package may have set besides: Numba's configuration, declared
    data files. sources: see `SourceParts`. methods by key; libraries: canonical bitcode by content
    hash; partitions: by `Partition.digest`. compiled: which methods the capture that wrote it
    compiled anew, for people and tests.
    """

    fingerprint: str
    settings: str
    sources: SourceParts
    methods: Mapping[str, CapturedMethod]
    libraries: Mapping[str, bytes]
    partitions: Mapping[str, bytes]
    compiled: tuple[str, ...] = ()


def write(path: Path, stored: Stored) -> None:
    """Write the store. Raises OSError; nothing is left then."""
    blobs = Blobs()
    methods = {}
    for key, method in sorted(stored.methods.items()):
        renumber = {at: blobs.add(blob) for at, blob in enumerate(method.blobs)}
        fields = asdict(method) | {"row": with_blobs(method.row, renumber)}
        del fields["key"], fields["blobs"]
        methods[key] = fields
    index = {
        "format": FORMAT,
        "fingerprint": stored.fingerprint,
        "settings": stored.settings,
        "sources": asdict(stored.sources),
        "methods": methods,
        "libraries": {key: len(data) for key, data in sorted(stored.libraries.items())},
        "partitions": {key: len(data) for key, data in sorted(stored.partitions.items())},
        "compiled": stored.compiled,
        "blobs": [len(blob) for blob in blobs.items],
    }
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
            file.writestr("index.json", json.dumps(index))
            file.writestr("blobs", b"".join(blobs.items))
            for name in ("libraries", "partitions"):
                parts = getattr(stored, name)
                file.writestr(name, b"".join(parts[key] for key in sorted(parts)))
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read(path: Path, fingerprint: str) -> Stored | None:
    """The store at `path`, None when there is none for this fingerprint."""
    try:
        with zipfile.ZipFile(path) as file:
            index = json.loads(file.read("index.json"))
            if (index["format"], index["fingerprint"]) != (FORMAT, fingerprint):
                return None
            data = {name: file.read(name) for name in _BYTES}
        blobs = _cut(data["blobs"], index["blobs"])
        return Stored(
            fingerprint=fingerprint,
            settings=index["settings"],
            sources=SourceParts(
                own=tuple(index["sources"]["own"]),
                compiled_in={k: tuple(v) for k, v in index["sources"]["compiled_in"].items()},
                parts=index["sources"]["parts"],
                extensions=tuple(index["sources"]["extensions"]),
            ),
            methods={key: _method(key, row, blobs) for key, row in index["methods"].items()},
            libraries=_named(data["libraries"], index["libraries"]),
            partitions=_named(data["partitions"], index["partitions"]),
            compiled=tuple(index["compiled"]),
        )
    except (
        OSError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        zipfile.BadZipFile,
        zlib.error,
    ):
        return None


def _method(key: str, fields: dict[str, Any], blobs: list[bytes]) -> CapturedMethod:
    row = fields.pop("row")
    used = sorted({row["return"], *(e[2] for e in row["environments"] if e[2] is not None)})
    return CapturedMethod(
        key=key,
        shown=fields["shown"],
        row=with_blobs(row, {blob: at for at, blob in enumerate(used)}),
        blobs=tuple(blobs[blob] for blob in used),
        roles={role: (library, symbol) for role, (library, symbol) in fields["roles"].items()},
        core=fields["core"],
        linkable=tuple(fields["linkable"]),
        unit=fields["unit"],
        weight=fields["weight"],
        modules=tuple(fields["modules"]),
        causes=tuple(fields["causes"]),
        omits=tuple(Omission(**row) for row in fields["omits"]),
        root=fields["root"],
        origins=tuple(Origin(**row) for row in fields["origins"]),
        function=fields["function"],
        specs=_spec(fields["specs"]),
        returned=_spec(fields["returned"]),
    )


def _spec(value: Any) -> Any:
    """A spec, or a tuple of them, after JSON has made lists of its tuples."""
    return tuple(map(_spec, value)) if isinstance(value, list) else value


def _cut(data: bytes, lengths: list[int]) -> list[bytes]:
    parts, start = [], 0
    for length in lengths:
        parts.append(data[start : start + length])
        start += length
    if start != len(data):
        raise ValueError("lengths and data disagree")
    return parts


def _named(data: bytes, lengths: dict[str, int]) -> dict[str, bytes]:
    return dict(zip(lengths, _cut(data, list(lengths.values())), strict=True))
