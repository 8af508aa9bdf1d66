"""What Numba makes of functions besides dispatchers, as data: universal functions, callbacks,
stencils and jitclasses.

One of the modules that use Numba's private interfaces, as `capture.numba_bridge` is. Each object is
a number in the pickle and a row in its module's table of functions, as a dispatcher is
(`capture.numba_dispatchers`); `load.callables` makes it again.
"""

from __future__ import annotations

import ctypes
import types as python_types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy
from numba.core import ccallback, compiler, ir, types
from numba.core.typing.ctypes_utils import to_ctypes
from numba.experimental.jitclass import base as jitclass
from numba.np import numpy_support
from numba.np.ufunc import dufunc, gufunc, ufuncbuilder
from numba.stencils import stencil

from ..model import package_data
from ..model.method_key import (
    Unkeyable,
    callback_options,
    function_key,
    key_of,
    lives_in_its_module,
    options_text,
)
from ..model.package_data import PARALLEL
from ..model.type_spec import NUMBERS, Spec
from . import numba_references, numba_requests, numba_slots
from .captured import CapturedMethod
from .data_nodes import CannotRestore
from .numba_specs import specs_of

Entry = tuple[int, int]
"""Partition, and place in it, of an entry."""
Position = Callable[[str], Entry]
Methods = Mapping[str, CapturedMethod]
Row = tuple[Any, ...]

# References that only Numba can make sense of.
_NUMBAS_REFERENCES = ("pkgimage.ref.jitclass",)


def row_of(
    method: CapturedMethod | None, position: Position, *, role: str = "cpython", early: bool
) -> Row | None:
    """What the loader needs to run a method without Numba; None for one that needs Numba.

    role: the entry that it is run by. early: it was compiled while the package was imported, so it
    has frozen what globals were then, whatever they are when it is called.
    """
    if method is None or role not in method.roles:
        return None
    row = method.row
    init = [tuple(item) for item in row["init"]]
    if any(item != numba_slots.THREAD_INIT for item in init) or any(
        name.startswith(_NUMBAS_REFERENCES) for name in row["references"]
    ):
        return None
    environments = [
        (slot, module, None if blob is None else method.blobs[blob])
        for slot, module, blob in row["environments"]
    ]
    return (
        tuple(position(method.roles[role][1])),
        row["environment"],
        tuple(environments),
        tuple(row["references"]),
        () if early else tuple(map(tuple, row["globals"])),
        bool(init),
        row["qualname"],
        row["module"],
    )


def requested_as(kind: str, function: Any, options: str, declared_return: Any) -> str:
    """What all specialisations share that are requested in one way; see `CapturedMethod`. Raises
    Unkeyable."""
    own = function_key(function, options)
    declared = "" if declared_return is None else " declared"
    return f"{own}{declared}" if kind == "function" else f"{kind} {own}{declared}"


class Described:
    """One object, as it was after its package was imported."""

    kind: str
    what: str
    _OWN: frozenset[str]  # the attributes that Numba gives it

    def __init__(self, value: Any) -> None:
        """Raises CannotRestore."""
        self.value = value
        self.function = function_of(value)
        if not isinstance(self.function, python_types.FunctionType) or not lives_in_its_module(
            self.function
        ):
            raise CannotRestore(f"{self.what} with globals of its own")
        changed = self._changed_attribute()
        if changed:
            raise CannotRestore(f"{self.what} whose attribute {changed} was set")

    def _changed_attribute(self) -> str | None:
        own, function = vars(self.value), self.function
        for name in sorted(own):
            if name in _OF_FUNCTIONS:
                same = own[name] == getattr(function, name)
            else:
                same = name in self._OWN or own[name] is vars(function).get(name, own)
            if not same:
                return str(name)
        return None

    def _plain(self, value: Any, what: str) -> Any:
        """A value that the table can hold."""
        if not _is_plain(value):
            raise CannotRestore(f"{self.what} with {what} that are objects")
        return value

    def head(self, methods: Methods, position: Position) -> Row:
        """Its row in the table: kind, what making it takes, and the rest as bytes."""
        raise NotImplementedError

    def early_keys(self, methods: Methods) -> set[str]:
        """The keys of the methods that the source has compiled for it."""
        return set()


