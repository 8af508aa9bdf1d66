"""From what the recorder saw to captured methods: which are kept, and why the others are not.

Nothing is left out silently. A method that was compiled now is described here; one that an earlier
capture answered is described already, in the store.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .captured import Blobs, CapturedMethod, Omission, closure
from .numba_callables import requested_as
from .numba_recorder import Method, Recorder
from .numba_references import dumps, generator_descriptor, initialisers
from .numba_slots import THREAD_INIT, slot_use
from .numba_specs import spec_of_type, specs_of
from .origins import BASE_PACKAGES, outermost
from .symbols import CanonicalNames, Library

# In the names of types: of a jitclass, of a type that is defined later, of a function.
_ADDRESS = r"#[0-9a-fA-F]+| at 0x[0-9a-fA-F]+"


@dataclass(frozen=True)
class Collected:
    """methods by key; libraries: canonical bitcode of all that they need, by content hash."""

    methods: Mapping[str, CapturedMethod]
    libraries: Mapping[str, bytes]
    omitted: tuple[Omission, ...]

    @property
    def modules(self) -> set[str]:
        """The modules whose functions were compiled in."""
        return {module for method in self.methods.values() for module in method.modules}


def reason_to_omit(recorder: Recorder, method: Method, library: Library) -> str | None:
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


def is_internal(method: Method) -> bool:
    """Numba's own helper, compiled into a caller: no program asks the image for it."""
    return method.nested and method.owner in BASE_PACKAGES


def collect(
    recorder: Recorder,
    earlier: Mapping[str, CapturedMethod],
    earlier_libraries: Mapping[str, bytes],
) -> Collected:
    """Everything that was recorded, and of the `earlier` methods those that answered."""
    collector = _Collector(recorder)
    for method in recorder.methods:
        if not is_internal(method):
            collector.consider(method)
    return collector.finish(earlier, earlier_libraries)


@dataclass
class _Kept:
    """A method that is kept: its row, its byte strings and its libraries, core first."""

    method: Method
    row: dict[str, Any]
    blobs: list[bytes]
    core: Library
    roles: dict[str, tuple[Library, str]]


