"""The data of a package: what its modules' namespaces held after they were imported once.

`serialise` walks the objects that the namespaces hold. Each object belongs to the first module
that reaches it; a module's pickle makes the module's own objects and asks earlier modules for
theirs. Objects of modules that are not restored are references by name. What cannot be given to
another process refuses its module alone, with the path to it; other modules then name what that
module has, or are refused in turn.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Any

from .data_code import marshalled
from .data_imports import absent_for, imports_of
from .data_names import Names, has_value, is_value, top_of
from .data_nodes import SPECIAL, CannotRestore, Items, Made, Memory, Named, Node, Persistent
from .data_objects import Objects
from .data_reach import Reach
from .data_writer import Mark, Unclosed, Writer

__all__ = [
    "SPECIAL", "Buffer", "CannotRestore", "ModuleData", "Note", "PackageData", "Refusal",
    "serialise", "summarise",
]  # fmt: skip

LAZY_PACKAGES = frozenset({"numba", "llvmlite"})
# The new module's own, which the import system sets.
_OF_IMPORT = frozenset(
    {
        "__name__", "__spec__", "__loader__", "__file__", "__cached__", "__path__", "__package__",
        "__builtins__",
    }
)  # fmt: skip
CODE = "(Python code)"  # in `ModuleData.sizes`
EXTENDS = "its source extends Numba, which has to be done in every process"
_ATOMS = (type(None), bool, int, float, str, bytes)


@dataclass(frozen=True)
class Refusal:
    """Why a module cannot be restored: `path` leads to the object, as in pkg.core.CACHE["a"]."""

    module: str
    path: str
    reason: str

    def __str__(self) -> str:
        where = "" if self.path == self.module else f" ({self.path})"
        return f"{self.module}: {self.reason}{where}"


@dataclass(frozen=True)
class Note:
    """Something about a restored module that is worth saying."""

    module: str
    path: str
    text: str


def summarise(notes: Iterable[Note]) -> list[str]:
    """A line for each text about a module, with the first of the paths: a package may have hundreds
    of objects that need the same."""
    paths: dict[tuple[str, str], dict[str, None]] = {}
    for note in notes:
        paths.setdefault((note.module, note.text), {})[note.path] = None
    lines = []
    for (module, text), found in paths.items():
        first, *others = found
        more = f" and {len(others)} more" if others else ""
        lines.append(f"{module}: {text} ({first}{more})")
    return lines


@dataclass(frozen=True)
class ModuleData:
    """One restored module.

    `imports`: modules that its source imports while it runs, in its order, without lazy packages.
    `absent`: top-level modules that it tried to import and that did not exist.
    `lazy`: globals that are objects of lazy packages, sorted: the global's name, the module, the
    dotted name in it or "" for the module itself. They are not in the pickle.
    `pickle`: a program for `load/objects.py`, protocol 5.
    `buffers`: indices into `PackageData.buffers`, in the order in which the pickle takes them.
    `sizes`: of each global, the bytes that were first needed for it, and of the functions' code.
    """

    name: str
    imports: tuple[str, ...]
    absent: tuple[str, ...]
    lazy: tuple[tuple[str, str, str], ...]
    pickle: bytes
    buffers: tuple[int, ...]
    sizes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Buffer:
    """The memory of arrays, not copied; `readonly` when none of them writes."""

    data: memoryview
    readonly: bool


@dataclass(frozen=True)
class PackageData:
    """All of a package's modules that can be restored, in order of import, and what hinders."""

    modules: tuple[ModuleData, ...]
    buffers: tuple[Buffer, ...]
    refused: tuple[Refusal, ...]
    notes: tuple[Note, ...]


