"""From what the recorder saw to what an image holds: modules, the method table, what was left out.

Which methods are kept, and why the others are not, is decided here; nothing is left out silently.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from typing import Any

import llvmlite.binding as llvm

from . import numba_bridge as bridge
from .symbols import LOCAL_LINKAGES, UNRESOLVED_PREFIX, CanonicalNames, Library

_NUMBA_LINES = "emissionKind: DebugDirectivesOnly"
_LINE_TABLES = "emissionKind: LineTablesOnly"
_VARIABLE_RECORD = re.compile(
    r"^ +(#dbg_(value|declare|assign)\(|call void @llvm\.dbg\.(value|declare)\().*\n", re.MULTILINE
)


@dataclass(frozen=True)
class Omission:
    """A specialisation that works through Numba's JIT at run time, and why."""

    function: str
    signature: str
    reason: str

    def __str__(self) -> str:
        return f"{self.function}{self.signature}: {self.reason}"


@dataclass(frozen=True)
class Capture:
    """What the serialize stage writes.

    partitions: bitcode; entries: each partition's symbols whose addresses the loader needs;
    entry_owners: the function behind each; methods: the blob that holds each method's row, by key;
    modules: whose functions were compiled in.
    """

    partitions: list[bytes]
    entries: list[list[str]]
    entry_owners: dict[str, str]
    methods: dict[str, int]
    blobs: list[bytes]
    omitted: list[Omission]
    modules: set[str]


class _Blobs:
    """Byte strings, each kept once."""

    def __init__(self) -> None:
        self.items: list[bytes] = []
        self._index: dict[bytes, int] = {}

    def add(self, data: bytes) -> int:
        if data not in self._index:
            self._index[data] = len(self.items)
            self.items.append(data)
        return self._index[data]


def reason_to_omit(
    recorder: bridge.Recorder, method: bridge.Method, library: Library
) -> str | None:
    """Why a method cannot be held, or None when it can."""
    if (method.function.__module__ or "") in ("__main__", "__mp_main__"):
        return "it is defined in the workload, not in a package"
    if method.unkeyable:
        return f"its function can't be told from others: {method.unkeyable}"
    for part in library.with_callees():
        for name in part.dynamic_globals:
            why = recorder.unnamed_addresses.get(name, "an address of the building process")
            return f"its code holds an address that has no name: {why}"
    return None


def is_internal(method: bridge.Method) -> bool:
    """Numba's own helper, compiled into a caller: no program asks the image for it."""
    return method.nested and method.owner in bridge.BASE_PACKAGES


def collect(recorder: bridge.Recorder, partitions: int) -> Capture:
    """Build the capture of everything that was recorded, in `partitions` modules."""
    collector = _Collector(recorder)
    for method in recorder.methods:
        if not is_internal(method):
            collector.consider(method)
    return collector.finish(partitions)


