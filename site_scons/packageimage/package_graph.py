"""Which packages' sources import which, and whether that leaves an order to build them in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast


def imports(text: str, names: Iterable[str]) -> frozenset[str]:
    """Those of the top-level packages `names` that a source imports, inside functions too.

    Imports for type checkers alone (`if TYPE_CHECKING:`) do not count, nor do relative ones. A
    source with a syntax error imports nothing: whoever runs it says so.
    """
    # Parsing costs a hundred times more than looking whether there is anything to find.
    wanted = {name for name in names if re.search(rf"\b{re.escape(name)}\b", text)}
    if not wanted:
        return frozenset()
    import ast  # a build of one package does without

    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return frozenset()
    return frozenset(wanted.intersection(_top_names(tree)))


def _top_names(tree: ast.AST) -> Iterable[str]:
    import ast

    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.If) and _for_type_checkers(node.test):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def _for_type_checkers(test: ast.expr) -> bool:
    # An attribute (typing.TYPE_CHECKING) or a name.
    return "TYPE_CHECKING" in (getattr(test, "attr", ""), getattr(test, "id", ""))


def cycle(edges: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """A way through `edges` that ends where it starts, its smallest name first; () without one."""
    done: set[str] = set()
    for start in sorted(edges):
        found = _cycle_from(start, edges, [], done)
        if found:
            at = found.index(min(found))
            return (*found[at:], *found[:at], found[at])
    return ()


def _cycle_from(
    name: str, edges: Mapping[str, Iterable[str]], way: list[str], done: set[str]
) -> tuple[str, ...]:
    if name in way:
        return tuple(way[way.index(name) :])
    if name in done:
        return ()
    way.append(name)
    for other in sorted(edges.get(name, ())):
        found = _cycle_from(other, edges, way, done)
        if found:
            return found
    way.pop()
    done.add(name)
    return ()
