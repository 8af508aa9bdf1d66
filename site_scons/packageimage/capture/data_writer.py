"""One module's part of the object graph as a pickle.

The pickle is a program for `load/objects.py`. It is written here and not by `pickle`, because
what is made, in which order and under which conditions the loader needs it is the graph's to say:
objects are put into the memo only when they are needed again, sets are in order, cells are filled
once the function around them is there, and a class is known to others before it has attributes.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .data_nodes import (
    CannotRestore,
    Constructor,
    Items,
    Made,
    Memory,
    Named,
    Node,
    Persistent,
    Step,
)

_ATOMS = (type(None), bool, int, float, str, bytes)
_TUPLES = {0: pickle.EMPTY_TUPLE, 1: pickle.TUPLE1, 2: pickle.TUPLE2, 3: pickle.TUPLE3}
_BATCH = 1000
# A cycle that only constructors' arguments make is never closed; others are at the second time.
_TIMES_OPEN = 4


Mark = tuple[int, int]
"""How far a pickle is: bytes written, buffers taken."""


class Unclosed(CannotRestore):
    """A cycle of objects none of which can be made before the others."""

    def __init__(self, node: Node) -> None:
        super().__init__("it is made of something that is made of it")
        self.node = node


class Writer:
    """Writes values of one module; `node_of` gives the nodes that the walk found."""

    def __init__(
        self, module: str, node_of: Callable[[object], Node], strings: dict[str, int]
    ) -> None:
        """`strings`: how often a text occurs in what will be written."""
        self.buffers: list[Memory] = []
        self._module = module
        self._node_of = node_of
        self._strings = strings
        self._out: list[bytes] = []
        self._counted = self._size = 0  # the first parts of the output, and their bytes
        self._memo: dict[int | str, int] = {}
        self._open: dict[int, int] = {}
        self._depth = 0
        self._making = 0
        self._waiting: list[Made] = []

    def call(self, function: object, *args: object) -> list[Mark]:
        """Have something called; what it returns is dropped. Gives how far the pickle was before
        each argument and after the last."""
        marks: list[Mark] = []
        self._run(self._call(function, args, marks.append))
        self._out.append(pickle.POP)
        return marks

    def _mark(self) -> Mark:
        self._size += sum(map(len, self._out[self._counted :]))
        self._counted = len(self._out)
        return self._size, len(self.buffers)

    def finish(self, shared: Sequence[object]) -> bytes:
        """The whole pickle, which ends with a list of objects."""
        self._run(self._list(shared))
        body = b"".join(self._out) + pickle.STOP
        # One frame for all: the unpickler reads memory and not a file.
        return pickle.PROTO + b"\5" + pickle.FRAME + struct.pack("<Q", len(body)) + body

    # -- objects -------------------------------------------------------------------------------

    def _run(self, first: Iterator[object]) -> None:
        """Write an object and all that it is made of, however deep."""
        stack = [first]
        while stack:
            part = next(stack[-1], stack)
            if part is stack:
                stack.pop()
            elif type(part) in _ATOMS:
                self._atom(part)
            else:
                stack.append(self._object(part))

    def _object(self, obj: object) -> Iterator[object]:
        node = self._node_of(obj)
        key = id(node)
        if key in self._memo:
            self._get(key)
        elif node.owner not in ("", self._module) and isinstance(node, Made | Items):
            self._word(("shared", node.owner, node.shared))
            self._remember(node)
        elif isinstance(node, Made):
            yield from self._made(node)
        elif isinstance(node, Items):
            yield from self._items(node)
        elif isinstance(node, Named):
            self._atom(node.module)
            self._atom(node.qualname)
            self._out.append(pickle.STACK_GLOBAL)
            self._remember(node)
        elif isinstance(node, Persistent):
            self._word(node.word)
            self._remember(node)
        else:
            assert isinstance(node, Memory)
            self._out.append(pickle.NEXT_BUFFER)
            self.buffers.append(node)

    def _made(self, node: Made) -> Iterator[object]:
        key = id(node)
        self._enter(node)
        self._depth += 1
        yield from self._call(node.function, [part for _, part in node.args])
        self._depth -= 1
        self._leave(node)
        if key in self._memo:
            # Something that it is made of needed it and made it.
            self._out.append(pickle.POP)
            self._get(key)
            return
        self._remember(node)
        if node.late and self._depth:
            self._waiting.append(node)
            return
        yield from self._steps(node)
        yield from self._fill()

    def _fill(self) -> Iterator[object]:
        """Do the steps that waited, but for those that need something still being made."""
        waiting, self._waiting = self._waiting, []
        for node in waiting:
            needs = [self._node_of(part) for step in node.steps for _, part in step.parts
                     if type(part) not in _ATOMS]  # fmt: skip
            if self._depth and any(self._open.get(id(part)) for part in needs):
                self._waiting.append(node)
                continue
            self._get(id(node))
            yield from self._steps(node)
            self._out.append(pickle.POP)

    def _steps(self, node: Made) -> Iterator[object]:
        for step in node.steps:
            yield from self._step(node, step)

    def _step(self, node: Made, step: Step) -> Iterator[object]:
        parts = [part for _, part in step.parts]
        if step.kind == "build":
            yield parts[0]
            self._out.append(pickle.BUILD)
        elif step.kind == "call":
            yield parts[0]
            self._out.append(pickle.MARK)
            self._get(id(node))
            yield from parts[1:]
            self._out.append(pickle.TUPLE + pickle.REDUCE + pickle.POP)
        else:
            yield from self._batches(parts, step.kind == "set")

    def _items(self, node: Items) -> Iterator[object]:
        key = id(node)
        if node.kind in ("tuple", "frozenset", "inline"):
            self._enter(node)
            if node.kind == "frozenset":
                self._out.append(pickle.MARK)
                yield from node.parts
                self._out.append(pickle.FROZENSET)
            else:
                yield from self._tuple(node.parts)
            self._leave(node)
            if key in self._memo:
                self._out.append(pickle.POP)
                self._get(key)
            else:
                self._remember(node)
            return
        empty = {"list": pickle.EMPTY_LIST, "set": pickle.EMPTY_SET}
        self._out.append(empty.get(node.kind, pickle.EMPTY_DICT))
        self._remember(node)
        if node.kind == "set":
            for start in range(0, len(node.parts), _BATCH):
                self._out.append(pickle.MARK)
                yield from node.parts[start : start + _BATCH]
                self._out.append(pickle.ADDITEMS)
        else:
            yield from self._batches(node.parts, node.kind != "list")

    def _list(self, parts: Sequence[object]) -> Iterator[object]:
        self._out.append(pickle.EMPTY_LIST)
        yield from self._batches(parts, False)

    def _batches(self, parts: Sequence[object], pairs: bool) -> Iterator[object]:
        for start in range(0, len(parts), _BATCH):
            self._out.append(pickle.MARK)
            yield from parts[start : start + _BATCH]
            self._out.append(pickle.SETITEMS if pairs else pickle.APPENDS)

    def _call(
        self, function: object, args: Sequence[object], note: Callable[[Mark], None] | None = None
    ) -> Iterator[object]:
        yield function
        yield from self._tuple(args, note)
        self._out.append(pickle.REDUCE)

    def _tuple(
        self, parts: Sequence[object], note: Callable[[Mark], None] | None = None
    ) -> Iterator[object]:
        if len(parts) > 3:
            self._out.append(pickle.MARK)
        if note is None:
            yield from parts
        else:
            for part in parts:
                note(self._mark())
                yield part
            note(self._mark())
        self._out.append(_TUPLES.get(len(parts), pickle.TUPLE))

    def _enter(self, node: Node) -> None:
        times = self._open[id(node)] = self._open.get(id(node), 0) + 1
        if times > _TIMES_OPEN:
            raise Unclosed(node)
        self._making += 1

    def _leave(self, node: Node) -> None:
        self._open[id(node)] -= 1
        self._making -= 1

    # -- what has no parts ---------------------------------------------------------------------

    def _atom(self, value: Any) -> None:
        out = self._out
        if type(value) is str:
            if value in self._memo:
                self._get(value)
                return
            data = value.encode("utf-8", "surrogatepass")
            out.append(_sized(data, pickle.SHORT_BINUNICODE, pickle.BINUNICODE, pickle.BINUNICODE8))
            if self._strings.get(value, 0) > 1:
                self._memoise(value)
        elif type(value) is bytes:
            out.append(_sized(value, pickle.SHORT_BINBYTES, pickle.BINBYTES, pickle.BINBYTES8))
        elif value is None:
            out.append(pickle.NONE)
        elif type(value) is bool:
            out.append(pickle.NEWTRUE if value else pickle.NEWFALSE)
        elif type(value) is float:
            out.append(pickle.BINFLOAT + struct.pack(">d", value))
        else:
            out.append(_integer(value))

    def _word(self, word: Any) -> None:
        if type(word) is tuple:
            for part in word:
                self._atom(part)
            self._out.append(_TUPLES[len(word)])
        else:
            self._atom(word)
        self._out.append(pickle.BINPERSID)

    def _remember(self, node: Node) -> None:
        # What is part of a thing being made may be come across again on the way to that thing.
        if (
            node.count > 1
            or (self._making and isinstance(node, Made | Items) and node.obj is not None)
            or node.shared is not None
            or isinstance(node.obj, Constructor)
            or (isinstance(node, Made) and (node.late or _calls(node)))
        ):
            self._memoise(id(node))

    def _memoise(self, key: int | str) -> None:
        self._memo[key] = len(self._memo)
        self._out.append(pickle.MEMOIZE)

    def _get(self, key: int | str) -> None:
        index = self._memo[key]
        short = index < 256
        self._out.append(
            pickle.BINGET + bytes([index])
            if short
            else pickle.LONG_BINGET + struct.pack("<I", index)
        )


def _calls(node: Made) -> bool:
    return any(step.kind == "call" for step in node.steps)


def _sized(data: bytes, short: bytes, middle: bytes, long: bytes) -> bytes:
    if len(data) < 1 << 8:
        return short + bytes([len(data)]) + data
    if len(data) < 1 << 32:
        return middle + struct.pack("<I", len(data)) + data
    return long + struct.pack("<Q", len(data)) + data


def _integer(value: int) -> bytes:
    if 0 <= value < 1 << 8:
        return pickle.BININT1 + bytes([value])
    if 0 <= value < 1 << 16:
        return pickle.BININT2 + struct.pack("<H", value)
    if -(1 << 31) <= value < 1 << 31:
        return pickle.BININT + struct.pack("<i", value)
    data = value.to_bytes((value.bit_length() >> 3) + 1, "little", signed=True)
    if len(data) < 1 << 8:
        return pickle.LONG1 + bytes([len(data)]) + data
    return pickle.LONG4 + struct.pack("<i", len(data)) + data
