"""What an object is made of, in the form in which it is written: the nodes of the object graph."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


class CannotRestore(Exception):
    """An object that another process cannot be given; the message is the reason."""


class Constructor:
    """A function of the loader's, by its name in `load/objects.py`."""

    def __init__(self, name: str) -> None:
        self.name = name


# What `special` gives for a callable: the `special` that the loader was given.
SPECIAL = Constructor("special")


@dataclass(eq=False, slots=True, kw_only=True)
class Node:
    """One object. `owner` is the first module that reaches it, whose pickle makes it."""

    obj: object
    owner: str = ""
    count: int = 0
    shared: int | None = None

    def edges(self) -> Sequence[tuple[str, Any]]:
        """What the object is made of, each with the end of its path."""
        return ()


@dataclass(eq=False, slots=True, kw_only=True)
class Items(Node):
    """A built-in container; of a dictionary keys and values by turns.

    Some are no objects of the package's: "inline" is a tuple, "attributes" a dictionary of
    attributes and "contents" one whose key says nothing to a reader."""

    kind: str
    parts: Sequence[Any]

    def edges(self) -> Sequence[tuple[str, Any]]:
        if self.kind in ("tuple", "list"):
            return [(f"[{index}]", part) for index, part in enumerate(self.parts)]
        if self.kind in ("inline", "contents"):
            return [("", part) for part in self.parts]
        if self.kind in ("set", "frozenset"):
            return [("{}", part) for part in self.parts]
        pairs = zip(self.parts[::2], self.parts[1::2], strict=True)
        found: list[tuple[str, Any]] = []
        for key, value in pairs:
            text = _key(key)
            found.append((f"<key {text}>", key))
            found.append((f".{key}" if self.kind == "attributes" else f"[{text}]", value))
        return found


def _key(key: object) -> str:
    if type(key) is str:
        return json.dumps(key, ensure_ascii=False)
    if type(key) in (int, float, bool, bytes, type(None)):
        return repr(key)
    if type(key) is tuple:
        return f"({', '.join(map(_key, key))})"
    return f"a {type(key).__qualname__}"


@dataclass(eq=False, slots=True, kw_only=True)
class Named(Node):
    """A global of a module that is not restored."""

    module: str
    qualname: str


@dataclass(eq=False, slots=True, kw_only=True)
class Persistent(Node):
    """Something that the loader knows by the word or tuple given."""

    word: Any


@dataclass(eq=False, slots=True, kw_only=True)
class Memory(Node):
    """Bytes that lie outside of the pickle."""

    readonly: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What is done with an object once it is made and known to others.

    "build": BUILD with one part. "append", "set": the pickle's own. "call": the first part is
    called with the object and the others."""

    kind: str
    parts: Sequence[tuple[str, Any]]


@dataclass(eq=False, slots=True, kw_only=True)
class Made(Node):
    """What a call makes. `late`: its steps can wait until what is being made around it is."""

    function: Any
    args: Sequence[tuple[str, Any]]
    steps: list[Step] = field(default_factory=list)
    late: bool = False

    def edges(self) -> Sequence[tuple[str, Any]]:
        found = [("", self.function), *self.args]
        for step in self.steps:
            found.extend(step.parts)
        return found


def attributes(values: Iterable[tuple[str, object]]) -> Items:
    """A dictionary of attributes; no object of the package's."""
    parts = [part for pair in values for part in pair]
    return Items(obj=None, kind="attributes", parts=parts)


def inline(*parts: object) -> Items:
    """A tuple that is no object of the package's."""
    return Items(obj=None, kind="inline", parts=parts)


def unnamed(*parts: object) -> list[tuple[str, Any]]:
    return [("", part) for part in parts]