def _is_plain(value: Any) -> bool:
    """Whether marshal gives a value back as it was; NumPy's numbers it does not. It sorts sets."""
    if type(value) is dict:
        return all(_is_plain(part) for pair in value.items() for part in pair)
    if type(value) in (tuple, set, frozenset):
        return all(map(_is_plain, value))
    return type(value) in (bool, int, float, complex, str, bytes, type(None))


def _pairs(options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Options in their own order, which shows."""
    return tuple(options.items())


_OF_FUNCTIONS = (
    "__annotations__", "__doc__", "__module__", "__name__", "__qualname__", "__type_params__",
)  # fmt: skip


class _Universal(Described):
    """What universal functions have in common: loops, one for each combination of types."""

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        # Those that the source has compiled, in their order, which decides what a call takes.
        self._early: list[tuple[tuple[Any, ...], Any]] = []

    def _options_text(self) -> str:
        raise NotImplementedError

    def early_keys(self, methods: Methods) -> set[str]:
        options = self._options_text()
        return {
            self._keyed(options, args, (declared,), methods)[0]
            for args, returned in self._early
            for declared in (None, returned)
        }

    def _loop(
        self, key: str, types_of_loop: Sequence[Spec], methods: Methods, position: Position,
        role: str, *, early: bool,
    ) -> Row:  # fmt: skip
        """(types of inputs and outputs or None, what `RestoredPackage.ready` takes or None, key)"""
        row = row_of(methods.get(key), position, role=role, early=early)
        known = None if None in types_of_loop else tuple(types_of_loop)
        return known, None if known is None else row, key

    def _keyed(
        self, options: str, args: tuple[Any, ...], returns: Iterable[Any], methods: Methods
    ) -> tuple[str, bool]:
        """The key of a loop that is in the capture and whether its return type was declared; ""
        when it is in none."""
        for declared in returns:
            try:
                key = key_of("ufunc", self.function, options, "", args, declared)
            except Unkeyable:
                return "", False
            if key in methods:
                return key, declared is not None
        return "", False

    def _found(self, options: str, declared: Any, methods: Methods) -> list[CapturedMethod]:
        """All loops that a call may ask for."""
        own = requested_as("ufunc", self.function, options, declared)
        return [method for _, method in sorted(methods.items()) if method.function == own]


class DUFunc(_Universal):
    kind = "dufunc"
    what = "a universal function of Numba"
    _OWN = frozenset({"__wrapped__", "_lower_me", "reorderable"})

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        inner = value._dispatcher
        self._options = self._plain(dict(inner.targetoptions), "options")
        if inner.locals:
            raise CannotRestore(f"{self.what} with declared locals")
        identity = value.identity
        self._identity = "reorderable" if identity is None and value.reorderable else identity
        self._frozen = bool(value._frozen)
        self._shape = value.nin, value.nout
        for number, (signature, result) in enumerate(inner.overloads.items()):
            returned = signature.return_type
            if result.objectmode:  # which keeps no declared type
                returned = numpy_support.from_dtype(numpy.dtype(value.types[number][-1]))
            self._early.append((tuple(signature.args), returned))

    def _options_text(self) -> str:
        return options_text(self._options)

    def head(self, methods: Methods, position: Position) -> Row:
        options = self._options_text()
        declared, early = [], []
        for args, returned in self._early:
            key, with_return = self._keyed(options, args, (None, returned), methods)
            declared.append((args, returned if not key or with_return else None))
            kinds = [number_of(kind) for kind in (*args, returned)]
            early.append(self._loop(key, kinds, methods, position, "ufunc", early=True))
        loops = [
            (
                *self._loop(
                    method.key, [*map(_item, method.specs or [None]), _item(method.returned)],
                    methods, position, "ufunc", early=False,
                ),
                _callers(method.key, methods),
            )
            for method in self._found(options, None, methods)
        ]  # fmt: skip
        rest = (
            _pairs(self._options),
            early,
            numba_references.dumps(declared) if declared else None,
            loops,
        )
        body = package_data.dumps(package_data.canonical(rest))
        return (self.kind, *self._shape, self._identity, self._frozen, body)


class GUFunc(_Universal):
    kind = "gufunc"
    what = "a generalised universal function of Numba"
    _OWN = frozenset(
        {
            "__wrapped__", "_dispatcher", "_frozen", "_identity", "_is_dynamic", "_lower_me",
            "gufunc_builder", "ufunc",
        }
    )  # fmt: skip

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        builder = value.gufunc_builder
        self._options = self._plain(dict(builder.targetoptions), "options")
        self._inner_options = self._plain(dict(builder.nb_func.targetoptions), "options")
        if builder.nb_func.locals:
            raise CannotRestore(f"{self.what} with declared locals")
        self._shape = len(builder.sin), len(builder.sout)
        self._dimensions = tuple(len(core) for core in builder.sin) + tuple(
            len(core) or 1 for core in builder.sout
        )
        self._role = f"gufunc{builder.sin}{builder.sout}"
        self._flags = bool(value._frozen), bool(value._is_dynamic)
        given = value._identity, builder.signature, tuple(builder.writable_args)
        self._given = self._plain(given, "arguments")
        for signature in builder._sigs:
            self._early.append((tuple(signature.args), signature.return_type))

    def _options_text(self) -> str:
        return options_text({**self._inner_options, **self._options})

    def head(self, methods: Methods, position: Position) -> Row:
        options = self._options_text()
        declared, early = [], []
        for args, returned in self._early:
            key, with_return = self._keyed(options, args, (returned, None), methods)
            declared.append((args, returned if not key or with_return else None))
            kinds = list(map(number_of, args))
            early.append(self._loop(key, kinds, methods, position, self._role, early=True))
        loops = [
            self._loop(
                method.key, list(map(_item, method.specs or ())), methods, position, self._role,
                early=False,
            )
            for method in self._found(options, types.none, methods)
            if method.specs is not None and self._is_requested(method.specs)
        ]  # fmt: skip
        rest = (
            _pairs(self._options), _pairs(self._inner_options), early,
            numba_references.dumps(declared) if declared else None, loops,
        )  # fmt: skip
        body = package_data.dumps(package_data.canonical(rest))
        return (self.kind, *self._shape, *self._given, *self._flags, body)

    def _is_requested(self, specs: tuple[Spec, ...]) -> bool:
        """Whether these are types that a call asks for; a source may have declared others."""
        wanted = [
            ("array", _item(spec), dimensions, "A", True, True) if dimensions else _item(spec)
            for spec, dimensions in zip(specs, self._dimensions, strict=False)
        ]
        return tuple(wanted) == specs


class Parallel(_Universal):
    """A ufunc of NumPy's, whose loops it was made with: no object of Numba's is left of it."""

    kind = PARALLEL
    what = "a universal function of Numba's for target='parallel'"

    def __init__(self, value: Any) -> None:
        self.value = value
        self.function = function_of(value)
        if getattr(value, "__dict__", None):  # which ufuncs have since NumPy 2.2
            raise CannotRestore(f"{self.what} that was given attributes")
        if not lives_in_its_module(self.function):
            raise CannotRestore(f"{self.what} with globals of its own")
        builder = numba_requests.parallel_builder(value)
        inner = builder.nb_func
        if inner.locals:
            raise CannotRestore(f"{self.what} with declared locals")
        self._inner_options = self._plain(dict(inner.targetoptions), "options")
        self._options: dict[str, Any] = {}
        signature, writable = None, ()
        self._role = "parallel-ufunc"
        if isinstance(builder, ufuncbuilder.GUFuncBuilder):
            self._options = self._plain(dict(builder.targetoptions), "options")
            self._role = f"parallel-gufunc{builder.sin}{builder.sout}"
            signature, writable = builder.signature, tuple(builder.writable_args)
        given = int(builder.identity), signature, writable
        self._given = value.nin, value.nout, *self._plain(given, "arguments")
        self._early = [(tuple(each.args), each.return_type) for each in builder._sigs]
        for args, returned in self._early:
            if None in map(number_of, self._operands(args, returned)):
                raise CannotRestore(f"{self.what} with operands of {args}")

    def _operands(self, args: tuple[Any, ...], returned: Any) -> tuple[Any, ...]:
        """The types of a loop's operands, outputs last; a gufunc's are arguments of its code."""
        return args if self._given[3] is not None else (*args, returned)

    def _options_text(self) -> str:
        return options_text({**self._inner_options, **self._options})

    def head(self, methods: Methods, position: Position) -> Row:
        options = self._options_text()
        declared, loops = [], []
        for args, returned in self._early:
            key, with_return = self._keyed(options, args, (None, returned), methods)
            declared.append((args, returned if with_return else None))
            kinds = [number_of(kind) for kind in self._operands(args, returned)]
            loops.append(self._loop(key, kinds, methods, position, self._role, early=True))
        rest = (_pairs(self._options), _pairs(self._inner_options), loops,
                numba_references.dumps(declared))  # fmt: skip
        return (self.kind, *self._given, package_data.dumps(package_data.canonical(rest)))


def _callers(key: str, methods: Methods) -> Row:
    """The keys of the methods that compiling has compiled a loop for."""
    return tuple(caller for caller in sorted(methods) if key in methods[caller].causes)


def _item(spec: Spec | None) -> Spec | None:
    """The type of a loop's operand: a number, a date, or what an array holds."""
    if isinstance(spec, tuple):
        spec = spec[1] if spec[0] == "array" else None
    return spec if spec in NUMBERS or (isinstance(spec, str) and spec[0] in "mM") else None


def number_of(kind: Any) -> Spec | None:
    """`_item` of one of Numba's types."""
    specs = specs_of([kind])
    return None if specs is None else _item(specs[0])


class CFunc(Described):
    kind = "cfunc"
    what = "a C callback of Numba"
    _OWN = frozenset(
        {
            "__wrapped__", "_cache", "_cache_hits", "_compiler", "_library", "_pyfunc", "_sig",
            "_wrapper_address", "_wrapper_name", "cffi", "ctypes",
        }
    )  # fmt: skip

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        inner = value._compiler
        if inner.pipeline_class is not compiler.Compiler:
            raise CannotRestore(f"{self.what} with a compiler pipeline of its own")
        self._options = self._plain(dict(inner.targetoptions), "options")
        self._locals = dict(inner.locals)
        self._told = callback_options(value)
        self._signature = tuple(value._sig.args), value._sig.return_type

    def _key(self) -> str:
        args, returned = self._signature
        try:
            return key_of("cfunc", self.function, self._told, "", args, returned)
        except Unkeyable:
            return ""

    def early_keys(self, methods: Methods) -> set[str]:
        return {self._key()}

    def head(self, methods: Methods, position: Position) -> Row:
        args, returned = self._signature
        key = self._key()
        method = methods.get(key)
        row = row_of(method, position, role="cfunc", early=True)
        try:
            in_c = tuple(_ctypes_name(to_ctypes(kind)) for kind in (returned, *args))
        except TypeError:
            in_c = None
        rest = (
            _pairs(self._options), numba_references.dumps((args, returned, self._locals)), in_c,
            method.roles["cfunc"][1] if method and row else "", row, key,
        )  # fmt: skip
        return self.kind, package_data.dumps(package_data.canonical(rest))


def _ctypes_name(kind: Any) -> Any:
    """What `load.callbacks` makes a type of ctypes of again; ("pointer", ...) for one to another.

    `c_long` is what `c_int64` is called on Linux alone, so the size says which it is.
    """
    if kind is None:
        return None
    inner = getattr(kind, "_type_", None)
    if isinstance(inner, type):
        return "pointer", _ctypes_name(inner)
    code = str(inner)
    if code in "?OP":
        return {"?": "c_bool", "O": "py_object", "P": "c_void_p"}[code]
    if code in "fd":
        return {"f": "c_float", "d": "c_double"}[code]
    return f"c_{'u' if code.isupper() or code == 'B' else ''}int{8 * ctypes.sizeof(kind)}"


class Stencil(Described):
    kind = "stencil"
    what = "a stencil of Numba"
    _OWN = frozenset(
        {
            "_lower_me", "_targetctx", "_type_cache", "_typingctx", "id", "kernel_ir", "kws",
            "mode", "neighborhood", "options",
        }
    )  # fmt: skip

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self._options = self._plain(dict(value.options), "options")
        self._text = numba_requests.stencil_options(value)
        self._mode = value.mode
        changed = self._changed_global()
        if changed:
            raise CannotRestore(f"{self.what} whose global {changed} was set after it was made")

    def _changed_global(self) -> str | None:
        """A global that the kernel has as it was when it was decorated, and the module has not."""
        now = self.function.__globals__
        for block in self.value.kernel_ir.blocks.values():
            for statement in block.find_insts(ir.Assign):
                held = statement.value
                if not isinstance(held, ir.Global) or held.name not in now:
                    continue
                if now[held.name] is not held.value:
                    return str(held.name)
        return None

    def head(self, methods: Methods, position: Position) -> Row:
        rows = []
        for out in ("", "out"):
            own = requested_as(f"stencil{out}", self.function, self._text, None)
            rows += [
                (bool(out), method.specs, row_of(method, position, early=False), key)
                for key, method in sorted(methods.items())
                if method.function == own and method.specs is not None
            ]
        rest = (self._mode, _pairs(self._options), rows)
        return self.kind, package_data.dumps(package_data.canonical(rest))


class JitClass(Described):
    kind = "jitclass"
    what = "a class that Numba compiles"
    _OWN = frozenset({"__slots__", "_ctor", "_ctor_sig", "class_type"})

    def __init__(self, value: Any) -> None:
        self.value = value
        self.function = function_of(value)
        kind = value.class_type
        self._static = tuple(sorted(kind.jit_static_methods))
        own = self._OWN.union(_OF_FUNCTIONS, self._static)
        changed = next((name for name in sorted(vars(value)) if name not in own), None)
        if changed or type(kind) is not types.ClassType:
            raise CannotRestore(f"{self.what}, changed" if changed else self.what)
        try:
            self._fields = numba_references.dumps(tuple(kind.struct.items()))
        except Exception as error:
            reason = f"{self.what}, with fields that cannot be kept ({type(error).__name__})"
            raise CannotRestore(reason) from None

    def head(self, methods: Methods, position: Position) -> Row:
        name, text = self.value.__name__, vars(self.value)["__doc__"]
        return self.kind, name, text, self._static, self._fields


def functions_of_classes(classes: Iterable[Any]) -> set[int]:
    """The ids of the functions that are methods of jitclasses, which makes dispatchers of them."""
    found: set[int] = set()
    for value in classes:
        kind = value.class_type
        compiled = [*kind.jit_methods.values(), *kind.jit_static_methods.values()]
        compiled += [each for property_ in kind.jit_props.values() for each in property_.values()]
        found.update(id(each.py_func) for each in compiled)
    return found


_KINDS: dict[type, type[Described]] = {
    dufunc.DUFunc: DUFunc,
    gufunc.GUFunc: GUFunc,
    ccallback.CFunc: CFunc,
    stencil.StencilFunc: Stencil,
    jitclass.JitClassType: JitClass,
}


def _kind_of(value: Any) -> type[Described] | None:
    if type(value) is numpy.ufunc and numba_requests.parallel_builder(value) is not None:
        return Parallel
    return _KINDS.get(type(value))


def function_of(value: Any) -> Any:
    """The Python function, or class, that one of these objects was made of, None for any other
    object."""
    kind = _kind_of(value)
    if kind is None:
        return None
    if kind is Parallel:
        return numba_requests.parallel_builder(value).py_func
    if kind is DUFunc:
        return value._dispatcher.py_func
    if kind is GUFunc:
        return value.gufunc_builder.py_func
    if kind is JitClass:
        return value.__bases__[0]
    return value._pyfunc if kind is CFunc else value.kernel_ir.func_id.func


def described(value: Any) -> Described:
    """Raises CannotRestore."""
    kind = _kind_of(value)
    assert kind is not None, value
    return kind(value)
