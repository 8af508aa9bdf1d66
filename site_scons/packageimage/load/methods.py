"""What an image says of its methods, and which of all methods this process has been given.

Apart from `image`: a process that does no more than call plain functions needs nothing of this.
"""

from __future__ import annotations

import ctypes
import marshal
import struct
import sys
from collections.abc import Collection, Iterable, Iterator
from types import CellType
from typing import TYPE_CHECKING, Any

from . import image as images

if TYPE_CHECKING:
    from .image import Image

_EMPTY_CELL = CellType()
_WORD = 8  # bytes of a pointer

# Of all images: the dispatchers that were given a method, by its key: nearly always one, more than
# that in a list.
_answered: dict[str, object] = {}


def _note_all() -> None:
    for note in images.answer_sources:
        note()


def note_answer(key: str, target: object) -> None:
    """A dispatcher has been given a method, with the globals of now; `target` is None for what is
    no dispatcher."""
    known = _answered.setdefault(key, target)
    if known is target:
        return
    if not isinstance(known, list):
        known = _answered[key] = [known]
    if not any(one is target for one in known):
        known.append(target)


def answered() -> Collection[str]:
    """The keys of all methods that were given to a dispatcher, in that order."""
    _note_all()
    return _answered.keys()


def held_by(function: Any) -> list[Any]:
    """What a function's closure holds; nothing for what is no function."""
    cells = getattr(function, "__closure__", None) or ()
    return [cell.cell_contents for cell in cells if cell != _EMPTY_CELL]


def _knows(namespace: dict[str, Any], target: object) -> bool:
    """Whether code of a module may call a dispatcher: it is a global, an attribute of a class, or
    in the closure of another dispatcher."""
    value: Any
    for value in list(namespace.values()):
        if value is target:
            return True
        parts: list[object] = []
        if isinstance(value, type):
            parts = [getattr(item, "__func__", item) for item in vars(value).values()]
        elif type(value).__name__ == "CPUDispatcher":
            parts = held_by(value.py_func)
        if any(part is target for part in parts):
            return True
    return False


def bound_of(slots: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Number and name of those of all slots that wait for no method."""
    return (slot for slot in enumerate(slots) if not slot[1].startswith(images.WITH_METHOD))


class Methods:
    """Those of one image (capture.assemble).

    Rows are left as bytes until they are asked for: a thousand parsed ones would set off Python's
    garbage collector, 30 ms when Numba is loaded.
    """

    def __init__(self, image: Image, start: int) -> None:
        """start: where the first part of the method table lies. Raises what marshal raises of a
        damaged one."""
        self.image = image
        self.package = image.package
        self.slots = image.slots
        self.bound_slots = image.bound_slots
        self.entry = image.entry
        self.globals_seen: dict[tuple[str, str, str], object] = {}
        first, second, third = image.lengths
        at = start + first
        index = marshal.loads(image.table[at : at + second])
        self._numbers: dict[str, int] = index["methods"]  # of the byte strings with the rows
        self._blobs = image.table[at + second + third :]
        self._ends: list[int] = index["blobs"]
        self._keys: list[str] = list(self._numbers)
        self._rows: dict[str, dict[str, Any]] = {}
        self._slot_index: dict[str, int] | None = None

    def has(self, key: str) -> bool:
        """Whether there is a method with that key."""
        return key in self._numbers

    def key(self, number: int) -> str:
        """The key of a method by its number in the table."""
        return self._keys[number]

    def row(self, key: str) -> dict[str, Any] | None:
        """What the image says of a method (capture.collect), None when it has no such method."""
        row = self._rows.get(key)
        if row is None and key in self._numbers:
            row = self._rows[key] = marshal.loads(self._blob(self._numbers[key]))
        return row

    def blob(self, index: int) -> bytes:
        """A byte string of the method table."""
        return bytes(self._blob(index))

    def _blob(self, index: int) -> memoryview:
        return self._blobs[self._ends[index - 1] if index else 0 : self._ends[index]]

    def callers(self, key: str) -> list[str]:
        """The keys of the methods that this image knows to compile a method for themselves."""
        row = self.row(key)
        return [self.key(number) for number in row["callers"]] if row else []

    def was_frozen(self, key: str, target: object) -> bool:
        """Whether Numba would have compiled a method of the dispatcher `target` by now: an image
        has given it to this dispatcher before, or has answered a caller that it was compiled for.
        The globals of then count, whatever they are now. Not without a dispatcher (None): Numba
        compiles a stencil whenever it is called."""
        if target is None:
            return False
        _note_all()
        known = _answered.get(key)
        if any(one is target for one in (known if isinstance(known, list) else [known])):
            return True
        row = self.row(key)
        module = sys.modules.get(row["module"]) if row else None
        if module is None or not _knows(vars(module), target):
            return False  # another dispatcher of the same function than callers know
        # Packages that use it have it in their images too, with callers of their own.
        return any(
            caller in _answered for image in images.opened for caller in image.methods.callers(key)
        )

    # -- code ----------------------------------------------------------------------------------

    @property
    def slot_index(self) -> dict[str, int]:
        """The number of each slot by its name."""
        if self._slot_index is None:
            names = enumerate(self.image.slot_names)
            self._slot_index = {name: index for index, name in names}
        return self._slot_index

    def slot_addresses(self) -> Iterator[tuple[str, int]]:
        """Where each slot lies in memory, by name."""
        for name, index in self.slot_index.items():
            yield name, ctypes.addressof(self.slots) + index * _WORD

    def group(self, row: dict[str, Any]) -> None:
        """Which methods share a code library: all."""

    def bitcode(self, group: None = None) -> list[bytes]:
        """The LLVM bitcode of each partition, for JIT code that calls into the image. Raises
        image.ImageError."""
        import zlib  # few processes link

        data = ctypes.string_at(*self.image.bitcode_place)
        (count,) = struct.unpack_from("<I", data)
        position = 4 + 16 * count
        modules = []
        for index in range(count):
            size, raw = struct.unpack_from("<QQ", data, 4 + 16 * index)
            module = zlib.decompress(data[position : position + size])
            if len(module) != raw:
                raise images.ImageError(f"bitcode of partition {index} is damaged")
            modules.append(module)
            position += size
        return modules
