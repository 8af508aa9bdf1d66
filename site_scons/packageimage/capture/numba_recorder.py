"""What Numba has compiled since it was hooked: each specialisation, its libraries, and what decided
their code.

One of the modules that use Numba's private interfaces, as `capture.numba_bridge` is. The hooks tell
the recorder, and it tells `capture.collect`.
"""

from __future__ import annotations

import contextlib
import re
import sys
import types as python_types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import llvmlite.binding as llvm
from numba.core import environment, errors
from numba.np.ufunc import dufunc

from ..model.method_key import Unkeyable, key_of
from .captured import CapturedMethod
from .numba_globals import (
    frozen_globals,
    frozen_value,
    names_in,
    text_of_system,
    types_of_system,
    values_named,
)
from .numba_references import dumps
from .numba_registrations import Watch
from .numba_slots import Slots
from .origins import BASE_PACKAGES, Origin, Sources, is_fixed
from .symbols import ENVIRONMENT_PREFIX, UNRESOLVED_PREFIX, Library, counters_or_name, tags

_ADDRESS_IN_TEXT = re.compile(r" at 0x[0-9a-f]+|#[0-9a-f]{6,}(?=<)")


@dataclass(eq=False)
class Method:
    """One specialisation, or one ufunc loop, that an image may answer for."""

    kind: str
    function: python_types.FunctionType
    argument_types: tuple
    declared_return: Any
    options: str
    extra: str
    result: Any  # numba's CompileResult
    nested: bool
    requests: list[int] = field(default_factory=list)  # ids of libraries that it asked for
    key: str = ""
    unkeyable: str = ""
    entries: dict[str, tuple[Library, str]] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """Function and signature as a person would write them."""
        arguments = ", ".join(str(item) for item in self.argument_types)
        return f"{self.name}({_ADDRESS_IN_TEXT.sub('', arguments)})"

    @property
    def name(self) -> str:
        """Module and qualified name; functions made by exec() may have no module."""
        return f"{self.function.__module__ or '<exec>'}.{self.function.__qualname__}"

    @property
    def owner(self) -> str:
        return (self.function.__module__ or "").partition(".")[0]


@dataclass(eq=False)
class _Frame:
    """One compilation in progress: which Python functions went into it."""

    functions: list[python_types.FunctionType] = field(default_factory=list)
    frozen: set[tuple[str, str, str]] = field(default_factory=set)
    line_bound: bool = False  # its code holds line numbers, so that a comment changes it
    unrepeatable: bool = False  # its code depends on what else this process has compiled


def _environment_constants(module: llvm.ModuleRef) -> bytes:
    """The constants that a module's functions load from their environments, pickled."""
    found = []
    for variable in module.global_variables:
        if variable.name.startswith(ENVIRONMENT_PREFIX):
            env = environment.lookup_environment(variable.name)
            if env is not None and env.consts:
                try:
                    found.append(dumps(list(env.consts)))
                except Exception as error:  # such a method is omitted, for this very reason
                    found.append(type(error).__name__.encode())
    return b"".join(found)


class _Compiling(NamedTuple):
    nested: bool
    requests: list[int]


