"""Restored functions: Numba's dispatchers without Numba.

A restored function is Numba's own C dispatcher (`numba_extensions`) with the specialisations of the
image (`first_calls`). What the image has no code for, and all else that only Numba can do
(inspecting, pickling, being compiled into other code), imports Numba and makes it the dispatcher
that the source would have made: the same object with Numba's class.
"""

from __future__ import annotations

import _imp
import marshal
import os
import sys
from _thread import RLock  # `threading` takes 0.4 ms
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from . import lazy
from .argument_types import OMITTED, spec_of
from .numba_extensions import (
    Extensions,
    OmittedArg,
    Unavailable,
    extensions,
    loaded,
    numba_is_there,
)
from .objects import namespace_of

if TYPE_CHECKING:
    from .protocols import Package

# Held while a dispatcher is given specialisations or Numba's class. Nothing is imported under it
# but modules of Numba: a thread that waits for it may hold the import lock of any other module. Who
# needs Numba's compiler lock too takes that one first, as a thread that compiles and comes upon a
# dispatcher does.
_lock = RLock()
_function_lock = RLock()  # nothing else is waited for under it

_functions: list[Any] = []  # the dispatchers that Numba does not know yet
_kept: list[Any] = []
callables: list[tuple[Any, Any]] = []  # what else Numba does not know yet (`callables`)
when_numba_is_imported: list[Callable[[], None]] = []


class CannotInstall(Exception):
    """A specialisation needs Numba in this process; the message says why."""


class NeedsNumba(Exception):
    """A specialisation has to be asked for through Numba, which answers from the image."""


as_argument: dict[str, Any] = {}
"""The restored dispatchers that were arguments of calls, by their digests. Of two with one digest
the second is Numba's business."""
_NO_PARTS = (None, None, None, None)
START = 6  # values at the end of a function's head for each specialisation
FIRST_START = 7  # what is before them


class Function:
    """One dispatcher's part of the image.

    head: (name, qualname, names of arguments, whether the last takes the rest, whether object mode
    may serve, where calls and where details lie, then `START` values for each specialisation that
    needs no Numba, see `capture.numba_dispatchers`). first: the number of the first one of those
    (`first_calls`).
    """

    # What few functions have otherwise stands here: making one takes a third as long. What is set
    # when nearly each is called does not: a name that comes later gives CPython's object a dict.
    _details: Any = None
    closed: tuple[Any, ...] = ()  # what its closure held: see `restored`
    converted: tuple[Any, ...] = ()  # types that are served after conversion
    parts: tuple[Any, ...] = _NO_PARTS
    py_func: Any = None
    started: tuple[Any, ...] = ()  # specs of what was called, as far as it was noted

    def __init__(self, package: Package, module: str, head: Any, defaults: Any) -> None:
        self.package = package
        self.module = module
        self.head = head
        self.defaults = defaults
        self.first = -1
        self.dispatcher: Any = None
        self.namespace: Any = None  # its module's, once that is there

    def calls(self) -> Any:
        """(whether it may compile, methods); of each method the specs of its arguments, what
        `RestoredPackage.install` takes, its key, and whether it was compiled while the package was
        imported (`capture.numba_dispatchers`).

        Not kept: its tuples would take memory and work of the garbage collector."""
        return self.package.details(self.module, self.head[5])

    def method_of(self, number: int) -> Any:
        """The method of a specialisation of this function's."""
        return self.calls()[1][self.head[FIRST_START + START * (number - self.first)]]

    def callable_for(self, specs: tuple[Any, ...]) -> Any:
        """The specialisation for arguments of these types, None where the image has none."""
        calls = self.package.first_calls
        if calls is not None and self.first >= 0:
            for number, kind in enumerate(self.head[FIRST_START + 1 :: START], self.first):
                if calls.specs[kind] == specs:
                    return calls.callable(number)
        return None

    @property
    def details(self) -> Any:
        """(code, options, whether it caches, declared signatures with their methods' keys, locals,
        digest as an argument's type: "" where it has none)."""
        if self._details is None:
            self._details = self.package.details(self.module, self.head[6])
        return self._details

    def spec_of(self, found: Any) -> Any:
        """The spec of the dispatcher `found` as an argument (`model.type_spec`); None where only
        Numba can tell: what a closure holds may have changed since the build."""
        digest = "" if self.parts[1] else self.details[5]
        if not digest:
            return None
        return ("function", digest) if as_argument.setdefault(digest, found) is found else None

    def make_py_func(self) -> FunctionType:
        """The Python function; the same one every time."""
        with _function_lock:
            if self.py_func is None:
                keywords, closure, annotations, attributes = self.parts
                namespace = self.namespace
                if namespace is None:
                    namespace = namespace_of(self.module)
                (code,) = marshal.loads(self.details[0])
                if "__file__" in namespace:
                    _imp._fix_co_filename(code, namespace["__file__"])  # type: ignore[attr-defined]
                made = FunctionType(code, namespace, self.head[0], self.defaults, closure)
                made.__qualname__ = self.head[1]
                made.__module__ = self.module
                made.__kwdefaults__ = keywords
                if annotations:
                    made.__annotations__ = annotations
                for name, value in (attributes or {}).items():
                    setattr(made, name, value)
                self.py_func = made
            return self.py_func  # type: ignore[no-any-return]


