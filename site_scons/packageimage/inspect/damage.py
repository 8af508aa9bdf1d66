"""The edge to bytes that nobody vouches for: what goes wrong there becomes one message.

A damaged file makes the reading libraries raise whatever their parsing ran into (AssertionError,
KeyError, struct.error, ...). All of that becomes one PackageImageError here, so nothing but reading
may happen inside `damage_reported`: what the values mean is decided where a bug of ours keeps its
traceback.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from packageimage.model.errors import PackageImageError, one_line


class Damaged(Exception):
    """What our own checks found, on its way to the message."""


@contextmanager
def damage_reported(name: str, wanted: str, library: str = "") -> Iterator[None]:
    """Every failure inside becomes a PackageImageError that names the file.

    wanted: what the file should have been, with its article. library: the distribution that reads
    it, for where it is not installed; '' when none is needed.
    """
    try:
        yield
    except ImportError as error:
        if not library:
            raise
        raise PackageImageError(
            f"reading {wanted} needs {library}, found none ({one_line(error)}): "
            "install it with: pip install 'packageimage[build]'"
        ) from error
    except Exception as error:  # libraries raise many kinds, see the module's docstring
        detail = one_line(error)[:200] or type(error).__name__
        raise PackageImageError(
            f"{one_line(name)}: expected {wanted}, found a damaged or foreign one ({detail}); "
            "build it again"
        ) from error


def inside(offset: int, size: int, file_size: int) -> None:
    """Raises Damaged unless the `size` bytes at `offset` are all in a file of `file_size` bytes."""
    if offset < 0 or size < 0 or offset + size > file_size:
        raise Damaged(f"{size} bytes at {offset:#x} reach beyond the file's {file_size} bytes")


class Bytes:
    """Bytes whose reading raises Damaged, and nothing else, at their end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        # Names may share their ends, so that a small damaged table can spell out gigabytes.
        self._text_left = (1 << 24) + 16 * len(data)

    def take(self, offset: int, size: int) -> bytes:
        inside(offset, size, len(self.data))
        return self.data[offset : offset + size]

    def part(self, offset: int, size: int) -> Bytes:
        return Bytes(self.take(offset, size))

    def unpack(self, fields: struct.Struct, offset: int) -> tuple[Any, ...]:
        inside(offset, fields.size, len(self.data))
        return fields.unpack_from(self.data, offset)

    def entries(self, fields: struct.Struct, offset: int, count: int) -> Iterator[tuple[Any, ...]]:
        """A table; its count is checked against the bytes before anything is read."""
        return fields.iter_unpack(self.take(offset, count * fields.size))

    def byte(self, offset: int) -> int:
        return self.take(offset, 1)[0]

    def text(self, offset: int, most: int | None = None) -> str:
        """What is there up to a zero byte, which must be one of the next `most` bytes."""
        inside(offset, 0, len(self.data))
        end = self.data.find(b"\0", offset, None if most is None else offset + most)
        if end < 0:
            raise Damaged(f"the text at {offset:#x} has no end")
        self._text_left -= end - offset
        if self._text_left < 0:
            raise Damaged(f"names that are many times longer than their {len(self.data)} bytes")
        return as_text(self.data[offset:end])

    def uleb128(self, offset: int) -> tuple[int, int]:
        """The unsigned LEB128 number there, of at most 64 bits, and where it ends."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte(offset)
            offset += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >= 1 << 64:
                    break
                return value, offset
        raise Damaged(f"the number before {offset:#x} has more than 64 bits")


def as_text(name: bytes) -> str:
    """A name out of a file; object formats do not say how theirs are encoded."""
    return name.decode("utf-8", "replace")
