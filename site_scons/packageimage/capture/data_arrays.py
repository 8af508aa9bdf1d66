"""How NumPy's arrays are made again, in memory that the image holds.

What an array becomes depends on the others: arrays that look into the same memory must do so
again. So arrays are gathered while the graph is walked and arranged when it is known whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .data_nodes import CannotRestore, Made, Memory, Node, Step, inline, unnamed


class Holder:
    """A range of memory as an array that keeps what owns it alive."""

    def __init__(self, owner: object, start: int, size: int) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "data": (start, False),
            "shape": (size,),
            "typestr": "|u1",
            "version": 3,
        }


@dataclass(eq=False)
class Gathered:
    """An array in the data, its node, what its memory belongs to, the addresses it reaches."""

    array: Any
    node: Made
    root: Any
    start: int
    end: int

    def overlaps(self, other: Gathered) -> bool:
        return self.start < other.end and other.start < self.end


def root_of(array: Any) -> Any:
    """The array or other object whose memory an array looks into. CannotRestore for files."""
    from numpy import memmap, ndarray

    current = array
    while True:
        if isinstance(current, memmap):
            raise CannotRestore("an array whose memory is a file")
        base = current.base
        if isinstance(base, memoryview):
            base = base.obj
        if type(base).__module__ == "mmap":
            raise CannotRestore("an array whose memory is a file")
        if type(base) is bytearray or type(base).__module__ == "array":
            return base
        if not isinstance(base, ndarray):
            return current
        current = base


def address(array: Any) -> int:
    """Where an array's first element lies."""
    place: int = array.__array_interface__["data"][0]
    return place


def bounds(array: Any) -> tuple[int, int]:
    """The addresses that an array's elements lie between."""
    start = end = address(array)
    for length, stride in zip(array.shape, array.strides, strict=True):
        reach = (length - 1) * stride
        start, end = start + min(reach, 0), end + max(reach, 0)
    return start, end + array.itemsize


class Arrays:
    """The arrays of the modules walked so far."""

    def __init__(self, constructor: Callable[[str], object]) -> None:
        self._constructor = constructor
        self._gathered: list[Gathered] = []

    def node(self, array: Any) -> Made:
        """The node of an exact `numpy.ndarray`, which `arrange` makes complete."""
        from numpy import frombuffer, ndarray

        root = root_of(array)
        node = Made(obj=array, function=self._constructor("array"), args=())
        if array.dtype.hasobject:
            if array.dtype.kind != "O":
                raise CannotRestore(f"an array of {array.dtype}, which holds Python objects")
            self._objects(node, array)
        elif not array.size:
            node.args = [("", b""), *_shape(array, None)]
            return node
        elif not isinstance(root, ndarray):
            offset = address(array) - address(frombuffer(root, "u1"))
            node.args = [(".base", root), *_shape(array, offset)]
            return node
        else:
            # Walked now: it may hold objects of the package's.
            node.args = [(".dtype", array.dtype)]
        start, end = bounds(array) if array.size else (0, 0)
        self._gathered.append(Gathered(array, node, root, start, end))
        return node

    def _objects(self, node: Made, array: Any) -> None:
        order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
        node.function = self._constructor("object_array")
        node.args = unnamed(tuple(array.shape), order)
        elements = array.ravel(order=order).tolist()
        parts = unnamed(self._constructor("fill"), bool(array.flags.writeable))
        parts += [(f".flat[{index}]", element) for index, element in enumerate(elements)]
        node.steps = [Step("call", parts)]

    def arrange(self, order: dict[str, int]) -> tuple[list[Made], list[tuple[Node, str]]]:
        """Decide what each array becomes; `order`: the modules', by name.

        What modules share of what is made here, and the arrays that cannot be kept, with reasons.
        """
        shared: list[Made] = []
        refused: list[tuple[Node, str]] = []
        groups: dict[int, list[Gathered]] = {}
        for one in self._gathered:
            if one.node.owner in order:
                groups.setdefault(id(one.root), []).append(one)
        for group in groups.values():
            if group[0].array.dtype.hasobject:
                refused += [
                    (one.node, "it shares the memory of Python objects with another array")
                    for place, one in enumerate(group)
                    if any(one.overlaps(other) for other in group[:place])
                ]
                continue
            root = next((one for one in group if one.array is one.root), None)
            if root is not None and _can_be_base(root, group, order):
                self._in_memory([root], order, shared)
                for one in group:
                    if one is not root:
                        self._view(one, root, shared)
            else:
                for part in _overlapping(group):
                    self._in_memory(part, order, shared)
        return shared, refused

    def _view(self, one: Gathered, root: Gathered, shared: list[Made]) -> None:
        base = root.array
        plain = base.flags.c_contiguous and _exports(base)
        one.node.function = self._constructor("array" if plain else "view")
        offset = address(one.array) - root.start
        one.node.args = [(".base", root.node), *_shape(one.array, offset, always=True)]
        root.node.count += 1
        if one.node.owner != root.node.owner:
            shared.append(root.node)

    def _in_memory(self, part: list[Gathered], order: dict[str, int], shared: list[Made]) -> None:
        """Arrays in one piece of memory of their own."""
        from numpy import asarray

        start = min(one.start for one in part)
        end = max(one.end for one in part)
        readonly = not any(one.array.flags.writeable for one in part)
        held = asarray(Holder(part[0].root, start, end - start))
        buffer: Node = Memory(obj=held, readonly=readonly)
        if len(part) > 1:
            owners = sorted({one.node.owner for one in part}, key=order.__getitem__)
            buffer = Made(
                obj=held,
                function=self._constructor("region"),
                args=unnamed(buffer),
                owner=owners[0],
                count=len(part),
            )
            if len(owners) > 1:
                shared.append(buffer)
        for one in part:
            one.node.args = [("", buffer), *_shape(one.array, address(one.array) - start)]


def _shape(array: Any, offset: int | None, *, always: bool = False) -> list[tuple[str, Any]]:
    args = unnamed(array.dtype, inline(*array.shape), bool(array.flags.writeable))
    if offset is not None and (always or offset or not array.flags.c_contiguous):
        args += unnamed(offset, inline(*array.strides))
    return args


def _can_be_base(root: Gathered, group: list[Gathered], order: dict[str, int]) -> bool:
    """Whether the others can be made as views of the array that owns the memory."""
    flags = root.array.flags
    return (flags.c_contiguous or flags.f_contiguous) and all(
        order[root.node.owner] <= order[one.node.owner]
        and (flags.writeable or not one.array.flags.writeable)
        for one in group
    )


def _exports(array: Any) -> bool:
    """Whether Python's buffers can describe an array's elements; not dates."""
    try:
        memoryview(array)
    except (ValueError, TypeError, BufferError):
        return False
    return True


def _overlapping(group: list[Gathered]) -> list[list[Gathered]]:
    """The group in parts that have no memory in common, in order of their memory."""
    parts: list[list[Gathered]] = []
    end = 0
    for one in sorted(group, key=lambda one: one.start):
        if parts and one.start < end:
            parts[-1].append(one)
        else:
            parts.append([one])
        end = max(end, one.end)
    return parts
