"""Numba's dispatchers as data: what an image keeps of each, so that it is restored without Numba.

One of the modules that use Numba's private interfaces, as `capture.numba_bridge` is.
"""

from __future__ import annotations

import gc
import marshal
import sys
import types as python_types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from numba import njit
from numba.core import ccallback, compiler, dispatcher, types
from numba.core.registry import CPUDispatcher
from numba.experimental.jitclass import base as jitclass
from numba.np.ufunc import dufunc, gufunc
from numba.stencils.stencil import StencilFunc

from ..model import package_data
from ..model.method_key import (
    Unkeyable,
    dispatcher_options,
    function_key,
    global_text,
    key_of,
    lives_in_its_module,
    short_digest,
)
from . import numba_callables, numba_references
from .captured import CapturedMethod
from .data import SPECIAL, CannotRestore
from .data_code import marshalled
from .numba_callables import Entry, row_of
from .numba_specs import spec_of_type
from .origins import is_fixed

_OF_NUMBA = {
    dufunc.DUFunc: "a universal function of Numba",
    gufunc.GUFunc: "a generalised universal function of Numba",
    StencilFunc: "a stencil of Numba",
    jitclass.JitClassType: "a class that Numba compiles",
    dispatcher.LiftedCode: "a part of a function that Numba has compiled",
    ccallback.CFunc: "a C callback of Numba",
}


