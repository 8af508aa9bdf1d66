"""A line of a module, told by what the code there is and not by a line number.

A place is a function, as a path from the module's code, the rank of the line among the distinct
lines of that function's bytecode, and how many lines further down it is.  So it stays the same when
a comment is written or removed, in the function or before it; found again in the module's present
code it gives the present line.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType
from typing import NamedTuple


class Place(NamedTuple):
    """`path`: names of nested functions and classes, ``name#N`` for the Nth namesake after one."""

    path: str
    rank: int
    further: int


def find(module: CodeType, line: int) -> Place | None:
    """The place of a line in a module's code, None when it lies in no function."""
    path: list[str] = []
    code = module
    while True:
        for name, nested in _named(code):
            first, last = _span(nested)
            if first <= line <= last:
                path.append(name)
                code = nested
                break
        else:
            break
    if not path:
        return None
    return Place(".".join(path), *place_in(code, line))


def place_in(code: CodeType, line: int) -> tuple[int, int]:
    """Rank and distance of a line among those of one function."""
    lines = _lines(code)
    rank = max((i for i, known in enumerate(lines) if known <= line), default=0)
    return rank, line - lines[rank]


def present_line(module: CodeType, place: Place) -> int | None:
    """The line of a place in a module's code as it is now, None when there is no such function."""
    code = code_at(module, place.path)
    if code is None:
        return None
    lines = _lines(code)
    return lines[place.rank] + place.further if place.rank < len(lines) else None


def path_of(module: CodeType, wanted: CodeType) -> str | None:
    """The path of a function's own code object in its module's code."""
    for name, nested in _named(module):
        if nested == wanted:
            return name
        inner = path_of(nested, wanted)
        if inner is not None:
            return f"{name}.{inner}"
    return None


def code_at(module: CodeType, path: str) -> CodeType | None:
    """The code of the function or class at a path, None when there is no such."""
    code = module
    for name in path.split("."):
        found = dict(_named(code)).get(name)
        if found is None:
            return None
        code = found
    return code


def _named(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    """Nested functions and classes in order of appearance; lambdas and comprehensions as well."""
    seen: dict[str, int] = {}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            name = constant.co_name
            count = seen.get(name, 0)
            seen[name] = count + 1
            yield (f"{name}#{count}" if count else name), constant


def _lines(code: CodeType) -> list[int]:
    return sorted({code.co_firstlineno, *(line for *_, line in code.co_lines() if line)})


def _span(code: CodeType) -> tuple[int, int]:
    last = _lines(code)[-1]
    return code.co_firstlineno, max([last, *(_span(nested)[1] for _, nested in _named(code))])