def make(function: Function) -> Any:
    """A dispatcher; `set_parts` may follow. Where Numba is there it waits to be Numba's."""
    if _class is None or numba_is_there():
        native = native_extensions()
        if native is None:
            return _make_numbas(function)
        with _function_lock:
            if _class is None:
                _make_class(native)
    names, takes_rest, falls_back = function.head[2:5]
    defaults = function.defaults
    found = _class(
        _type_manager, len(names), True, names,
        tuple(map(OmittedArg, defaults)) if defaults else (), falls_back, takes_rest, False,
    )  # fmt: skip
    state = found.__dict__
    state["_pkgimage_function"] = function
    state["__module__"] = function.module
    function.dispatcher = found
    _functions.append(found)
    return found


def _make_numbas(function: Function) -> Any:
    wait_for_numba()
    from .numba_restored import new_dispatcher

    found = new_dispatcher()
    found._pkgimage_function = function
    function.package.unfinished.dispatchers.append((found, function))
    return found


def set_parts(found: Any, parts: tuple[Any, ...]) -> None:
    """The rest of a dispatcher, which may refer to itself: its function's keywords' defaults,
    closure, annotations and attributes, and the function itself where it has another name."""
    function = function_of(found)
    if function is None:
        raise RuntimeError("Numba was imported in the middle of restoring")
    function.parts, py_func = parts[:-1], parts[-1]
    if py_func is not None:
        function.py_func = py_func


def py_func_of(found: Any) -> Any:
    """The function that a dispatcher was made of."""
    function = function_of(found)
    return found.py_func if function is None else function.make_py_func()


_own_attribute = object.__getattribute__


def function_of(found: object) -> Function | None:
    """A restored dispatcher's part of the image; None where it is Numba's, or no dispatcher."""
    try:
        return _own_attribute(found, "_pkgimage_function")  # type: ignore[no-any-return]
    except AttributeError:
        return None


_class: Any = None
_type_manager: Any = None
classes: set[type] = set()  # of restored objects that Numba does not know yet


def is_restored(kind: type) -> bool:
    """Whether this is the class of restored functions that Numba does not know yet."""
    return kind in classes


def is_dispatcher(kind: type) -> bool:
    """Whether this is the class of restored `njit` functions that Numba does not know yet."""
    return kind is _class


# Attributes that a dispatcher has of its function, which need no Numba.
_OF_FUNCTION = frozenset(
    {
        "__annotate__", "__annotations__", "__closure__", "__code__", "__defaults__", "__globals__",
        "__kwdefaults__", "__name__", "__qualname__", "__type_params__", "__wrapped__", "doc",
        "func_code", "py_func",
    }
)  # fmt: skip


# functools.WRAPPER_ASSIGNMENTS and __wrapped__.
_NUMBA_COPIES = frozenset(
    {
        "__annotate__", "__annotations__", "__doc__", "__module__", "__name__", "__qualname__",
        "__type_params__", "__wrapped__",
    }
)  # fmt: skip


