"""Damage to a published image, drawn by number: the same number is the same damage.

Two kinds. *Raw* damage changes the bytes of the files as a disk or a copy may. *Resealed* damage
has right checksums: a header that a broken or hostile tool has written. Who can write any header
can run code in the sessions that read it (SECURITY.md), so the second kind does not claim more than
that nothing crashes and that no image is taken whose own header says something else.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packageimage.model.digest import sha256
from packageimage.model.header import HEADER_FORMAT, decode_sidecar

_FRAME = struct.Struct("<8sHQ32s")


def image_files(depot: Path) -> tuple[Path, Path]:
    """Header and library of a depot's only image."""
    (header,) = depot.glob("*/*/*.pki")
    return header, header.with_suffix(".pkgimage.so")


@dataclass(frozen=True)
class Files:
    """What an image's files hold; None: there is no such file."""

    header: bytes | None
    library: bytes | None

    @classmethod
    def of(cls, depot: Path) -> Files:
        header, library = image_files(depot)
        return cls(header.read_bytes(), library.read_bytes())

    def write(self, header: Path, library: Path) -> None:
        for path, data in ((header, self.header), (library, self.library)):
            if data is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(data)


@dataclass(frozen=True)
class Published:
    """home: a user's, with the sources in `src` and the program. other: of another version."""

    home: Path
    depots: dict[str, Path]
    other: Path
    contents: dict[str, Files] = field(default_factory=dict)

    def files(self, name: str) -> Files:
        """Of `attached`, `restored` or `other`."""
        if name not in self.contents:
            self.contents[name] = Files.of({**self.depots, "other": self.other}[name])
        return self.contents[name]


@dataclass(frozen=True)
class Case:
    """One damaged image. base: what it was. resealed: whether its checksums are right."""

    name: str
    base: str
    files: Files
    resealed: bool = False


def case(number: int, seed: int, published: Published) -> Case:
    """The damage of that number."""
    rng = random.Random(f"{seed}:{number}")
    base = rng.choice(("attached", "restored"))
    kind = rng.choice(list(_KINDS))
    # Zeros over zeros are no damage: once more, until a byte is another one.
    files = whole = published.files(base)
    while files == whole:
        files = _KINDS[kind](rng, whole, published)
    return Case(f"{number} of seed {seed}: {kind}", base, files, kind in _RESEALED)


def _one_of_both(
    change: Callable[[random.Random, bytes], bytes],
) -> Callable[[random.Random, Files, Published], Files]:
    """Change the header in most cases, since it is the smaller and the one that is interpreted."""

    def changed(rng: random.Random, files: Files, published: Published) -> Files:
        assert files.header is not None
        assert files.library is not None
        if rng.random() < 0.7:
            return Files(change(rng, files.header), files.library)
        return Files(files.header, change(rng, files.library))

    return changed


def _flip(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8, 64))):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _flip_at_start(rng: random.Random, data: bytes) -> bytes:
    """In magic, format, length and checksum; of a library, in the ELF header."""
    changed = bytearray(data)
    changed[rng.randrange(64)] = rng.randrange(256)
    return bytes(changed)


def _truncate(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.choice((0, 1, 49, 50, 51, len(data) - 1, rng.randrange(len(data))))]


def _append(rng: random.Random, data: bytes) -> bytes:
    return data + rng.choice((b"\0", b"\n", data, rng.randbytes(rng.randrange(1, 4096))))


def _blank(rng: random.Random, data: bytes) -> bytes:
    """A block that was never written, as after a crash of the machine."""
    size = rng.choice((1, 16, 512, 4096))
    start = rng.randrange(0, len(data), size)
    return data[:start] + bytes(len(data[start : start + size])) + data[start + size :]


def _move(rng: random.Random, data: bytes) -> bytes:
    """A piece lands elsewhere."""
    size = rng.randrange(1, 600)
    source, target = rng.randrange(len(data)), rng.randrange(len(data))
    piece = data[source : source + size]
    return (data[:target] + piece + data[target + len(piece) :])[: len(data)]


def _of_another(rng: random.Random, files: Files, published: Published) -> Files:
    """One file, or a part of the header, of another image."""
    name = rng.choice(["other", *published.depots])
    other = published.files(name)
    assert files.header is not None
    assert other.header is not None
    choice = rng.randrange(6)
    if choice == 0:
        return Files(other.header, files.library)
    if choice == 1:
        return Files(files.header, other.library)
    if choice == 2:  # the one's header with the other's trailer
        head, rest = _encoded(files.header), other.header[len(_encoded(other.header)) :]
        return Files(head + rest, rng.choice((files, other)).library)
    if choice == 3:  # each under the other's name
        return Files(files.library, files.header)
    if choice == 4:  # no trailer, or two headers
        return Files(_encoded(files.header) * rng.choice((1, 2)), files.library)
    return Files(*rng.choice(((None, files.library), (files.header, None), (b"", b""))))


def _encoded(header: bytes) -> bytes:
    return decode_sidecar(header).encoded