class FunctionTable:
    """The dispatchers of the modules that are restored, by module and number."""

    def __init__(
        self, modules: Iterable[str], rebound: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        """rebound: see `numba_slots.Slots`, references that code has taken which now mean another
        object: a restored function would use that one."""
        self.modules = frozenset(modules)
        self._rebound: dict[str, str] = {}
        for reference, users in (rebound or {}).items():
            _, module, name, *_ = reference.split(":")
            for user in sorted(users):
                self._rebound.setdefault(user, f"{module}.{name}")
        # Of the tables so far: how many specialisations, and their specs with their numbers.
        self.n_starts = 0
        self.specs: dict[tuple[Any, ...], int] = {}
        self.dispatchers: dict[str, list[Any]] = {name: [] for name in sorted(self.modules)}
        self._numbers: dict[int, tuple[str, int]] = {}
        self._declared: dict[int, list[tuple[Any, Any]]] = {}
        self._owners: dict[int, Any] = {}  # the dispatcher that a Python function comes from
        objects = gc.get_objects()
        # A jitclass makes dispatchers of its methods, and makes them again.
        classes = [found for found in objects if isinstance(found, jitclass.JitClassType)]
        methods = numba_callables.functions_of_classes(classes)
        for found in objects:
            if isinstance(found, CPUDispatcher) and id(found.py_func) not in methods:
                if found.py_func.__module__ not in self.modules:
                    continue
                self._owners.setdefault(id(found.py_func), found)

    def special(self, value: object) -> tuple[Any, ...] | None:
        """How a dispatcher, or the function that it was made of, is pickled.

        Raises CannotRestore for what Numba makes of functions and nothing here can make again.
        """
        if type(value) is CPUDispatcher:
            return self._dispatcher(value)
        made_of = numba_callables.function_of(value)
        if made_of is not None and made_of.__module__ in self.modules:
            self._check_rebound(made_of.__module__)
            return self._callable(value, made_of)
        if type(value) is python_types.FunctionType:
            owner = self._owners.get(id(value))
            return None if owner is None else (SPECIAL, ("py_func", owner))
        if isinstance(value, types.DeferredType):
            raise CannotRestore("a type of Numba that is defined later")
        for kind, what in _OF_NUMBA.items():
            if isinstance(value, kind) and self._is_own(value):
                raise CannotRestore(what)
        return None

    def _check_rebound(self, module: str) -> None:
        if module in self._rebound:
            raise CannotRestore(
                f"a compiled function in a module whose code uses {self._rebound[module]}, which "
                "has become another object since"
            )

    def _is_own(self, value: object) -> bool:
        """Whether no other package can be asked for it."""
        module = getattr(value, "__dict__", {}).get("__module__")
        return not isinstance(module, str) or module in self.modules

    def _callable(self, value: Any, function: Any) -> tuple[Any, ...]:
        module = function.__module__
        if id(value) not in self._numbers:
            described = numba_callables.described(value)
            table = self.dispatchers[module]
            self._numbers[id(value)] = module, len(table)
            table.append(described)
        return SPECIAL, (package_data.CALLABLE, *self._numbers[id(value)], function)

    def _dispatcher(self, found: Any) -> tuple[Any, ...] | None:
        function = found.py_func
        module = function.__module__
        if module not in self.modules:
            # One with a name there would be a reference.
            raise CannotRestore(f"a compiled function of {module}, which has no name for it")
        self._check_rebound(module)
        if not lives_in_its_module(function):
            raise CannotRestore("a compiled function with globals of its own")
        if found._compiler.pipeline_class is not compiler.Compiler:
            raise CannotRestore("a function with a compiler pipeline of its own")
        try:
            marshal.dumps(dict(found.targetoptions), package_data.MARSHAL_VERSION)
        except ValueError:
            raise CannotRestore("a function with options that are objects") from None
        changed = _changed_attribute(found)
        if changed:
            raise CannotRestore(f"a compiled function whose attribute {changed} was set")
        if id(found) not in self._numbers:
            table = self.dispatchers[module]
            self._numbers[id(found)] = module, len(table)
            table.append(found)
            self._declared[id(found)] = [
                (tuple(args), result.signature.return_type)
                for args, result in found.overloads.items()
            ]
        attributes = {k: v for k, v in vars(function).items() if k != "__wrapped__"}
        if getattr(function, "__type_params__", ()):
            attributes["__type_params__"] = function.__type_params__
        # Since Python 3.14 annotations are what a function of the function's returns.
        annotate = getattr(function, "__annotate__", None)
        if annotate is not None:
            attributes["__annotate__"] = annotate
        owner = self._owners.get(id(function), found)
        parts = (
            function.__kwdefaults__,
            function.__closure__,
            None if annotate is not None else function.__annotations__ or None,
            attributes or None,
            None if owner is found else function,
        )
        arguments = ("dispatcher", *self._numbers[id(found)], function.__defaults__)
        if all(part is None for part in parts):
            return SPECIAL, arguments
        return SPECIAL, arguments, parts, None, None, SPECIAL

    # -- tables --------------------------------------------------------------------------------

    def table(
        self,
        module: str,
        methods: Mapping[str, CapturedMethod],
        position: Callable[[str], Entry],
        environments: Mapping[str, int],
    ) -> tuple[bytes, bytes]:
        """The functions of a module, see `load.dispatchers.Function`, with what is looked at before
        their first calls (`_starts`); and what is read of few of them.

        `position` gives the place of an entry's symbol. environments: the place of each in
        `assemble.environments_of`.
        """
        looked_at: dict[tuple[bytes | str | None, ...], int] = {}
        details = bytearray()
        heads = [
            self._head(found, methods, position, environments, looked_at, details)
            for found in self.dispatchers[module]
        ]
        return package_data.dumps((heads, list(looked_at))), bytes(details)

    def frozen(
        self, module: str, methods: Mapping[str, CapturedMethod]
    ) -> tuple[tuple[str, str, str], ...]:
        """What code that a module's source has compiled holds of other modules, which a program may
        change before it imports that one: (module, global, digest), where it has not changed since.
        """
        keys: set[str] = set()
        for found in self.dispatchers[module]:
            if isinstance(found, numba_callables.Described):
                keys |= found.early_keys(methods)
            else:
                for args, return_type in self._declared[id(found)]:
                    keys.add(_captured_key(found, args, return_type, methods)[0])
        rows = [methods[key].row for key in keys if key in methods]
        return tuple(
            sorted(
                {
                    (owner, name, digest)
                    for row in rows
                    for owner, name, digest in row["globals"]
                    if owner != module and not is_fixed(owner) and _is(owner, name, digest)
                }
            )
        )

    def _head(
        self,
        found: Any,
        methods: Mapping[str, CapturedMethod],
        position: Callable[[str], Entry],
        environments: Mapping[str, int],
        looked_at: dict[tuple[bytes | str | None, ...], int],
        details: bytearray,
    ) -> tuple[Any, ...]:
        if isinstance(found, numba_callables.Described):
            return found.head(methods, position)
        function = found.py_func
        signature = found._compiler.pysig
        names = tuple(signature.parameters)
        takes_rest = any(p.kind == p.VAR_POSITIONAL for p in signature.parameters.values())
        declared, early = [], set()
        for args, return_type in self._declared[id(found)]:
            key, with_return = _captured_key(found, args, return_type, methods)
            declared.append((args, return_type if key and with_return else None, key))
            early.add(key)
        # Not by what this dispatcher has compiled: what an earlier capture answered for a caller
        # has compiled nothing. With the declared return type of a workload's it is another one.
        try:
            own = function_key(function, dispatcher_options(found))
        except Unkeyable:  # it has none in the image, and Numba compiles it
            own = None
        rows = [
            (method.specs, _row(method, position, early=key in early), key, key in early)
            for key, method in sorted(methods.items())
            if method.function == own or key in early
        ]
        calls = bool(found._can_compile), rows
        about = (
            marshalled([function.__code__], with_file=False),
            dict(found.targetoptions),
            bool(getattr(found, "_pkgimage_caches", False)),
            numba_references.dumps(declared) if declared else None,
            numba_references.dumps(found.locals) if found.locals else None,
            (spec_of_type(types.Dispatcher(found)) or ("", ""))[1],
        )
        at_calls = len(details)
        details += package_data.dumps(calls)
        at_details = len(details)
        details += package_data.dumps(about)
        return (
            function.__name__,
            function.__qualname__,
            names,
            takes_rest,
            not found.targetoptions.get("nopython", False),
            at_calls,
            at_details,
            *self._starts(rows, function.__module__, environments, looked_at),
        )

    def _starts(
        self,
        rows: list[tuple[Any, ...]],
        module: str,
        environments: Mapping[str, int],
        looked_at: dict[tuple[bytes | str | None, ...], int],
    ) -> list[Any]:
        """What a dispatcher is given when its module is restored: of each specialisation that needs
        no Numba (`load.dispatchers.START` values), the number of its row, that of its specs in
        `specs`, partition, place in it, the place of an environment (`assemble.environments_of`),
        and the number of what `looked_at` has for it: the environment's constants, pickled, or
        None, and modules and names of globals, in a row.

        The environment is one in the module's own namespace. Where a first call takes more than
        that and a look at some globals, the last two are None: the loader is asked then.
        """
        found: list[Any] = []
        seen = set()
        for number, (specs, row, _, _) in enumerate(rows):
            if row is None or specs in seen:
                continue
            seen.add(specs)
            place, slot, used, references, needed, threads, _, _ = row
            # Of Numba's own globals, only one is not its version's business.
            of_numba = [name for owner, name, _ in needed if package_data.is_of_numba(owner)]
            own = [
                part for key in needed if not package_data.is_of_numba(key[0]) for part in key[:2]
            ]
            constants = used[0][2] if used else None
            is_plain = (
                used == ((slot, module, constants),)
                and (constants is None or numba_references.can_be_shared(constants))
                and not references
                and not threads
                and "IS_WIN32" not in of_numba
            )
            found += (number, self.specs.setdefault(specs, len(self.specs)), *place)
            if is_plain:
                number = looked_at.setdefault((constants, *own), len(looked_at))
                found += (environments[slot], number)
            else:
                found += (None, None)
            self.n_starts += 1
        return found


def _is(module: str, name: str, digest: str) -> bool:
    """Whether a global is what the digest says."""
    try:
        text = global_text(getattr(sys.modules[module], name))
    except (KeyError, AttributeError, Unkeyable):
        return False
    return short_digest(text.encode()) == digest


_OF_DISPATCHERS = frozenset(vars(njit(lambda: None)))
_OF_FUNCTIONS = ("__doc__", "__module__", "__name__", "__qualname__")


def _changed_attribute(found: Any) -> str | None:
    """An attribute that was set on a dispatcher and neither Numba's nor its function's."""
    function, own = found.py_func, vars(found)
    for name in sorted(own):
        if name in _OF_FUNCTIONS:
            same = own[name] == getattr(function, name)
        else:
            same = name.startswith("_") or name in _OF_DISPATCHERS
            same = same or own[name] is vars(function).get(name, own)
        if not same:
            return str(name)
    return None


def _captured_key(
    found: Any, args: tuple[Any, ...], return_type: Any, methods: Mapping[str, CapturedMethod]
) -> tuple[str, bool]:
    """The key of a specialisation that is in the capture, and whether its return type was declared;
    "" when it is in none."""
    options = dispatcher_options(found)
    for declared in (None, return_type):
        try:
            key = key_of("function", found.py_func, options, "", args, declared)
        except Unkeyable:
            return "", False
        if key in methods:
            return key, declared is not None
    return "", False


def _row(
    method: CapturedMethod, position: Callable[[str], Entry], *, early: bool
) -> tuple[Any, ...] | None:
    """What the loader needs to run a method without Numba; None for one that needs Numba."""
    if method.specs is None or method.row["environment"] is None:
        return None
    return row_of(method, position, early=early)