def _make_class(native: Extensions) -> None:
    """Make the class of restored dispatchers, whose base is known only now."""
    global _class, _type_manager
    base: Any = native.dispatcher.Dispatcher

    class CPUDispatcher(base):  # type: ignore[misc]
        """What stands for Numba's class of this name until Numba is imported."""

        __numba__ = "py_func"
        # No annotations: they would be those of all its objects.

        @property
        def __doc__(self) -> str | None:  # type: ignore[override]
            function: Any = function_of(self)
            return function.make_py_func().__doc__  # type: ignore[no-any-return]

        def __setattr__(self, name: str, value: object) -> None:
            if name in _NUMBA_COPIES:
                become_numbas(self)  # which copies these names from the function; theirs count last
                setattr(self, name, value)
            else:
                super().__setattr__(name, value)

        def __getattr__(self, name: str) -> Any:
            function = function_of(self)
            if function is None:
                raise AttributeError(name)
            if name == "targetoptions":
                return dict(function.details[1])
            if name == "_numba_type_" and not numba_is_there():
                # The C code of a dispatcher that is called with this one asks for its number.
                spec = function.spec_of(self)
                if spec is not None:
                    return native.type_code(spec)
            py_func = function.make_py_func()
            if name in _OF_FUNCTION:
                if name in ("py_func", "__wrapped__"):
                    return py_func
                if name == "doc":
                    return py_func.__doc__
                return getattr(py_func, "__code__" if name == "func_code" else name)
            if name in vars(py_func):
                return vars(py_func)[name]
            if name in NUMBAS_ATTRIBUTES:
                become_numbas(self)
                return getattr(self, name)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        def __dir__(self) -> list[str]:
            become_numbas(self)
            return dir(self)

        def __get__(self, instance: object, owner: type | None = None) -> Any:
            return self if instance is None else MethodType(self, instance)

        def __repr__(self) -> str:
            return f"{type(self).__name__}({self.py_func})"

        def __reduce_ex__(self, protocol: Any) -> Any:
            become_numbas(self)
            return self.__reduce_ex__(protocol)

        def typeof_pyval(self, value: object) -> Any:
            found = native.type_of(value)
            if numba_is_there():
                # The C code has gone over to Numba's numbers, and keeps what it is told here.
                become_numbas(self)
                return self.typeof_pyval(value)
            return found

        def _compile_for_args(self, *args: Any, **kwargs: Any) -> Any:
            """The C code asks for a function to call. What it gets is called with the same
            arguments: this dispatcher once more, when it is Numba's by now."""
            function = function_of(self)
            found = None if kwargs or function is None else _answer(self, function, args, native)
            if found is None:
                become_numbas(self)
                found = self
            if found is self and function is not None and _is_folded(function, args):
                return _Again(self, function)
            return found

    CPUDispatcher.__qualname__ = "CPUDispatcher"
    _type_manager = native.type_manager
    _class = CPUDispatcher
    classes.add(_class)


def _is_folded(function: Function, args: tuple[Any, ...]) -> bool:
    """Whether the C code has changed the arguments of a call."""
    return bool(function.head[3]) or (function.defaults is not None and _has_omitted(args))


def _has_omitted(args: tuple[Any, ...]) -> bool:
    return any(type(value) is OmittedArg for value in args)


class _Again:
    """Calls a dispatcher with arguments that its C code has put in order: as they were before."""

    def __init__(self, dispatcher: Any, function: Function) -> None:
        self._dispatcher = dispatcher
        self._function = function

    def __call__(self, *args: Any) -> Any:
        _, _, names, takes_rest, *_ = self._function.head
        rest: tuple[Any, ...] = ()
        if takes_rest:
            *args, rest = args  # type: ignore[assignment]
        position = 0
        while position < len(args) and type(args[position]) is not OmittedArg:
            position += 1
        later = zip(names[position:], args[position:], strict=False)
        named = {name: value for name, value in later if type(value) is not OmittedArg}
        return self._dispatcher(*args[:position], *rest, **named)


def _answer(found: Any, function: Function, args: tuple[Any, ...], native: Extensions) -> Any:
    """What to call where the C code has found nothing that fits; None when Numba has to answer."""
    if function.defaults is None:
        actual = tuple(map(spec_of, args))
    else:
        actual = tuple([spec_of(v) if type(v) is not OmittedArg else OMITTED for v in args])
    if None in actual:
        return None
    known = function.callable_for(actual)
    if known is not None:
        return known  # its C code has gone over to Numba's numbers: another thread imports Numba
    may_compile, methods = function.calls()
    return None if may_compile else _converted(found, function, actual, methods, native)


def _converted(
    found: Any, function: Function, actual: tuple[Any, ...], methods: Any, native: Extensions
) -> Any:
    """What fits after conversions, found once for these types; None where only Numba can tell."""
    from ..model.type_spec import Undecided, select

    declared: list[Any] = [method[0] for method in methods]
    if None in declared:
        return None
    try:
        chosen = select(actual, declared)
    except Undecided:
        return None
    compiled = None if chosen is None else function.callable_for(declared[chosen])
    if compiled is not None:
        with _lock:
            if actual not in function.converted and type(found) is _class:
                function.converted += (actual,)
                found._insert(native.codes_of(actual), compiled)
    return compiled


def answer_instead(
    found: Any, function: Function, args: tuple[Any, ...], number: int, native: Extensions
) -> Any:
    """What to call instead of a specialisation that Numba's C code has chosen for int64, because
    an integer among the arguments is larger; None for that specialisation.

    Numba looks at the values as long as it has compiled nothing for int64, and no longer.
    """
    may_compile, _ = function.calls()
    specs, _, _, early = function.method_of(number)
    if not may_compile or early or specs in function.started:
        return None
    actual = tuple([spec_of(v) if type(v) is not OmittedArg else OMITTED for v in args])
    if actual == specs:
        return None
    known = None if None in actual else function.callable_for(actual)
    return by_numba(found, function) if known is None else known


