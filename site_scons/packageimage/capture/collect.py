"""From what the recorder saw to what an image holds: modules, the method table, what was left out.

Which methods are kept, and why the others are not, is decided here; nothing is left out silently.
"""

from __future__ import annotations

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


@dataclass
class Capture:
    """What the serialize stage writes."""

    partitions: list[bytes]
    entries: list[list[str]]
    entry_owners: dict[str, str]
    table: dict[str, Any]
    blobs: list[bytes]
    omitted: list[Omission]
    owners: set[str] = field(default_factory=set)
    foreign_modules: set[str] = field(default_factory=set)


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
    names = CanonicalNames(recorder.owner_of)
    capture = Capture([], [], {}, {}, [], [])
    blobs = _Blobs()
    rows: dict[str, dict[str, Any]] = {}
    environments: dict[str, list[Any]] = {}
    frozen: dict[tuple[str, str, str], int] = {}
    kept: dict[str, bridge.Method] = {}
    libraries: dict[str, Library] = {}
    linkable: set[str] = set()

    for method in recorder.methods:
        if is_internal(method):
            continue
        library = recorder.library(method.result.library)
        reason = (
            method.unkeyable or "Numba kept no code for it"
            if library is None
            else reason_to_omit(recorder, method, library)
        )
        if reason is None and not method.entries:
            reason = None if method.kind == "ufunc" else "it has no entry point"
            if reason is None:
                continue  # a ufunc's core without a loop: nobody can call it
        row: dict[str, Any] = {}
        if reason is None:
            assert library is not None
            try:
                row = _row(recorder, names, method, library, blobs, environments, frozen)
            except Exception as error:  # whatever a foreign object's pickling raises is the reason
                reason = f"it refers to what can't be kept: {_one_line(error)}"
        if reason is not None:
            capture.omitted.append(
                Omission(
                    method.name,
                    "(" + ", ".join(str(item) for item in method.argument_types) + ")",
                    reason,
                )
            )
            continue
        key = method.key
        if key in rows:
            # The same function and types once more, from a second dispatcher or ufunc of one
            # function: it may have been wrapped in other ways.
            for role, entry in method.entries.items():
                kept[key].entries.setdefault(role, entry)
        else:
            rows[key] = row
            kept[key] = method
            libraries[key] = library
        linkable.update(symbol for symbol in (row["symbol"], row["generator"]) if symbol)
        capture.owners.add(method.owner)
        for function in recorder.functions_of(library):
            capture.foreign_modules.add(function.__module__ or "")

    _assemble(capture, names, kept, libraries, linkable, partitions)
    position = {
        symbol: [index, position]
        for index, entries in enumerate(capture.entries)
        for position, symbol in enumerate(entries)
    }
    for key, row in rows.items():
        roles = sorted(kept[key].entries.items())
        row["roles"] = {role: names.symbol(name) for role, (_, name) in roles}
        row["entries"] = {role: position[symbol] for role, symbol in row["roles"].items()}
    capture.table = {
        "format": 1,
        "methods": dict(sorted(rows.items())),
        "environments": dict(sorted(environments.items())),
        "globals": [list(item) for item in frozen],
    }
    capture.blobs = blobs.items
    capture.omitted = sorted(set(capture.omitted), key=lambda o: (o.function, o.signature))
    return capture


def _row(
    recorder: bridge.Recorder,
    names: CanonicalNames,
    method: bridge.Method,
    library: Library,
    blobs: _Blobs,
    environments: dict[str, list[Any]],
    frozen: dict[tuple[str, str, str], int],
) -> dict[str, Any]:
    result = method.result
    descriptor = result.fndesc
    libraries = {id(library): library}
    for entry_library, _ in method.entries.values():
        libraries.setdefault(id(entry_library), entry_library)
    slots: set[str] = set()
    references: set[str] = set()
    init = {
        (function.__module__, function.__qualname__)
        for function in set(result.reload_init) | set(result.library._reload_init)
    }
    for part in libraries.values():
        use = bridge.slot_use(part, result.environment, bool(result.objectmode), names.symbol)
        for slot, module, constants in use.environments:
            environments[slot] = [module, None if constants is None else blobs.add(constants)]
            slots.add(slot)
        references.update(use.references)
        if use.threads:
            init.update(map(tuple, bridge.THREAD_INIT))
    own_environment = result.environment
    return {
        "kind": method.kind,
        "module": descriptor.modname,
        "qualname": method.function.__qualname__,
        "signature": method.arguments_text,
        "declared": None
        if method.declared_return is None
        else bridge.return_type_text(method.declared_return),
        "return": blobs.add(bridge.dumps(result.signature.return_type)),
        "objectmode": bool(result.objectmode),
        "symbol": names.symbol(descriptor.mangled_name),
        "generator": _generator_symbol(result, names),
        "environment": names.symbol(own_environment.env_name) if own_environment else None,
        "environments": sorted(slots),
        "references": sorted(references),
        "noalias": bool(descriptor.noalias),
        "arguments": list(descriptor.args),
        "init": sorted(map(list, init)),
        "globals": _globals_of(recorder, library, frozen),
    }


def _generator_symbol(result: Any, names: CanonicalNames) -> str | None:
    """The function that resumes a generator, for JIT code that iterates over it."""
    descriptor = bridge.generator_descriptor(result)
    return None if descriptor is None else names.symbol(descriptor.llvm_func_name)


def _globals_of(
    recorder: bridge.Recorder, library: Library, frozen: dict[tuple[str, str, str], int]
) -> list[int]:
    """Indices of the global values that a method and its callees froze."""
    wanted: set[tuple[str, str, str]] = set()
    for function in recorder.functions_of(library):
        for (module, name), digest in recorder.frozen.get(function, {}).items():
            wanted.add((module, name, digest))
    return [frozen.setdefault(item, len(frozen)) for item in sorted(wanted)]


@dataclass
class _Partition:
    """The libraries of one module: by content hash, and which of them defines each entry."""

    libraries: dict[str, Library] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)


def _assemble(
    capture: Capture,
    names: CanonicalNames,
    kept: dict[str, bridge.Method],
    libraries: dict[str, Library],
    linkable: set[str],
    partitions: int,
) -> None:
    """Link the libraries of each partition into one module with the entries left external.

    `kept` are the methods by key, `libraries` their core libraries. What JIT code calls directly
    (`linkable`) stays in the bitcode although nothing in it may call it; all else is kept only
    where an entry needs it.
    """
    bins = [_Partition() for _ in range(partitions)]
    owner: set[str] = set()
    for key in sorted(kept):
        method = kept[key]
        part = bins[_partition_of(libraries[key], names, partitions)]
        part.libraries[names.content_hash(libraries[key])] = libraries[key]
        for library, name in method.entries.values():
            symbol = names.symbol(name)
            part.libraries[names.content_hash(library)] = library
            if symbol not in owner:
                owner.add(symbol)
                part.entries[symbol] = names.content_hash(library)
                capture.entry_owners[symbol] = method.shown
    for part in bins:
        capture.partitions.append(_link(part, names, linkable))
        capture.entries.append(sorted(part.entries))


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


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:200]