class Recorder:
    """What Numba compiled since `install`."""

    def __init__(self, own: Iterable[str] = ()) -> None:
        """`own`: see `origins.Sources`."""
        self.libraries: dict[int, Library] = {}
        self.owner_of: dict[str, Library] = {}
        self.methods: list[Method] = []
        self.unnamed_addresses: dict[str, str] = {}
        self.frames: list[_Frame] = []
        # What the next function to be compiled is made of, where Numba makes one of another.
        self.made_of: python_types.FunctionType | None = None
        self.sources = Sources(sys.modules, own)
        self.slots = Slots()
        self.watch = Watch()
        self.answered_keys: dict[str, None] = {}  # of methods of an earlier capture, in order
        self.compiled_keys: set[str] = set()  # of those that were compiled before any answered
        # Modules that nothing but Numba's entry points has imported.
        self.extensions: set[str] = set()
        self._compiling: list[list[int]] = []
        self._nodes: dict[int, Method | str] = {}  # whose code a library is, by the library's id
        self._keepalive: list[Any] = []
        self._lowered_in: dict[int, list[_Frame]] = {}

    def keep(self, thing: Any) -> None:
        """Hold on to an object whose id is used as a key."""
        self._keepalive.append(thing)

    def library(self, numba_library: Any) -> Library | None:
        return self.libraries.get(id(numba_library))

    def requests_of(self, method: Method) -> list[Method | str]:
        """The methods that compiling a method asked for; of earlier captures, their keys."""
        return [self._nodes[library] for library in method.requests if library in self._nodes]

    # -- called by the hooks -------------------------------------------------------------------

    def on_lower(self, numba_library: Any, descriptor: Any, function: Any) -> None:
        """A function is being put into a library by the innermost compilation."""
        if self.frames:
            self.frames[-1].frozen |= types_of_system(descriptor, function)
            frames = self._lowered_in.setdefault(id(numba_library), [])
            self.keep(numba_library)
            if self.frames[-1] not in frames:
                frames.append(self.frames[-1])

    def on_finalize(self, numba_library: Any) -> None:
        module = numba_library._final_module
        frames = self._lowered_in.get(id(numba_library), [])
        functions = list(dict.fromkeys(f for frame in frames for f in frame.functions))
        line_bound = any(frame.line_bound for frame in frames)
        origins = self._origins(functions, line_bound)
        if any(frame.unrepeatable for frame in frames):
            origins.add(Origin("", "", ""))
        library = Library(
            bitcode=module.as_bitcode(),
            order=len(self.libraries),
            links=[
                known
                for linked in numba_library._linking_libraries
                if (known := self.library(linked)) is not None
            ],
            modules={f.__module__ or "" for f in functions},
            origins=origins,
            constants=_environment_constants(module),
            frozen=set().union(*(frame.frozen for frame in frames)),
            dynamic_globals=[
                value.name
                for value in module.global_variables
                if value.name.startswith("numba.dynamic.globals")
            ],
            recursive=[
                counter
                for value in module.global_variables
                if value.name.startswith(UNRESOLVED_PREFIX)
                for _, _, counter in tags(value.name)
            ],
        )
        self.keep(numba_library)
        self.libraries[id(numba_library)] = library
        for function in module.functions:
            if not function.is_declaration:
                for counter in counters_or_name(function.name):
                    self.owner_of.setdefault(counter, library)

    def on_function(self, function: python_types.FunctionType) -> None:
        """The innermost compilation has read a Python function, to compile or to inline it."""
        if self.frames:
            self.frames[-1].functions.append(function)
            if (function.__module__ or "").partition(".")[0] not in BASE_PACKAGES:
                # A ufunc that compiles when it is called takes the first loop that fits, of those
                # that it has by then.
                if any(isinstance(v, dufunc.DUFunc) for v in values_named(function)):
                    self.frames[-1].unrepeatable = True
                names = names_in(function.__code__)
                self.frames[-1].frozen |= frozen_globals(function, names)
                self.frames[-1].frozen |= text_of_system(function.__code__)

    def on_overload(self, function: Any, declined: bool) -> None:
        """The innermost compilation has asked a function of an extension what to compile; it ran as
        Python, so that what it and the functions that it calls see decided the code.

        declined: whether it had nothing. Of an installed extension that the package knows nothing
        of, that counts as settled: nearly all of them are asked in vain, and a process that
        compiles nothing would have to import the extension to look at what it holds.
        """
        module = getattr(function, "__module__", None) or ""
        own = module.partition(".")[0] in self.sources.own
        if declined and module in self.extensions and not own:
            return
        pending, seen = [function], set()
        while pending and self.frames:
            function = pending.pop()
            if not isinstance(function, python_types.FunctionType) or function in seen:
                continue
            seen.add(function)
            if not is_fixed(function.__module__ or ""):
                self.frames[-1].frozen |= frozen_globals(function, names_in(function.__code__))
                pending += values_named(function)

    def on_made_attribute(self, module: python_types.ModuleType, name: str) -> None:
        """The innermost compilation has frozen what a module makes when it is asked for it, by a
        `__getattr__` of its own."""
        if self.frames and name not in vars(module) and not is_fixed(module.__name__):
            self.frames[-1].frozen |= frozen_value(module.__name__, name, getattr(module, name))

    def _origins(self, functions: list[python_types.FunctionType], line_bound: bool) -> set[Origin]:
        found = (self.sources.origin_of(f, with_line=line_bound) for f in functions)
        return {origin for origin in found if origin is not None}

    def answered(
        self, key: str, method: CapturedMethod, bitcode: bytes, numba_library: Any
    ) -> None:
        """An earlier capture has answered a request; `bitcode` is the method's core library."""
        self.keep(numba_library)
        self.answered_keys.setdefault(key)
        self._nodes[id(numba_library)] = key
        self.libraries[id(numba_library)] = Library(
            bitcode=bitcode,
            order=len(self.libraries),
            modules=set(method.modules),
            origins=set(method.origins),
            frozen={(module, name, digest) for module, name, digest in method.row["globals"]},
            content_hash=method.core,
        )
        self.requested(numba_library)

    def requested(self, numba_library: Any) -> None:
        """The innermost compilation has asked for a method that is ready now."""
        if self._compiling:
            self._compiling[-1].append(id(numba_library))

    def on_pickled_code(self) -> None:
        """A function is pickled by value into the code of the innermost compilation."""
        if self.frames:
            self.frames[-1].unrepeatable = True

    def on_line(self) -> None:
        """A line number goes into the code of the innermost compilation."""
        if self.frames:
            self.frames[-1].line_bound = True

    def add(self, method: Method) -> None:
        try:
            method.key = key_of(
                method.kind,
                method.function,
                method.options,
                method.extra,
                method.argument_types,
                method.declared_return,
            )
        except Unkeyable as error:
            method.unkeyable = str(error)
        result = method.result
        result.library._ensure_finalized()
        library = self.library(result.library)
        if library is None:
            method.unkeyable = method.unkeyable or "Numba kept no library for it"
        elif method.kind != "ufunc":  # a ufunc is called through its loop, see add_entry
            names = {
                "cpython": result.fndesc.llvm_cpython_wrapper_name,
                "cfunc": result.fndesc.llvm_cfunc_wrapper_name,
            }
            defined = {
                f.name for f in result.library._final_module.functions if not f.is_declaration
            }
            for role, name in names.items():
                if name in defined:
                    method.entries[role] = (library, name)
        self._nodes[id(result.library)] = method
        if method.key not in self.answered_keys:
            self.compiled_keys.add(method.key)
        self.methods.append(method)
        self.requested(result.library)

    def add_entry(self, result: Any, role: str, info: Any) -> None:
        """A ufunc or gufunc wrapper was built around a compiled function."""
        info.library._ensure_finalized()
        library = self.library(info.library)
        for method in self.methods:
            if method.result is result and library is not None:
                method.entries[role] = (library, info.name)

    @contextlib.contextmanager
    def compiling(self) -> Iterator[_Compiling]:
        """One compilation: whether another one asked for it, and what it asks for itself."""
        state = _Compiling(bool(self._compiling), [])
        self._compiling.append(state.requests)
        try:
            yield state
        finally:
            self._compiling.pop()

    @contextlib.contextmanager
    def frame(self) -> Iterator[None]:
        # Numba remembers here the last place that it typed, and puts it into code of later
        # functions that have none of their own.
        last_place = dict(errors.loc_info)
        errors.loc_info.clear()
        self.frames.append(_Frame())
        made_of, self.made_of = self.made_of, None
        if made_of is not None:
            self.on_function(made_of)
        # What is registered by compiling is registered again by compiling.
        self.watch.begin("")
        try:
            yield
        finally:
            self.watch.end()
            self.frames.pop()
            errors.loc_info.clear()
            errors.loc_info.update(last_place)