def serialise(
    modules: Sequence[ModuleType],
    special: Callable[[object], tuple[Any, ...] | None],
    lazy_packages: frozenset[str] = LAZY_PACKAGES,
    loaded: Mapping[str, ModuleType] = sys.modules,
    led_to: Mapping[str, Sequence[str]] | None = None,
    finished: Sequence[str] | None = None,
    extending: Mapping[str, str] | None = None,
) -> PackageData:
    """The data of the modules to restore, given in the order in which their import finished.

    `special(obj)`: a reduce tuple for what only the caller understands, None for all else; its
    callable may be `SPECIAL`, for the `special` that the loader is given. It raises CannotRestore
    to refuse. `loaded`: the process's modules, in the order in which their import began. `led_to`:
    modules of the package whose import began while a module's source ran, by that module; sources
    do not tell all of them (`importlib.import_module`). `finished`: all of the package's modules in
    the order in which their import finished, where not all are to be restored. `extending`: modules
    whose sources have extended Numba, with the paths to what they have told it.
    """
    refused: dict[str, Refusal] = {}
    for module in modules:
        path = (extending or {}).get(module.__name__)
        if path is not None:
            refused[module.__name__] = Refusal(module.__name__, path, EXTENDS)
    imports = {}
    for module in modules:
        names, absent = imports_of(module, loaded)
        also = (led_to or {}).get(module.__name__, ())
        names += tuple(name for name in also if name in loaded)
        for name in also:
            if name not in loaded:  # it failed, and the module went on without it
                missing = absent_for(name, loaded)
                absent += missing
                if not missing:  # nobody could say at load whether it would fail again
                    reason = f"it went on without {name}, whose import failed"
                    own = module.__name__
                    refused[own] = Refusal(own, own, reason)
        imports[module.__name__] = tuple(dict.fromkeys(names)), tuple(dict.fromkeys(absent))
    while True:
        attempt = _Attempt(modules, refused, special, lazy_packages, loaded, imports, finished)
        found = attempt.run()
        if not found:
            break
        refused.update(found)
    order = [module.__name__ for module in modules]
    return PackageData(
        tuple(attempt.modules),
        tuple(attempt.buffers),
        tuple(sorted(refused.values(), key=lambda one: order.index(one.module))),
        tuple(attempt.notes),
    )


