"""What an earlier capture of the same package holds, ready to answer and to run in this process.

To the loader's bridge it is an image: it has a method table, slots and entries. Its code is the
bitcode of the store, compiled at once and without optimising, which is a hundredth of what
compiling the functions anew takes; the code of a capture only has to run the workload.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import llvmlite.binding as llvm

from ..load.methods import bound_of
from .captured import CapturedMethod, Origin
from .origins import Sources, is_fixed
from .store import SourceParts, Stored
from .symbols import UNRESOLVED_PREFIX

Cell = Callable[[str], ctypes.c_void_p]


class _Cells:
    """The slots by index, in the variables that code of this process knows by name."""

    def __init__(self, names: Iterable[str], cell: Cell) -> None:
        self._cells = [cell(name) for name in names]

    def __setitem__(self, index: int, value: int) -> None:
        self._cells[index].value = value

    def addresses(self) -> list[int]:
        return [ctypes.addressof(cell) for cell in self._cells]


class EarlierCapture:
    """See the module's text; the attributes are those of `load.image.Image`."""

    def __init__(
        self,
        stored: Stored,
        sources: Sources,
        cell: Cell,
        define: Callable[[str, int], None],
        run: Callable[[llvm.ModuleRef], Any],
    ) -> None:
        """`cell` gives the variable behind a slot's name; `define` makes a name known to code that
        is compiled later; `run` makes an engine of a module (all in `numba_slots`)."""
        self.package = "an earlier capture"
        self.stored = stored
        self._check = Unchanged(stored, sources)
        # One module: MCJIT can't be trusted with a function that several modules define.
        self._module = llvm.parse_assembly("")
        for data in stored.partitions.values():
            module = llvm.parse_bitcode(data)
            self._module.triple, self._module.data_layout = module.triple, str(module.data_layout)
            self._module.link_in(module)
        variables = list(self._module.global_variables)
        slot_names = sorted(v.name for v in variables if v.is_declaration)
        self.bound_slots = tuple(bound_of(slot_names))
        self._recursions = [v.name for v in variables if v.name.startswith(UNRESOLVED_PREFIX)]
        self.slot_index = {name: index for index, name in enumerate(slot_names)}
        self._define = define
        self._run = run
        self.slots = _Cells(tuple(slot_names), cell)
        self.methods: Mapping[str, CapturedMethod] = stored.methods
        self.globals_seen: dict[tuple[str, str, str], object] = {}
        self._rows: dict[str, dict[str, Any] | None] = {}
        self._engine: Any = None

    def has(self, key: str) -> bool:
        """Whether there is a method with that key."""
        return key in self.methods

    def row(self, key: str) -> dict[str, Any] | None:
        """The row of a method whose sources are as they were, else None."""
        if key not in self._rows:
            method = self.methods.get(key)
            self._rows[key] = None if method is None or not self._check(method) else _row(method)
        return self._rows[key]

    def was_frozen(self, key: str, target: object) -> bool:
        """Never: a capture wants what globals are now."""
        return False

    def group(self, row: dict[str, Any]) -> str:
        """Methods are linked one by one: a caller's code must not depend on who answered."""
        return str(row["key"])

    def bitcode(self, group: str) -> list[bytes]:
        """The library of one method."""
        return [self.stored.libraries[self.methods[group].core]]

    def blob(self, index: tuple[str, int]) -> bytes:
        key, at = index
        return self.methods[key].blobs[at]

    def slot_addresses(self) -> list[tuple[str, int]]:
        """Where each slot lies in memory, by name; code knows them by these names already."""
        return list(zip(self.slot_index, self.slots.addresses(), strict=True))

    def entry(self, library: str, symbol: str) -> int:
        """The address of an entry."""
        if self._engine is None:
            self._engine = self._compile()
        address = self._engine.get_function_address(symbol)
        if not address:
            raise LookupError(f"no entry {symbol} in library {library}")
        return int(address)

    def _compile(self) -> Any:
        engine = self._run(self._module)
        for name in self._recursions:
            # Code that is compiled now and has such a call inlined looks for the pointer by name.
            self._define(name, engine.get_function_address(name.removeprefix(UNRESOLVED_PREFIX)))
        return engine


class Unchanged:
    """Whether what decided a stored method's code is as it was, by its sources."""

    def __init__(self, stored: Stored, sources: Sources) -> None:
        sources.own.update(stored.sources.own)
        self._stored = stored.sources
        self._sources = sources
        self._changed: dict[str, bool] = {}

    def __call__(self, method: CapturedMethod) -> bool:
        return all(map(self._same_function, method.origins)) and not any(
            self.changed(part)
            for module in method.modules
            if module and module != "__main__" and not is_fixed(module)
            for part in self._sources.reached(module)
        )

    def _same_function(self, origin: Origin) -> bool:
        now = self._sources.origin
        return bool(origin.digest) and origin in (
            now(origin.module, origin.name),
            now(origin.module, origin.name, with_line=True),
        )

    def changed(self, module: str) -> bool:
        """Whether a module's part is another one than it was."""
        if module not in self._changed:
            before = self._stored.parts.get(module)
            now = self._sources.part(module, self._stored.compiled_in.get(module, ()))
            self._changed[module] = not before or now != before
        return self._changed[module]

    def extensions_changed(self) -> bool:
        """Whether the compiler is extended in another way."""
        now = self._sources.extensions()
        return now != frozenset(self._stored.extensions) or any(map(self.changed, now))


def source_parts(methods: Iterable[CapturedMethod], sources: Sources) -> SourceParts:
    """What a store keeps of the sources that decided the code of `methods`."""
    compiled_in: dict[str, set[str]] = {}
    modules: set[str] = set()
    for method in methods:
        modules.update(m for m in method.modules if m and m != "__main__" and not is_fixed(m))
        for origin in method.origins:
            compiled_in.setdefault(origin.module, set()).add(origin.name)
    extensions = sources.extensions()
    reached = frozenset(name for module in modules for name in sources.reached(module))
    return SourceParts(
        own=tuple(sorted(sources.own)),
        compiled_in={module: tuple(sorted(names)) for module, names in sorted(compiled_in.items())},
        parts={
            module: sources.part(module, compiled_in.get(module, ()))
            for module in sorted(reached | extensions)
        },
        extensions=tuple(sorted(extensions)),
    )


def _row(method: CapturedMethod) -> dict[str, Any]:
    """A row as an image has it, with this module's ways to name byte strings and entries."""
    return {
        **method.row,
        "key": method.key,
        "globals": [tuple(frozen) for frozen in method.row["globals"]],
        "return": (method.key, method.row["return"]),
        "environments": [
            (slot, module, None if blob is None else (method.key, blob))
            for slot, module, blob in method.row["environments"]
        ],
        "roles": {role: symbol for role, (_, symbol) in method.roles.items()},
        "entries": {role: list(place) for role, place in method.roles.items()},
    }