class _Collector:
    """Sorts methods into those that are kept and those that are left out."""

    def __init__(self, recorder: bridge.Recorder) -> None:
        self.recorder = recorder
        self.names = CanonicalNames(recorder.owner_of)
        self.kept: dict[str, bridge.Method] = {}
        self.libraries: dict[str, Library] = {}
        self.rows: dict[str, dict[str, Any]] = {}
        self.linkable: set[str] = set()
        self.omitted: set[Omission] = set()
        self.modules: set[str] = set()
        self._blobs = _Blobs()

    def consider(self, method: bridge.Method) -> None:
        """Keep the method, or note why not."""
        library = self.recorder.library(method.result.library)
        if library is None:
            self._omit(method, method.unkeyable or "Numba kept no code for it")
            return
        reason = reason_to_omit(self.recorder, method, library)
        if reason is None and not method.entries:
            if method.kind == "ufunc":
                return  # a ufunc's core for which no loop was built: nobody can call it
            reason = "it has no entry point"
        if reason is not None:
            self._omit(method, reason)
            return
        try:
            row = self._row(method, library)
        except Exception as error:  # whatever a foreign object's pickling raises is the reason
            self._omit(method, f"it refers to what can't be kept: {_one_line(error)}")
            return
        if method.key in self.kept:
            # The same function and types once more, from a second dispatcher or ufunc of one
            # function: it may have been wrapped in other ways.
            for role, entry in method.entries.items():
                self.kept[method.key].entries.setdefault(role, entry)
        else:
            self.kept[method.key] = method
            self.libraries[method.key] = library
            self.rows[method.key] = row
        self.linkable.update(symbol for symbol in (row["symbol"], row["generator"]) if symbol)
        for function in self.recorder.functions_of(library):
            self.modules.add(function.__module__ or "")

    def _omit(self, method: bridge.Method, reason: str) -> None:
        signature = "(" + ", ".join(str(item) for item in method.argument_types) + ")"
        self.omitted.add(Omission(method.name, signature, reason))

    def finish(self, partitions: int) -> Capture:
        """Link the modules and complete the method table with where each entry went."""
        modules, entries = _assemble(
            self.names, self.kept, self.libraries, self.linkable, partitions
        )
        position = {
            symbol: [index, position]
            for index, symbols in enumerate(entries)
            for position, symbol in enumerate(symbols)
        }
        owners: dict[str, str] = {}
        for key, row in sorted(self.rows.items()):
            method = self.kept[key]
            roles = sorted(method.entries.items())
            row["roles"] = {role: self.names.symbol(name) for role, (_, name) in roles}
            row["entries"] = {role: position[symbol] for role, symbol in row["roles"].items()}
            for symbol in row["roles"].values():
                owners.setdefault(symbol, method.shown)
        return Capture(
            partitions=modules,
            entries=entries,
            entry_owners=owners,
            methods={
                key: self._blobs.add(
                    json.dumps(row, sort_keys=True, separators=(",", ":")).encode()
                )
                for key, row in sorted(self.rows.items())
            },
            blobs=self._blobs.items,
            omitted=sorted(self.omitted, key=lambda o: (o.function, o.signature, o.reason)),
            modules=self.modules,
        )

    def _row(self, method: bridge.Method, library: Library) -> dict[str, Any]:
        """The method's row of the table. Raises what pickling its parts raises."""
        names, result = self.names, method.result
        descriptor = result.fndesc
        parts = {id(library): library}
        for entry_library, _ in method.entries.values():
            parts.setdefault(id(entry_library), entry_library)
        environments: dict[str, list[Any]] = {}
        references: set[str] = set()
        init = {
            (function.__module__, function.__qualname__)
            for function in set(result.reload_init) | set(result.library._reload_init)
        }
        for part in parts.values():
            use = bridge.slot_use(part, result.environment, bool(result.objectmode), names.symbol)
            for slot, module, constants in use.environments:
                blob = None if constants is None else self._blobs.add(constants)
                environments[slot] = [slot, module, blob]
            references.update(use.references)
            if use.threads:
                init.add(bridge.THREAD_INIT)
        own = result.environment
        return {
            "module": descriptor.modname,
            "qualname": method.function.__qualname__,
            "return": self._blobs.add(bridge.dumps(result.signature.return_type)),
            "objectmode": bool(result.objectmode),
            "symbol": names.symbol(descriptor.mangled_name),
            "generator": self._generator_symbol(result),
            "environment": names.symbol(own.env_name) if own else None,
            "environments": [environments[slot] for slot in sorted(environments)],
            "references": sorted(references),
            "noalias": bool(descriptor.noalias),
            "arguments": list(descriptor.args),
            "init": sorted(map(list, init)),
            "globals": self._globals_of(library),
        }

    def _generator_symbol(self, result: Any) -> str | None:
        """The function that resumes a generator, for JIT code that iterates over it."""
        descriptor = bridge.generator_descriptor(result)
        return None if descriptor is None else self.names.symbol(descriptor.llvm_func_name)

    def _globals_of(self, library: Library) -> list[tuple[str, str, str]]:
        """(module, name, digest) of the global values that a method and its callees froze."""
        frozen = sorted(set().union(*(part.frozen for part in library.with_callees())))
        for (module, name, _), (other_module, other_name, _) in itertools.pairwise(frozen):
            if (module, name) == (other_module, other_name):
                raise LookupError(
                    f"{module}.{name} had one value when a callee was compiled and another when "
                    "its caller was"
                )
        return frozen


