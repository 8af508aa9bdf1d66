"""The data section of an image: what its restored modules hold. Pure.

    u64 length of the index | index | byte strings and buffers, each at a multiple of 64

The index is written by marshal, which is quick and belongs to one version of Python, as the base
image does. In its second version it writes equal bytes for equal values.

A *buffer* is the memory of an array, used where it lies. A module's *functions* are what Numba
made of functions, in the order of their numbers in the pickle: dispatchers, universal functions,
callbacks, stencils. *details* is what is read of few of them.
"""

from __future__ import annotations

import marshal
import struct
from collections.abc import Iterable, Sequence
from typing import Any

FORMAT = 6
PARALLEL = "parallel ufunc"  # in a table of functions: one that has no object of Numba's
CALLABLE = "callable"  # in the pickle: what Numba made of a function and is no dispatcher
ALIGNMENT = 64
MARSHAL_VERSION = 2  # the last without references, which depend on reference counts

Place = tuple[int, int]
"""Offset and size in bytes in the section."""


class DataError(Exception):
    """Bytes that are no data section of the known format."""


class RestoredModule:
    """imports: modules that the source imports while it runs. absent: top-level modules that it
    tried to import and that were not there. lazy: (global, module, qualified name) of globals that
    are looked up when Numba is imported. frozen: (module, global, digest) of what the source has
    compiled in of other modules. pickle, functions and details: where they lie. buffers: numbers of
    those that the pickle takes, in its order.
    """

    # No Record: each process that restores makes hundreds, and imports nothing else that is one.
    __slots__ = (
        "absent", "buffers", "details", "frozen", "functions", "imports", "lazy", "name", "pickle",
    )  # fmt: skip

    def __init__(
        self, name: str, imports: tuple[str, ...], absent: tuple[str, ...],
        lazy: tuple[tuple[str, str, str], ...], frozen: tuple[tuple[str, str, str], ...],
        pickle: Place, buffers: tuple[int, ...], functions: Place, details: Place,
    ) -> None:  # fmt: skip
        self.name = name
        self.imports = imports
        self.absent = absent
        self.lazy = lazy
        self.frozen = frozen
        self.pickle = pickle
        self.buffers = buffers
        self.functions = functions
        self.details = details

    def containers(self) -> tuple[object, ...]:
        """What the garbage collector would look at: itself, and what it holds."""
        return (
            self, self.imports, self.absent, self.lazy, *self.lazy, self.frozen, *self.frozen,
            self.pickle, self.buffers, self.functions, self.details,
        )  # fmt: skip


class PackageData:
    """buffers: place of each and whether it is read-only. n_starts: how many specialisations the
    dispatchers are given (`load.first_calls`); specs: of the types that these take, by number.
    """

    def __init__(
        self, modules: tuple[RestoredModule, ...], buffers: tuple[tuple[int, int, bool], ...],
        n_starts: int, specs: tuple[Any, ...],
    ) -> None:  # fmt: skip
        self.modules = modules
        self.buffers = buffers
        self.n_starts = n_starts
        self.specs = specs


def is_of_numba(module: str) -> bool:
    """Whether what a module holds is a matter of Numba's version."""
    return module.partition(".")[0] in ("numba", "llvmlite")


def dumps(value: Any) -> bytes:
    """A value of plain types as deterministic bytes."""
    return marshal.dumps(value, MARSHAL_VERSION)


def canonical(value: Any) -> Any:
    """A value of plain types with sorted dictionaries and tuples for lists: `dumps` writes equal
    bytes for equal ones, and what is read can be a key."""
    if isinstance(value, dict):
        return {key: canonical(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return tuple(map(canonical, value))
    return value


def encode(
    modules: Sequence[
        tuple[str, tuple[str, ...], tuple[str, ...], Any, Any, bytes, Any, bytes, bytes]
    ],
    buffers: Sequence[tuple[Any, bool]],
    n_starts: int,
    specs: Iterable[Any],
) -> list[Any]:
    """The section as a list of byte strings that follow each other.

    modules: name, imports, absent, lazy, frozen, pickle, buffers, functions, details of each.
    buffers: bytes-like, and whether each is read-only. n_starts, specs: as in `PackageData`.
    """
    parts: list[Any] = []
    places: list[Place] = []
    position = 0
    for part in [*_pieces(modules), *(memoryview(data).cast("B") for data, _ in buffers)]:
        padding = -position % ALIGNMENT
        parts += [bytes(padding), part]
        places.append((position + padding, len(part)))
        position += padding + len(part)
    count = 3 * len(modules)
    rows = [
        (name, imports, absent, lazy, frozen, *places[index : count : len(modules)], taken)
        for index, (name, imports, absent, lazy, frozen, _, taken, _, _) in enumerate(modules)
    ]
    memory = [
        (*place, readonly) for place, (_, readonly) in zip(places[count:], buffers, strict=True)
    ]
    index = dumps((FORMAT, rows, memory, n_starts, tuple(specs)))
    head = struct.pack("<Q", len(index)) + index
    return [head, bytes(-len(head) % ALIGNMENT), *parts]


def _pieces(modules: Sequence[Any]) -> Iterable[bytes]:
    """What is read of every module lies together, details at the end."""
    for *_, pickle, _, _, _ in modules:
        yield pickle
    for *_, functions, _ in modules:
        yield functions
    for *_, details in modules:
        yield details


def decode(section: memoryview) -> PackageData:
    """Raises DataError. The bytes are trusted: they have the checksum of an image."""
    try:
        (length,) = struct.unpack_from("<Q", section)
        version, *rest = marshal.loads(section[8 : 8 + length])
        if version != FORMAT:
            raise DataError(f"expected data of format {FORMAT}, found {version}")
        rows, memory, n_starts, specs = rest
        start = 8 + length + -(8 + length) % ALIGNMENT
        modules = [
            RestoredModule(
                name, tuple(imports), tuple(absent), tuple(lazy), tuple(frozen),
                (start + pickle[0], pickle[1]), tuple(taken),
                (start + functions[0], functions[1]), (start + details[0], details[1]),
            )
            for name, imports, absent, lazy, frozen, pickle, functions, details, taken in rows
        ]  # fmt: skip
        buffers = tuple([(start + offset, size, readonly) for offset, size, readonly in memory])
        if any(offset + size > len(section) for offset, size, _ in buffers):
            raise DataError("a buffer lies outside the section")
    except (struct.error, ValueError, TypeError, EOFError) as error:
        raise DataError(f"{type(error).__name__}: {error}") from None
    return PackageData(tuple(modules), buffers, int(n_starts), tuple(specs))