class _Collector:
    """Sorts methods into those that are kept and those that are left out."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.names = CanonicalNames(recorder.owner_of)
        self.kept: dict[str, _Kept] = {}
        self.twins: list[_Kept] = []  # of a key that another method has as well
        self.omitted: dict[int, Omission] = {}  # by the id of the method

    def consider(self, method: Method) -> None:
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
        blobs = Blobs()
        try:
            row = self._row(method, library, blobs)
        except Exception as error:  # whatever a foreign object's pickling raises is the reason
            self._omit(method, f"it refers to what can't be kept: {_one_line(error)}")
            return
        # The same function and types once more comes from a second dispatcher or ufunc of one
        # function: it may have been wrapped in other ways.
        kept = _Kept(method, row, blobs.items, library, {})
        known = self.kept.setdefault(method.key, kept)
        if known is not kept:
            self.twins.append(kept)
        for role, entry in method.entries.items():
            known.roles.setdefault(role, entry)

    def _omit(self, method: Method, reason: str) -> None:
        shown = "(" + ", ".join(str(item) for item in method.argument_types) + ")"
        signature = re.sub(_ADDRESS, "", shown)  # it is written into the manifest
        self.omitted[id(method)] = Omission(method.name, signature, reason)

    def finish(
        self, earlier: Mapping[str, CapturedMethod], earlier_libraries: Mapping[str, bytes]
    ) -> Collected:
        """Describe what is kept and add what answered."""
        self._leave_out_confusable()
        circles = self._circles()
        methods: dict[str, CapturedMethod] = {}
        libraries: dict[str, bytes] = {}
        for key, kept in sorted(self.kept.items()):
            for library in [kept.core, *(library for library, _ in kept.roles.values())]:
                content = self.names.content_hash(library)
                if content not in libraries:
                    libraries[content] = self.names.bitcode(library)
            methods[key] = self._captured(key, kept, circles[key], libraries)
        # As of two methods of one key that are compiled, the first is kept.
        anew = self.kept.keys() & self.recorder.compiled_keys
        usable = {key: method for key, method in earlier.items() if key not in anew}
        caused = {cause for method in methods.values() for cause in method.causes}
        for key in sorted(closure(caused.union(self.recorder.answered_keys), usable)):
            methods[key] = earlier[key]
            if key in self.kept:
                self._omit_variant(self.kept[key], earlier[key].row)
            for content in earlier[key].libraries:
                libraries.setdefault(content, earlier_libraries[content])
        omitted = set(self.omitted.values())
        omitted |= {omission for method in methods.values() for omission in method.omits}
        return Collected(methods, libraries, tuple(sorted(omitted)))

    def _leave_out_confusable(self) -> None:
        """Of two methods with one key and other code, neither is kept: something decides the code
        that the key does not tell. Globals do, and are compared when the method is asked for."""
        for twin in self.twins:
            kept = self.kept.get(twin.method.key)
            if kept is None:
                continue
            if kept.row["globals"] != twin.row["globals"]:
                self._omit_variant(twin, kept.row)
                continue
            if self.names.content_hash(kept.core) != self.names.content_hash(twin.core):
                for method in (kept.method, twin.method):
                    self._omit(method, "its function can't be told from another with other code")
                del self.kept[kept.method.key]

    def _omit_variant(self, other: _Kept, row: Mapping[str, Any]) -> None:
        """Of the methods with one key that have frozen other values, one is kept, with that row."""
        ours, theirs = (set(map(tuple, one["globals"])) for one in (row, other.row))
        names = sorted({f"{module}.{name}" for module, name, _ in ours ^ theirs})
        if names:
            several = f"it was compiled for several values of {', '.join(names)}"
            self._omit(other.method, f"{several}; the image has the first")

    def _captured(
        self, key: str, kept: _Kept, circle: list[str], libraries: dict[str, bytes]
    ) -> CapturedMethod:
        method, row, names = kept.method, kept.row, self.names
        core = names.content_hash(kept.core)
        # Of a circle, the method that was compiled first knows nothing of the last but its name.
        parts = [part for other in circle for part in self.kept[other].core.with_callees()]
        causes, omits = self._caused(method)
        linkable = {symbol for symbol in (row["symbol"], *(row["generator"] or ())) if symbol}
        return CapturedMethod(
            key=key,
            shown=method.shown,
            row=row,
            blobs=tuple(kept.blobs),
            roles={
                role: (names.content_hash(library), names.symbol(symbol))
                for role, (library, symbol) in sorted(kept.roles.items())
            },
            core=core,
            linkable=tuple(sorted(linkable)),
            unit=self._unit(circle),
            weight=len(libraries[core]),
            modules=tuple(sorted(set().union(*(part.modules for part in parts)))),
            causes=tuple(sorted({*causes, *circle} - {key})),
            root=max(circle, key=self._order) if len(circle) > 1 else "",
            omits=tuple(sorted(omits)),
            origins=tuple(sorted(set().union(*(part.origins for part in parts)))),
            function=_requested_as(method),
            specs=specs_of(method.argument_types),
            returned=spec_of_type(method.result.signature.return_type),
        )

    def _circles(self) -> dict[str, list[str]]:
        """The keys of the methods that call each other in a circle with a method, by its key."""
        found = {}
        for key, kept in self.kept.items():
            circle = self.names.circle(kept.core)
            found[key] = sorted(
                other for other, member in self.kept.items() if id(member.core) in circle
            ) or [key]
        return found

    def _order(self, key: str) -> int:
        """When a method was ready: of a circle, the one that was asked for is the last."""
        return self.recorder.methods.index(self.kept[key].method)

    def _unit(self, circle: list[str]) -> str:
        """The outermost function that a method is in, of a circle the first."""
        functions = [self.kept[key].method.function for key in circle]
        return min(f"{f.__module__}:{outermost(f.__qualname__)}" for f in functions)

    def _caused(self, method: Method) -> tuple[set[str], set[Omission]]:
        """What compiling a method compiled as well, through Numba's own helpers too."""
        keys: set[str] = set()
        omits: set[Omission] = set()
        seen: set[int] = set()
        pending: list[Any] = list(self.recorder.requests_of(method))
        while pending:
            node = pending.pop()
            if isinstance(node, str):
                keys.add(node)
            elif id(node) not in seen:
                seen.add(id(node))
                if node.key in self.kept:
                    keys.add(node.key)
                if id(node) in self.omitted:
                    omits.add(self.omitted[id(node)])
                pending.extend(self.recorder.requests_of(node))
        return keys, omits

    def _row(self, method: Method, library: Library, blobs: Blobs) -> dict[str, Any]:
        """The method's row of the table. Raises what pickling its parts raises."""
        names, result = self.names, method.result
        descriptor = result.fndesc
        parts = {id(library): library}
        for entry_library, _ in method.entries.values():
            parts.setdefault(id(entry_library), entry_library)
        environments: dict[str, list[Any]] = {}
        references: set[str] = set()
        init = initialisers(result)
        for part in parts.values():
            use = slot_use(part, result.environment, bool(result.objectmode), names.symbol)
            for slot, module, constants in use.environments:
                blob = None if constants is None else blobs.add(constants)
                environments[slot] = [slot, module, blob]
            references.update(use.references)
            if use.threads:
                init.add(THREAD_INIT)
        own = result.environment
        return {
            "module": descriptor.modname,
            "qualname": method.function.__qualname__,
            "return": blobs.add(dumps(result.signature.return_type)),
            "objectmode": bool(result.objectmode),
            "symbol": names.symbol(descriptor.mangled_name),
            "generator": self._generator_symbols(result),
            "environment": names.symbol(own.env_name) if own else None,
            "environments": [environments[slot] for slot in sorted(environments)],
            "references": sorted(references),
            "noalias": bool(descriptor.noalias),
            "arguments": list(descriptor.args),
            "init": sorted(map(list, init)),
            "globals": self._globals_of(library),
        }

    def _generator_symbols(self, result: Any) -> list[str | None] | None:
        """The function that resumes a generator, for JIT code that iterates over it; the one that
        does so for Python, and the finalizer, if there is one, for JIT code that returns it."""
        descriptor = generator_descriptor(result)
        if descriptor is None:
            return None
        symbol, has_finalizer = self.names.symbol, result.signature.return_type.has_finalizer
        return [
            symbol(descriptor.llvm_func_name),
            symbol(descriptor.llvm_cpython_wrapper_name),
            symbol(descriptor.llvm_finalizer_name) if has_finalizer else None,
        ]

    def _globals_of(self, library: Library) -> list[list[str]]:
        """[module, name, digest] of the global values that a method and its callees froze."""
        frozen = sorted(set().union(*(part.frozen for part in library.with_callees())))
        for (module, name, _), (other_module, other_name, _) in itertools.pairwise(frozen):
            if (module, name) == (other_module, other_name):
                raise LookupError(
                    f"{module}.{name} had one value when a callee was compiled and another when "
                    "its caller was"
                )
        for module, name, digest in frozen:
            if not digest:
                raise LookupError(f"{module}.{name} can't be told from others by what it holds")
        return [list(item) for item in frozen]


def _requested_as(method: Method) -> str:
    if method.kind in ("lifted", "cfunc"):  # no types of a call lead to them
        return ""
    kind = method.kind + (method.extra if method.kind == "stencil" else "")
    return requested_as(kind, method.function, method.options, method.declared_return)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:200]
