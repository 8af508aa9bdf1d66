"""Which images an image needs, as a graph in layers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from packageimage.model.header import Sidecar
from packageimage.model.record import Record

IMAGE, MISSING, SOURCE = "image", "missing", "source"


class Package(Record):
    """A node. kind: IMAGE, MISSING (required, and there is no image of it) or SOURCE (compiled in
    from its sources). layer: 0 for what was asked for. about: a few words."""

    name: str
    kind: str
    layer: int
    about: str


class Graph(Record):
    """packages in order of layer and name. needs: pairs of names, who needs whom."""

    packages: tuple[Package, ...]
    needs: tuple[tuple[str, str], ...]


def graph_of(roots: Iterable[Sidecar], find: Callable[[str, str], Sidecar | None]) -> Graph:
    """All that the images need, directly or not.

    find: the image of a package whose capture has that id, when there is one.
    """
    layers: dict[str, int] = {}
    kinds: dict[str, tuple[str, str]] = {}
    needs: set[tuple[str, str]] = set()
    waiting: list[tuple[Sidecar, int, frozenset[str]]] = []
    for root in roots:
        waiting.append((root, 0, frozenset()))
    while waiting:
        sidecar, layer, above = waiting.pop()
        header = sidecar.header
        name = header.package
        if name in above:
            continue  # packages that need each other: a build refuses them, a depot may hold them
        kinds[name] = (IMAGE, f"{header.methods} methods")
        layers[name] = max(layers.get(name, 0), layer)
        required = {require.package for require in header.requires}
        for require in header.requires:
            needs.add((name, require.package))
            found = find(require.package, require.content)
            if found is not None:
                waiting.append((found, layer + 1, above | {name}))
            else:
                kinds.setdefault(require.package, (MISSING, "no image of it here"))
                layers[require.package] = max(layers.get(require.package, 0), layer + 1)
        roots_of = {include.root for include in sidecar.includes} - {name} - required
        for package in roots_of:
            needs.add((name, package))
            kinds.setdefault(package, (SOURCE, "from its sources"))
            layers[package] = max(layers.get(package, 0), layer + 1)
    packages = [Package(name, *kinds[name][:1], layers[name], kinds[name][1]) for name in kinds]
    ordered = sorted(packages, key=lambda each: (each.layer, each.name))
    return Graph(tuple(ordered), tuple(sorted(needs)))