class _Attempt:
    """Serialising all modules but those refused before."""

    def __init__(
        self,
        modules: Sequence[ModuleType],
        refused: Mapping[str, Refusal],
        special: Callable[[object], tuple[Any, ...] | None],
        lazy_packages: frozenset[str],
        loaded: Mapping[str, ModuleType],
        imports: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]],
        finished: Sequence[str] | None,
    ) -> None:
        self.modules: list[ModuleData] = []
        self.buffers: list[Buffer] = []
        self.notes: list[Note] = []
        self._all = modules
        self._restored = {
            module.__name__: module for module in modules if module.__name__ not in refused
        }
        self._lazy_packages = lazy_packages
        self._imports = imports
        self._reach = Reach(loaded, imports, finished)
        self._names = Names(loaded, self._restored)
        self._loaded = loaded
        self._objects = Objects(self._restored, self._names, special, self._reach)
        self._order = {name: place for place, name in enumerate(self._restored)}
        self._shared: dict[str, list[Node]] = {name: [] for name in self._restored}
        self._strings: dict[str, dict[str, int]] = {name: {} for name in self._restored}
        self._parents: dict[int, tuple[Node | None, str]] = {}
        self._items: dict[str, list[tuple[str, object]]] = {}
        self._lazy: dict[str, list[tuple[str, str, str]]] = {}
        self._buffer_of: dict[int, int] = {}
        self._kept: list[Node] = []  # nodes are known by their objects' ids, which live on

    def run(self) -> dict[str, Refusal]:
        """The modules that turned out to be impossible; without any, all is written."""
        refused: dict[str, Refusal] = {}
        for module in self._all:
            name = module.__name__
            if name not in self._restored:
                self._claim(module)
                continue
            other = self._reach.used_while_imported(name, self._restored)
            if other is not None:
                reason = f"{other}, which is not restored, may use its names while it is imported"
                refused[name] = Refusal(name, name, reason)
                continue
            try:
                self._check_module(module)
                self._walk_module(module)
            except _Refused as found:
                refused[name] = Refusal(name, found.path, str(found))
        if refused:
            return refused
        shared, impossible = self._objects.arrays.arrange(self._order)
        for node, reason in impossible:
            refused.setdefault(node.owner, Refusal(node.owner, self._path(node), reason))
        if refused:
            return refused
        for node in shared:
            self._share(node)
        for name in self._restored:
            try:
                self._write(name)
            except Unclosed as error:
                refused[name] = Refusal(name, self._path(error.node), str(error))
        return refused

    # -- walking -------------------------------------------------------------------------------

    def _check_module(self, module: ModuleType) -> None:
        name = module.__name__
        if self._loaded.get(name) is not module or type(module) is not ModuleType:
            raise _Refused(name, "it put something else in its place")
        spec = module.__spec__
        places = getattr(spec, "submodule_search_locations", None)
        if list(getattr(module, "__path__", None) or []) != list(places or []):
            raise _Refused(f"{name}.__path__", "it changed its __path__")

    def _walk_module(self, module: ModuleType) -> None:
        name = module.__name__
        items = self._items[name] = []
        lazy = self._lazy[name] = []
        for key, value in list(vars(module).items()):
            if key in _OF_IMPORT:
                continue
            found = self._lazy_name(value)
            if found is not None:
                lazy.append((key, *found))
            else:
                items.append((key, value))
        for key, value in items:
            self._count_string(name, key)
            if not self._is_submodule(name, key, value):
                self._walk(name, value, f".{key}")

    def _is_submodule(self, name: str, key: str, value: object) -> bool:
        """Whether a name is a submodule's, which may have been imported by something else: the
        loader binds those that are there then, and the import system the others."""
        return isinstance(value, ModuleType) and self._loaded.get(f"{name}.{key}") is value

    def _lazy_name(self, value: Any) -> tuple[str, str] | None:
        if isinstance(value, ModuleType):
            name = self._names.module(value)
            return (name, "") if name and top_of(name) in self._lazy_packages else None
        if is_value(value):
            return None
        own = self._names.own_name(value)
        if own is not None:
            return own if top_of(own[0]) in self._lazy_packages else None
        if top_of(type(value).__module__) not in self._lazy_packages:
            return None
        places = self._names.globals_of(value)
        return next((place for place in places if top_of(place[0]) in self._lazy_packages), None)

    def _walk(self, module: str, start: object, label: str) -> None:
        """Give all that an object is made of its node; `_Refused` with the path where one fails."""
        stack: list[tuple[Node | None, str, object]] = [(None, label, start)]
        while stack:
            parent, label, obj = stack.pop()
            if type(obj) in _ATOMS:
                if type(obj) is str:
                    self._count_string(module, obj)
                continue
            known = len(self._objects.nodes)
            try:
                node = self._objects.node(obj, module)
            except CannotRestore as error:
                path = module + self._path_of(parent, label)
                raise _Refused(path, str(error)) from None
            node.count += 1
            if len(self._objects.nodes) == known and not self._is_taken_over(node):
                self._seen_again(node, module, parent, label)
                continue
            node.owner = module
            self._parents[id(node)] = (parent, label)
            if isinstance(node, Named):
                self._count_string(module, node.module)
                self._count_string(module, node.qualname)
                self._note(node, module, parent, label)
            elif isinstance(node, Persistent) and type(node.word) is tuple:
                for part in node.word:
                    self._count_string(module, part)
                self._note(node, module, parent, label)
            edges = node.edges()
            stack.extend((node, ends, part) for ends, part in reversed(edges))

    def _seen_again(self, node: Node, module: str, parent: Node | None, label: str) -> None:
        if node.owner == module or not isinstance(node, Made | Items):
            return
        if node.owner not in self._restored:
            raise _Refused(
                module + self._path_of(parent, label),
                f"an object of {node.owner}, which is not restored and has no name for it",
            )
        self._share(node)

    def _is_taken_over(self, node: Node) -> bool:
        """Whether an object that a module holds that is not restored may as well be made again."""
        return (
            isinstance(node, Made | Items)
            and node.owner not in self._restored
            and node.owner != ""
            and has_value(node.obj)
        )

    def _share(self, node: Node) -> None:
        if node.shared is None:
            objects = self._shared[node.owner]
            node.shared = len(objects)
            objects.append(node)

    def _claim(self, module: ModuleType) -> None:
        """Mark what a module holds that is not restored: what no name finds cannot be had."""
        name = module.__name__
        stack: list[object] = [
            value for key, value in vars(module).items() if key not in _OF_IMPORT
        ]
        keep = self._kept
        while stack:
            obj = stack.pop()
            if type(obj) in _ATOMS or self._objects.is_of_restored(obj):
                continue
            known = len(self._objects.nodes)
            try:
                node = self._objects.node(obj, name)
                if len(self._objects.nodes) == known:
                    continue
                if isinstance(obj, Node):
                    node.owner = name
                if isinstance(node, Named) and node.module == name:
                    node = self._objects.content(obj, name)
            except CannotRestore:
                continue
            keep.append(node)
            stack.extend(part for _, part in node.edges())

    def _note(self, node: Named | Persistent, module: str, parent: Node | None, label: str) -> None:
        other = node.module if isinstance(node, Named) else node.word[1]
        if top_of(other) in self._lazy_packages:
            path = module + self._path_of(parent, label)
            self.notes.append(Note(module, path, f"loading it imports {other}"))

    def _count_string(self, module: str, text: object) -> None:
        if type(text) is str and len(text) > 1:
            counts = self._strings[module]
            counts[text] = counts.get(text, 0) + 1

    def _path(self, node: Node) -> str:
        parent, label = self._parents.get(id(node), (None, ""))
        return node.owner + self._path_of(parent, label)

    def _path_of(self, parent: Node | None, label: str) -> str:
        labels = [label]
        while parent is not None:
            parent, label = self._parents[id(parent)]
            labels.append(label)
        return "".join(reversed(labels))

    # -- writing -------------------------------------------------------------------------------

    def _write(self, name: str) -> None:
        objects = self._objects
        writer = Writer(name, objects.find, self._strings[name])
        marks: list[tuple[str, Mark]] = []
        tables = list(self._code_tables(name))
        if tables:
            # Not walked, so it is written by hand.
            first, *_, last = writer.call(objects.constructor("codes"), *tables)
            marks += [(CODE, first), ("", last)]
        for word, run in self._runs(name):
            keys = [key for key, _ in run]
            names = Items(obj=None, kind="inline", parts=keys)
            values = [value for _, value in run] if word == "put" else []
            ends = writer.call(objects.constructor(word), names, *values)[1:]
            if values:
                marks += zip([*keys, ""], ends, strict=True)
        data = writer.finish(self._shared[name])
        known = len(self.buffers)
        indices = [self._buffer(memory) for memory in writer.buffers]
        sizes = [self._bytes(before, after, indices, known) for before, after in _pairs(marks)]
        imports, absent = self._imports[name]
        self.modules.append(
            ModuleData(
                name,
                tuple(other for other in imports if top_of(other) not in self._lazy_packages),
                absent,
                tuple(sorted(self._lazy[name])),
                data,
                tuple(indices),
                tuple((key, size) for (key, _), size in zip(marks, sizes, strict=False) if key),
            )
        )

    def _bytes(self, before: Mark, after: Mark, indices: list[int], known: int) -> int:
        """What lies between two marks: the pickle's bytes and new buffers; those from `known` on
        are this module's."""
        new = {index for index in indices[before[1] : after[1]] if index >= known}
        new -= set(indices[: before[1]])
        return after[0] - before[0] + sum(self.buffers[index].data.nbytes for index in new)

    def _code_tables(self, name: str) -> Iterator[Items]:
        """The module's code objects in runs of one file."""
        run: list[Any] = []
        last: object = ""
        for _, code in self._objects.codes.get(name, {}).values():
            file = self._reach.module_of_file(code.co_filename, name)
            if run and file != last:
                yield _table(last, run)
                run = []
            run.append(code)
            last = file
        if run:
            yield _table(last, run)

    def _runs(self, name: str) -> Iterator[tuple[str, list[tuple[str, object]]]]:
        """The namespace's items, each run with the loader's word for it.

        Cut before and after those whose making may run the package's code: it finds the globals
        before it."""
        run: list[tuple[str, object]] = []
        last = ""
        for key, value in self._items[name]:
            word = "submodules" if self._is_submodule(name, key, value) else "put"
            alone = word == "put" and type(value) not in _ATOMS and self._may_run_code(value)
            if run and (alone or word != last):
                yield last, run
                run = []
            run.append((key, value))
            last = word
            if alone:
                yield last, run
                run = []
        if run:
            yield last, run

    def _may_run_code(self, value: object) -> bool:
        node = self._objects.find(value)
        return isinstance(node, Items) or (
            isinstance(node, Made) and not isinstance(value, type) and not callable(value)
        )

    def _buffer(self, memory: Memory) -> int:
        key = id(memory)
        if key not in self._buffer_of:
            self._buffer_of[key] = len(self.buffers)
            data = memoryview(memory.obj)  # type: ignore[arg-type]
            self.buffers.append(Buffer(data, memory.readonly))
        return self._buffer_of[key]


class _Refused(Exception):
    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.path = path


def _pairs(marks: list[tuple[str, Mark]]) -> Iterator[tuple[Mark, Mark]]:
    return pairwise(mark for _, mark in marks)


def _table(file: object, codes: list[Any]) -> Items:
    data = marshalled(codes, with_file=file is None)
    return Items(obj=None, kind="inline", parts=[file, data])