@dataclass
class _Partition:
    """The libraries of one module: by content hash, and which of them defines each entry."""

    libraries: dict[str, Library] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)


def _assemble(
    names: CanonicalNames,
    kept: dict[str, bridge.Method],
    libraries: dict[str, Library],
    linkable: set[str],
    partitions: int,
) -> tuple[list[bytes], list[list[str]]]:
    """Each partition's bitcode and its entries, which are left external in it.

    `kept` are the methods by key, `libraries` their core libraries. What JIT code calls directly
    (`linkable`) stays in the bitcode although nothing in it may call it; all else is kept only
    where an entry needs it.
    """
    bins = [_Partition() for _ in range(partitions)]
    placed: set[str] = set()
    for key in sorted(kept):
        part = bins[_partition_of(libraries[key], names, partitions)]
        part.libraries[names.content_hash(libraries[key])] = libraries[key]
        for library, name in kept[key].entries.values():
            symbol = names.symbol(name)
            part.libraries[names.content_hash(library)] = library
            if symbol not in placed:
                placed.add(symbol)
                part.entries[symbol] = names.content_hash(library)
    return [_link(part, names, linkable) for part in bins], [sorted(part.entries) for part in bins]


def _link(part: _Partition, names: CanonicalNames, linkable: set[str]) -> bytes:
    triple, layout = bridge.target_layout()
    merged = llvm.parse_assembly("")
    merged.name = "pkgimage"
    merged.triple = triple
    merged.data_layout = layout
    for content_hash, library in sorted(part.libraries.items()):
        module = names.module(library)
        for function in module.functions:
            if function.is_declaration or function.linkage in LOCAL_LINKAGES:
                continue
            if part.entries.get(function.name) == content_hash:
                function.linkage = "external"
            else:
                function.linkage = "weak_odr" if function.name in linkable else "linkonce_odr"
        merged.link_in(module)
    _resolve_recursion(merged)
    if _NUMBA_LINES in (text := str(merged)):
        # Debug level 1: Numba emits lines as it does for CUDA's assembler, without the unit that
        # a debugger looks for; as line tables they are DWARF. Those know no variables.
        text = _VARIABLE_RECORD.sub("", text.replace(_NUMBA_LINES, _LINE_TABLES))
        merged = llvm.parse_assembly(text)
        merged.name = "pkgimage"
    merged.verify()
    return merged.as_bitcode()


def _resolve_recursion(module: llvm.ModuleRef) -> None:
    """Define the pointers through which mutually recursive functions call each other.

    Numba fills them when the last function of the circle is ready; here all of them are.
    """
    defined = {f.name for f in module.functions if not f.is_declaration}
    goals = sorted(
        variable.name.removeprefix(UNRESOLVED_PREFIX)
        for variable in module.global_variables
        if variable.name.startswith(UNRESOLVED_PREFIX)
    )
    lines = [
        f'@"{UNRESOLVED_PREFIX}{goal}" = linkonce_odr constant ptr @"{goal}"\n'
        f'declare void @"{goal}"()\n'
        for goal in goals
        if goal in defined
    ]
    if lines:
        module.link_in(llvm.parse_assembly("".join(lines)))


def _partition_of(library: Library, names: CanonicalNames, partitions: int) -> int:
    """A function's partition depends on its own content only, so that others do not move."""
    if partitions == 1:
        return 0
    return int(names.circle(library), 16) % partitions


def _json(row: dict[str, Any]) -> bytes:
    return json.dumps(row, sort_keys=True, separators=(",", ":")).encode()


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:200]