def _format(rng: random.Random, files: Files, published: Published) -> Files:
    """A header or trailer of an older or newer format, its payload as it is or unlike any."""
    assert files.header is not None
    frames = _frames(files.header)
    at = rng.randrange(2)
    magic, version, payload = frames[at]
    version = rng.choice([*range(HEADER_FORMAT), *range(HEADER_FORMAT + 1, 9), 255, 65535])
    payload = rng.choice((payload, b"", b"\x80\x04N.", rng.randbytes(100)))
    frames[at] = (magic, version, payload)
    return Files(_framed(frames), files.library)


def _bomb(rng: random.Random, files: Files, published: Published) -> Files:
    """A frame that states a length that is not its own."""
    assert files.header is not None
    changed = bytearray(files.header)
    start = rng.choice((0, len(_encoded(files.header)))) + 10
    length = rng.choice((0, 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1))
    changed[start : start + 8] = struct.pack("<Q", length)
    return Files(bytes(changed), files.library)


def _nesting(rng: random.Random, files: Files, published: Published) -> Files:
    """Right frames around JSON that no writer of ours has written."""
    assert files.header is not None
    frames = _frames(files.header)
    at = rng.randrange(2)
    magic, version, payload = frames[at]
    depth = rng.choice((10, 1_000, 100_000))
    deep = b"[" * depth + b"]" * rng.choice((0, depth))
    payload = rng.choice(
        (
            deep,
            b'{"a":' * depth + b"1" + b"}" * depth,
            payload[:-1] + b',"more":' + deep + b"}",
            payload.replace(b"[", deep + b",[", 1),
            b"9" * rng.choice((400, 5_000, 100_000)),
            payload[:-1] + b',"n":' + b"9" * 5_000 + b"}",
            b"null", b"[]", b"{}", b'""', b"NaN", b"\xff" * 9, b"",
            rng.randbytes(200),
        )
    )  # fmt: skip
    frames[at] = (magic, version, payload)
    return Files(_framed(frames), files.library)


_VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2**31, 2**63 - 1, 2**63, 10**30, 1.5, "", "x", "\0", "a\0b", "/",
    "..", "../../../../etc/passwd", "/dev/zero", "/proc/self/mem", "\ud800", "x" * 100_000, [], {},
    [[]], ["x"], [None], {"a": 1}, "generic", "check-bounds=yes", "numba", "os.path", "a.b",
)  # fmt: skip


def _value(rng: random.Random, files: Files, published: Published) -> Files:
    """A value anywhere in header or trailer that no build would write."""
    assert files.header is not None
    frames = _frames(files.header)
    at = rng.randrange(2)
    magic, version, payload = frames[at]
    fields = json.loads(payload)
    # What the trailer says of the library is what its reader relies on.
    places = [place for place in _places(fields) if not (at and place[-1] in ("includes",))]
    *path, last = rng.choice(places)
    holder = fields
    for step in path:
        holder = holder[step]
    choice = rng.randrange(8)
    if choice == 0 and isinstance(holder, dict):
        del holder[last]
    elif choice == 1 and isinstance(holder, dict):
        holder[rng.choice(("more", "", "packages"))] = rng.choice(_VALUES)
    else:
        holder[last] = rng.choice(_VALUES)
    separators = rng.choice(((",", ":"), (", ", ": ")))
    text = json.dumps(fields, sort_keys=rng.random() < 0.9, separators=separators)
    frames[at] = (magic, version, text.encode("ascii"))
    return Files(_framed(frames), files.library)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where each value stands in a JSON document."""
    steps: Any = ()
    if isinstance(value, dict):
        steps = list(value)
    elif isinstance(value, list):
        steps = range(len(value))
    found = [(*path, step) for step in steps]
    for step in steps:
        found += _places(value[step], (*path, step))
    return found


def _frames(header: bytes) -> list[tuple[bytes, int, bytes]]:
    """Magic, format and payload of header and trailer."""
    found = []
    while header:
        magic, version, length, _ = _FRAME.unpack_from(header)
        found.append((magic, version, header[_FRAME.size : _FRAME.size + length]))
        header = header[_FRAME.size + length :]
    return found


def _framed(frames: list[tuple[bytes, int, bytes]]) -> bytes:
    return b"".join(
        _FRAME.pack(magic, version, len(payload), sha256(payload).digest()) + payload
        for magic, version, payload in frames
    )


_KINDS: dict[str, Callable[[random.Random, Files, Published], Files]] = {
    "bits flipped": _one_of_both(_flip),
    "bits flipped at the start": _one_of_both(_flip_at_start),
    "cut off": _one_of_both(_truncate),
    "longer": _one_of_both(_append),
    "a block lost": _one_of_both(_blank),
    "a piece moved": _one_of_both(_move),
    "files of another image": _of_another,
    "another format": _format,
    "a length that lies": _bomb,
    "JSON of another form": _nesting,
    "a value of another kind": _value,
}
_RESEALED = frozenset({"another format", "JSON of another form", "a value of another kind"})