def has_large(args: tuple[Any, ...]) -> bool:
    """Whether an integer among the arguments is none of int64."""
    return any(
        not -(1 << 63) <= value < 1 << 63
        if isinstance(value, int)
        else isinstance(value, tuple) and has_large(value)
        for value in args
    )


def by_numba(found: Any, function: Function) -> Any:
    """What to call, with arguments as the C code has put them, where Numba has to answer."""
    become_numbas(found)
    return _Again(found, function) if function.head[3] or function.defaults is not None else found


# -- Numba ---------------------------------------------------------------------------------------

_SETTINGS_FILE = ".numba_config.yaml"  # in the working folder, numba/core/config.py
# Settings of Numba that act on what is compiled alone, or that are looked at here as well.
_HARMLESS = frozenset(
    {
        "NUMBA_BOUNDSCHECK", "NUMBA_CACHE_DIR", "NUMBA_DEBUGINFO", "NUMBA_NUM_THREADS",
        "NUMBA_OPT", "NUMBA_THREADING_LAYER", "NUMBA_THREADING_LAYER_PRIORITY",
    }
)  # fmt: skip


def native_extensions() -> Extensions | None:
    """Numba's extension modules where restored functions can do without Numba, else None.

    A setting of Numba may change what a call does in ways that only Numba knows; settings are
    looked at once.
    """
    if numba_is_there() or not _does_without_numba():
        return None
    try:
        return extensions()
    except Unavailable:
        return None


_allowed: bool | None = None


def _does_without_numba() -> bool:
    global _allowed
    if _allowed is None:
        _allowed = not os.path.exists(_SETTINGS_FILE) and not any(
            name.startswith("NUMBA_") and name not in _HARMLESS for name in os.environ
        )
    return _allowed


def wait_for_numba() -> None:
    """Import Numba, be it by waiting for another thread that is importing it: one that imports a
    module of Numba's is not made to wait for that, and finds a part of what it needs."""
    import numba  # noqa: F401


def become_numbas(found: Any) -> None:
    """Import Numba, which makes all restored dispatchers its own (`numba_is_imported`)."""
    import numba  # noqa: F401

    if function_of(found) is not None:
        numba_is_imported()


def numba_is_imported() -> None:
    """Numba is there: put its objects where they belong."""
    native = loaded()
    if native is not None:
        native.tell_numba(sys.modules["numba"])
    if not (_functions or callables or when_numba_is_imported):
        lazy.resolve_all()
        return  # it may be the bridge itself that is importing Numba
    from .numba_attach import compiler_lock
    from .numba_restored import give_classes, give_specialisations

    with compiler_lock, _lock:
        for call in when_numba_is_imported:
            call()
        when_numba_is_imported.clear()
        lazy.resolve_all()
        waiting = [(one, function_of(one)) for one in _functions]
        pairs = [(found, function) for found, function in waiting if function is not None]
        from .methods import answered

        answered()  # notes what has been called
        _kept.extend(pairs)  # their compiled functions may be running
        # Who finds none left goes on, so they are there until all are Numba's.
        give_classes(pairs)
        others = list(callables)
        if others:
            from . import numba_callables

            numba_callables.give_classes(others)
        _functions.clear()
        callables.clear()
        give_specialisations(pairs)
        if others:
            numba_callables.give_specialisations(others)


# What Numba's dispatchers have besides; tests compare with Numba.
NUMBAS_ATTRIBUTES = frozenset(
    {
        "_MemoMixin__uuid", "_cache", "_cache_hits", "_cache_misses",
        "_callback_add_compiler_timer", "_callback_add_llvm_timer", "_callback_add_timer",
        "_compilation_chain_init_hook", "_compiler", "_compiling_counter", "_explain_ambiguous",
        "_explain_matching_error", "_fold_args", "_make_finalizer", "_memo", "_numba_type_",
        "_rebuild", "_recent", "_reduce_class", "_reduce_states", "_reset_overloads",
        "_search_new_conversions", "_set_uuid", "_tm", "_type", "_types_active_call", "_uuid",
        "add_overload", "compile", "disable_compile", "dump", "enable_caching",
        "fold_argument_types", "get_annotation_info", "get_call_template", "get_compile_result",
        "get_function_type", "get_metadata", "get_overload", "inspect_asm", "inspect_cfg",
        "inspect_disasm_cfg", "inspect_llvm", "inspect_types", "is_compiling", "locals",
        "nopython_signatures", "overloads", "parallel_diagnostics", "recompile", "signatures",
        "stats", "targetctx", "targetdescr", "typingctx",
    }
)  # fmt: skip
