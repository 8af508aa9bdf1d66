"""Answering Numba from images. With the other modules called `numba_*` here it holds every use of
Numba's private interfaces while images are loaded.

`Bridge` answers Numba's requests to compile from images: the places where Numba asks its own cache
(`Dispatcher.compile`, `UFuncDispatcher._compile_core`, `CFunc._compile_uncached`, lifted code and
stencils) ask the images first.  What an image answers behaves as a result that Numba loaded from
its cache: it is called, inspected, and linked into JIT code.

Imported when Numba asks for more than the first calls of plain functions (`numba_attach`).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import BuiltinFunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import llvmlite
import numba
import numpy
from numba.core import (
    caching,
    ccallback,
    codegen,
    dispatcher,
    entrypoints,
    lowering,
    sigutils,
    types,
)
from numba.core.registry import CPUDispatcher, cpu_target
from numba.core.typing.typeof import typeof
from numba.np.ufunc import parallel as parallel_ufunc
from numba.np.ufunc import ufuncbuilder
from numba.np.ufunc.wrappers import _wrapper_info
from numba.stencils.stencil import StencilFunc

from ..model.method_key import (
    Unkeyable,
    arguments_text,
    callback_options,
    dispatcher_options,
    function_text,
    global_text,
    key_of_signature,
    key_of_text,
    options_text,
    short_digest,
    type_text,
)
from ..model.type_spec import names_class
from .argument_types import spec_of
from .methods import held_by, note_answer
from .numba_attach import (
    DECLARED,
    KEY,
    RESTORED_KEYS,
    Hook,
    Overloads,
    bounds_are_checked,
    compiler_lock,
    replace,
)
from .numba_caching import Keeping, mark_uncacheable, refuse_quietly
from .numba_library import Found, GeneratorDescriptor, ImageLibrary
from .numba_results import CannotAttach, Results

if TYPE_CHECKING:
    from ..model.base_image import BaseImage
    from .protocols import MethodSource


def base_image() -> BaseImage:
    """The base image of this process, from the versions of what is imported."""
    from ..model.base_image import BaseImage

    return BaseImage(
        python_abi=sys.implementation.cache_tag or "",
        numba=numba.__version__,
        llvmlite=llvmlite.__version__,
        llvm="",
        numpy=numpy.__version__,
    )


_OWN_TYPES = frozenset(
    {bool, int, float, complex, str, type(None), numpy.ndarray, *numpy.sctypeDict.values()}
)


def _have_own_types(values: Iterable[Any]) -> bool:
    """Whether no extension of Numba can have a say in the types of arguments."""
    for value in values:
        kind = type(value)
        if kind not in _OWN_TYPES:
            if kind is dispatcher.OmittedArg:
                value = (value.value,)
            elif kind is not tuple:
                return False
            if not _have_own_types(value):
                return False
    return True


_NOTHING = object()
# What may be compared by identity: it is never another value, or counts by its name.
_CONSTANTS = (bool, int, float, complex, str, bytes, type(None), ModuleType, BuiltinFunctionType)


_TYPES_OF_FUNCTIONS = "numba.experimental.function_type"
_ANEW = "_pkgimage_anew"

_ENTRY_POINTS = "_pkgimage_entry_points"
"""Under this name a dispatcher holds the entry points that it has of the bridge."""

_CLOSED = "_pkgimage_closed"
"""And the texts of a closure and its options when a caller first asked for it."""

_SAME = "_pkgimage_same"
"""Under this name a dispatcher holds the types of arguments that Numba has compiled it for as an
image's callers have it: a set of tuples."""


class Bridge:
    """Answers from the images that were added."""

    def __init__(
        self,
        report: Callable[[str, str], None],
        bounds: bool | None,
        on_answer: Callable[[Found, ImageLibrary], None] | None = None,
    ) -> None:
        """`report` is told (method, reason) when an image has a method that can't be attached.
        bounds: whether they are checked, by the environment that images are chosen by. `on_answer`
        is told each method that answers a request, with the library that its code is in."""
        self._on_answer = on_answer
        self._images: list[MethodSource] = []  # kept, for their ids
        self._types: dict[tuple[Any, ...], tuple[tuple[Any, ...], str]] = {}
        self._report = report
        self.results = Results(report)
        self._keeping = Keeping()
        self.outdated: set[str] = set()  # methods that call what was compiled otherwise
        self._otherwise: set[str] = set()  # and the methods that Numba has compiled otherwise
        self._bounds = bounds

    def add(self, image: MethodSource, late: Iterable[tuple[int, str]]) -> None:
        """Answer from `image` too, of whose slots these wait for Numba's threads."""
        self.results.wait_for_threads(image, late)
        self._images.append(image)
        for key in sorted(self._otherwise):  # it may have callers, too
            self._note_outdated(key)

    @property
    def answered(self) -> int:
        """How many requests images have answered."""
        return self.results.answered

    def _image_with(self, key: str) -> MethodSource | None:
        # Of two images with one method the one that was loaded first answers.
        for image in self._images:
            if image.has(key):
                return image
        return None

    # -- looking up ----------------------------------------------------------------------------

    def find(
        self,
        kind: str,
        function: Any,
        arguments: tuple[Any, ...],
        declared: Any,
        options: str,
        extra: str = "",
        target: Any = None,
    ) -> Found | None:
        """The method for a request, when an image holds it and its frozen values still hold.

        target: the dispatcher that asks, if it is one.
        """
        try:
            declared_text = "" if declared is None else type_text(declared)
            signature = f"{arguments_text(arguments)}->{declared_text}"
            return self._find(kind, function, options, extra, signature, target, arguments)
        except Unkeyable:
            return None

    def _find(
        self,
        kind: str,
        function: Any,
        options: str,
        extra: str,
        signature: str,
        target: Any,
        arguments: tuple[Any, ...],
    ) -> Found | None:
        """Raises Unkeyable."""
        if bounds_are_checked() != self._bounds:
            return None
        key = None if target is None else target.__dict__.get(KEY)
        if key is None:
            key = self._key_with_caller(kind, extra, signature, target, arguments)
        if key is None:
            key = key_of_signature(kind, function, options, extra, signature)
        image = self._image_with(key)
        row = image.row(key) if image is not None else None
        if image is None or row is None:
            return None
        changed = self._changed_global(image, row, function)
        for callee in _dispatchers_in((*held_by(function), *_functions_among(arguments))):
            self._look_at_callee(callee)
        if changed is None and key in self.outdated:
            changed = "expected callees as at build, found one that was compiled otherwise"
        if changed is not None:
            anew = target is None or _ANEW in target.__dict__
            if anew or not image.was_frozen(key, target):
                self._report(f"{row['module']}.{row['qualname']}", changed)
                self._note_outdated(key)
                return None
        note_answer(key, target)  # a stencil's as well: its callees have frozen their globals now
        return Found(image, row)

    def _key_with_caller(
        self, kind: str, extra: str, signature: str, target: Any, arguments: tuple[Any, ...]
    ) -> str | None:
        """The key that a closure's method had when a caller was answered, which Numba would have
        compiled it with: what the closure holds may have changed since. None where there is none.
        """
        state = {} if target is None or kind != "function" else target.__dict__
        if _ANEW in state:
            return None
        keys: list[str] = []
        if arguments in state.get(RESTORED_KEYS, ()):
            keys.append(state[RESTORED_KEYS][arguments])
        if _CLOSED in state:
            text, options = state[_CLOSED]
            keys.append(key_of_text(kind, text, options, extra, signature))
        for key in keys:
            image = self._image_with(key)
            if image is not None and image.was_frozen(key, target):
                return key
        return None

    def _note_outdated(self, key: str) -> None:
        """Numba is about to compile a method with other globals than an image has; what calls it,
        calls that one from now on."""
        self._otherwise.add(key)
        waiting = [key]
        while waiting:
            callee = waiting.pop()
            for image in self._images:
                # A capture that is being renewed takes none that misses.
                callers = getattr(image, "callers", None)
                for caller in () if callers is None else callers(callee):
                    if caller not in self.outdated:
                        self.outdated.add(caller)
                        waiting.append(caller)

    def holds(self, key: str) -> bool:
        """Whether a method could answer now."""
        image = self._image_with(key)
        row = image.row(key) if image is not None else None
        if image is None or row is None:
            return False
        return self._changed_global(image, row) is None

    def _changed_global(
        self, image: MethodSource, row: dict[str, Any], function: Any = None
    ) -> str | None:
        """The first global value that is not what the code was compiled with."""
        seen = image.globals_seen
        for frozen in row["globals"]:
            module, name, digest = frozen
            if module not in sys.modules:
                # Of an installed extension, which Numba imports before it compiles anything.
                entrypoints.init_all()
            namespace = sys.modules[module].__dict__ if module in sys.modules else {}
            if getattr(function, "__module__", None) == module:
                # Another module may have taken its name.
                namespace = getattr(function, "__globals__", namespace)
            value = namespace.get(name, _NOTHING)
            if value is _NOTHING and namespace:
                value = getattr(sys.modules[module], name, _NOTHING)  # made when asked for
            if value is _NOTHING:
                return f"expected the global {module}.{name}, found none"
            # A module counts by its name, which another may have taken.
            if seen.get(frozen, _NOTHING) is value and (
                type(value) is not ModuleType or sys.modules.get(value.__name__) is value
            ):
                continue
            if short_digest(global_text(value).encode()) != digest:
                return f"expected {module}.{name} as at build, found another value"
            if isinstance(value, _CONSTANTS):
                seen[frozen] = value
            else:
                for callee in _dispatchers_in((value,)):
                    self._look_at_callee(callee)
        return None

    def _look_at_callee(self, target: Any) -> None:
        """Find out what a dispatcher was given that is not what callers in images call for the same
        types of arguments: code of Numba's, or an image's with another return type. Numba compiles
        nothing for types that a dispatcher has code for."""
        state = target.__dict__
        if target.py_func.__closure__ and _CLOSED not in state:
            with suppress(Unkeyable):
                state[_CLOSED] = function_text(target.py_func), dispatcher_options(target)
        if DECLARED in state or state["overloads"]:
            for arguments, result in tuple(target.overloads.items()):
                known = self._known_to_callers(target, arguments)
                if known is None or arguments in state.get(_SAME, ()):
                    continue
                found = self.results.found(result)
                if found is None or found.row is not found.image.row(known):
                    self._note_outdated(known)

    def result(self, found: Found, arguments: tuple[Any, ...]) -> Any:
        """A CompileResult for a method. Raises CannotAttach; the caller lets Numba compile then."""
        entry_point = self.results.entry_point(found)
        result = self.results.compile_result(found, arguments, entry_point)
        if self._on_answer is not None:
            self._on_answer(found, result.library)
        return result

    # -- hooks ---------------------------------------------------------------------------------

    def hooks(self) -> Iterable[tuple[Any, str, Callable[[Hook], Hook]]]:
        """Where Numba asks: the owner of a function of Numba's, its name, and what makes the hook
        of the function. All but first calls, of which `numba_attach` has its own."""
        return (
            (dispatcher.Dispatcher, "compile", self._dispatcher_compile),
            (dispatcher.Dispatcher, "recompile", _note_anew),
            (dispatcher.LiftedLoop, "compile", self._lifted_compile),
            (dispatcher.LiftedWith, "compile", self._lifted_compile),
            (dispatcher._DispatcherBase, "get_overload", self._get_overload),
            (ufuncbuilder.UFuncDispatcher, "compile", _note_options),
            (ufuncbuilder.UFuncDispatcher, "_compile_core", self._ufunc_compile),
            (ufuncbuilder, "build_ufunc_wrapper", self._wrapper("ufunc", 5)),
            (ufuncbuilder, "build_gufunc_wrapper", self._gufunc_wrapper("gufunc")),
            (parallel_ufunc, "build_ufunc_wrapper", self._wrapper("parallel-ufunc", 4)),
            (parallel_ufunc, "build_gufunc_wrapper", self._gufunc_wrapper("parallel-gufunc")),
            (ccallback.CFunc, "_compile_uncached", self._cfunc_compile),
            (StencilFunc, "__call__", self._stencil_call),
            (codegen.CPUCodeLibrary, "add_linking_library", mark_uncacheable),
            (caching.CompileResultCacheImpl, "check_cachable", refuse_quietly),
            (lowering.Lower, "_lower_call_RecursiveCall", self._lower_recursion),
        )

    def install(self) -> None:
        """Have Numba ask this bridge alone."""
        for owner, name, make in self.hooks():
            replace(owner, name, make)
        replace(CPUDispatcher, "_compile_for_args", self._compile_for_args)

    def _attach(
        self, target: Any, kind: str, sig: Any, function: Any, options: str, extra: str
    ) -> Any:
        """The entry point for `sig` from an image, added to the dispatcher `target`, or None."""
        arguments, declared = sigutils.normalize_signature(sig)
        arguments = tuple(arguments)
        if _has_failed(target, arguments, declared):
            return None
        asks = target if kind == "function" else None
        found = self.find(kind, function, arguments, declared, options, extra, asks)
        entry_point = None if found is None else self._add(target, arguments, found)
        if asks is None:
            pass
        elif entry_point is None:
            as_built = found is not None and declared is None
            self._note_compiled(target, arguments, declared, as_built)
        elif declared is not None:
            self._note_declared(target, arguments)
        return entry_point

    def _add(self, target: Any, arguments: tuple[Any, ...], found: Found) -> Any:
        """The entry point of a method, added to a dispatcher, or None."""
        if "cpython" not in found.row["entries"]:
            return None
        codes = tuple([kind._code for kind in arguments])
        with compiler_lock:
            if Overloads.has(target, arguments, codes):
                return None
            try:
                if self._on_answer is None and _can_wait(target):
                    entry_point = self.results.entry_point(found)
                    waiting = codes, arguments, found, entry_point
                    Overloads.add(target, waiting, found.row["objectmode"])
                    _keep(target, entry_point)
                    return entry_point
                result = self.result(found, arguments)
            except CannotAttach:
                return None
            target.add_overload(result)
            _keep(target, result.entry_point)
        return result.entry_point

    def _dispatcher_compile(self, original: Hook) -> Hook:
        def compile(this: Any, sig: Any) -> Any:
            if this._can_compile:
                entry = self._attach(
                    this, "function", sig, this.py_func, dispatcher_options(this), ""
                )
                if entry is not None:
                    return entry
            with self._keeping.compiling(this._cache):
                return original(this, sig)

        return compile

    def _note_compiled(
        self, target: Any, arguments: tuple[Any, ...], declared: Any, as_built: bool
    ) -> None:
        """Numba is about to compile a dispatcher: what calls it with these types gets that one,
        though callers in images may call another. as_built: an image has it, but not for calls."""
        if Overloads.has(target, arguments, tuple([kind._code for kind in arguments])):
            return
        known = self._known_to_callers(target, arguments)
        same: set[Any] = target.__dict__.setdefault(_SAME, set())
        if known is not None and (as_built or self._would_return(target, known, declared)):
            same.add(arguments)
            return
        same.discard(arguments)
        if known is not None:
            self._note_outdated(known)

    def _would_return(self, target: Any, key: str, declared: Any) -> bool:
        """Whether a method returns what is declared, and would answer now but for that."""
        image = self._image_with(key)
        row = image.row(key) if image is not None else None
        return (
            image is not None
            and row is not None
            and declared is not None
            and bounds_are_checked() == self._bounds
            and key not in self.outdated
            and self._changed_global(image, row, target.py_func) is None
            and self.results.return_type(image, row["return"]) == declared
        )

    def _note_declared(self, target: Any, arguments: tuple[Any, ...]) -> None:
        """A dispatcher is given a method with a declared return type: what calls it with these
        types gets that one, though callers in images may call another."""
        known = self._known_to_callers(target, arguments)
        if known is not None:
            target.__dict__[DECLARED] = True

    def _known_to_callers(self, target: Any, arguments: tuple[Any, ...]) -> str | None:
        """The key of the method that an image's code calls for a dispatcher as it is now."""
        key = _key_of_call(target, arguments)
        return None if key is None or self._image_with(key) is None else key

    def compile_for_args(
        self, original: Hook, this: Any, args: tuple[Any, ...], kws: dict[str, Any]
    ) -> Any:
        """A call with types that the dispatcher has not seen yet.

        Numba first loads its extensions (entry points of all installed distributions). What comes
        from an image needs none of them when the arguments' types are Numba's own.
        """
        if this._can_compile and not kws and _have_own_types(args):
            try:
                arguments, signature = self._types_of(this, args)
                found = None
                if not _has_failed(this, arguments, None):
                    found = self._find(
                        "function", this.py_func, dispatcher_options(this), "", signature, this,
                        arguments,
                    )  # fmt: skip
            except Unkeyable:
                found = None
            finally:
                this._types_active_call.clear()
            entry = None if found is None else self._add(this, arguments, found)
            if entry is not None:
                return entry
        if _TYPES_OF_FUNCTIONS not in sys.modules:
            # Numba knows the types of C callbacks as arguments once it has compiled something,
            # as it would have what an image has answered.
            importlib.import_module(_TYPES_OF_FUNCTIONS)
        return original(this, *args, **kws)

    def _compile_for_args(self, original: Hook) -> Hook:
        def compile_for_args(this: Any, *args: Any, **kws: Any) -> Any:
            return self.compile_for_args(original, this, args, kws)

        return compile_for_args

    def _types_of(self, target: Any, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], str]:
        """The types of a call's arguments, and their text in a method's key. Raises Unkeyable.

        Arguments with equal specs have equal types, which Numba is asked for once.
        """
        specs = tuple([spec_of(value) for value in args])
        known = self._types.get(specs)
        if known is None:
            arguments = tuple(
                types.Omitted(value.value)
                if type(value) is dispatcher.OmittedArg
                else target.typeof_pyval(value)
                for value in args
            )
            known = arguments, f"{arguments_text(arguments)}->"
            if None not in specs and not names_class(("", *specs)):
                self._types[specs] = known
        return known

    def _lifted_compile(self, original: Hook) -> Hook:
        def compile(this: Any, sig: Any) -> Any:
            from ..model.code_place import place_in

            code = this.func_ir.func_id.func.__code__
            rank, further = place_in(code, this.func_ir.loc.line)
            place = f"{type(this).__name__}:{rank}+{further}"
            entry = self._attach(this, "lifted", sig, this.py_func, "", place)
            return original(this, sig) if entry is None else entry

        return compile

    def _get_overload(self, original: Hook) -> Hook:
        """JIT code is about to call a method: make it known to the target context first."""

        def get_overload(this: Any, sig: Any) -> Any:
            entry = original(this, sig)
            arguments, _ = sigutils.normalize_signature(sig)
            result = this.overloads[tuple(arguments)]
            if not isinstance(result.library, ImageLibrary):
                return entry
            stand_in = self._stand_in(this, tuple(arguments), result) if self._keeping else None
            if stand_in is not None:
                return stand_in.entry_point
            context = cpu_target.target_context
            if entry not in context._defns:
                context.insert_user_function(entry, result.fndesc, [result.library])
                self._insert_generator(context, result)
            return entry

        return get_overload

    def _stand_in(self, target: Any, arguments: tuple[Any, ...], result: Any) -> Any:
        """What Numba has compiled of a method of an image for its cache; None where that might not
        be the same."""
        found = self.results.found(result)
        assert found is not None
        image, row = found.image, found.row
        # Others than these have no cache that knows them by their arguments' types.
        if not isinstance(target, dispatcher.Dispatcher) or bounds_are_checked() != self._bounds:
            return None
        for declared in (None, result.signature.return_type):
            key = _key_of_call(target, arguments, declared)
            if key is not None and image.row(key) is row:
                break
        else:
            return None
        if key in self.outdated or self._changed_global(image, row, target.py_func) is not None:
            return None
        made = self._keeping.stand_in(target, arguments, declared)
        # The caller has its type already.
        same = made is not None and made.signature.return_type == result.signature.return_type
        return made if same else None

    def _lower_recursion(self, original: Hook) -> Hook:
        """JIT code that recurses into another specialisation of its function, one from an image.

        Numba calls it by a mangled name that it expects its own engine to define some day; a method
        of an image is ready and called as any other function is.
        """

        def lower(this: Any, fnty: Any, expr: Any, signature: Any) -> Any:
            target, arguments = fnty.dispatcher_type.dispatcher, tuple(signature.args)
            known = target.overloads.get(arguments)
            if (
                known is not None
                and isinstance(known.library, ImageLibrary)
                and not self._keeping.is_making(target, arguments)
            ):
                return this._lower_call_normal(fnty.dispatcher_type, expr, signature)
            return original(this, fnty, expr, signature)

        return lower

    def _insert_generator(self, context: Any, result: Any) -> None:
        """Make a generator known to JIT code that iterates over it."""
        found = self.results.found(result)
        assert found is not None
        row = found.row
        generator = result.signature.return_type
        if row["generator"] is None or generator in context._generators:
            return
        descriptor = GeneratorDescriptor(
            {**row, "symbol": row["generator"][0], "arguments": ["gen"], "objectmode": False},
            generator.yield_type,
            (generator,),
        )
        context.insert_generator(generator, descriptor, [result.library])

    def _ufunc_compile(self, original: Hook) -> Hook:
        def compile_core(this: Any, sig: Any, flags: Any, locals: Any) -> Any:
            arguments, declared = sigutils.normalize_signature(sig)
            arguments = tuple(arguments)
            options = getattr(this, "_pkgimage_options", "")
            found = self.find("ufunc", this.py_func, arguments, declared, options, target=this)
            if found is not None:
                with suppress(CannotAttach):
                    result = self.result(found, arguments)
                    if result.signature not in this.overloads:
                        this.overloads[result.signature] = result
                    return result
            with self._keeping.compiling(this.cache):
                return original(this, sig, flags, locals)

        return compile_core

    def _wrapper(self, role: str, position_of_result: int) -> Hook:
        def make(original: Hook) -> Hook:
            def build(*args: Any, **kwargs: Any) -> Any:
                result = kwargs["cres"] if "cres" in kwargs else args[position_of_result]
                info = self._wrapper_info(result, role)
                if info is None:
                    self._prepare_compiling(result)
                    return original(*args, **kwargs)
                return info

            return build

        return make

    def _gufunc_wrapper(self, role: str) -> Hook:
        def make(original: Hook) -> Hook:
            def build(
                py_func: Any, cres: Any, sin: Any, sout: Any, cache: Any, is_parfors: bool
            ) -> Any:
                info = None if is_parfors else self._wrapper_info(cres, f"{role}{sin}{sout}")
                if info is not None:
                    return info
                self._prepare_compiling(cres)
                return original(py_func, cres, sin, sout, cache, is_parfors)

            return build

        return make

    def _prepare_compiling(self, result: Any) -> None:
        """Numba is about to build a wrapper that the image has not, around a method that it has;
        it takes for granted that the method's compilation has prepared its contexts."""
        if self.results.roles_of(result) is not None:
            cpu_target.typing_context.refresh()
            cpu_target.target_context.refresh()

    def _wrapper_info(self, result: Any, role: str) -> Any:
        owner = self.results.roles_of(result)
        if owner is None or role not in owner[0]:
            return None
        return _wrapper_info(library=owner[1], env=result.environment, name=owner[0][role])

    def _cfunc_compile(self, original: Hook) -> Hook:
        def compile_uncached(this: Any) -> Any:
            arguments = tuple(this._sig.args)
            options = callback_options(this)
            found = self.find(
                "cfunc", this._pyfunc, arguments, this._sig.return_type, options, target=this
            )
            if found is not None:
                with suppress(CannotAttach):
                    return self.result(found, arguments)
            with self._keeping.compiling(this._cache):
                return original(this)

        return compile_uncached

    def _stencil_call(self, original: Hook) -> Hook:
        def call(this: Any, *args: Any, **kwargs: Any) -> Any:
            arguments = tuple(typeof(value) for value in args)
            out = kwargs.get("out")
            if set(kwargs) <= {"out"}:
                if out is not None:
                    arguments += (typeof(out),)
                shown = {"mode": this.mode, **this.options}
                found = self.find(
                    "stencil", this.kernel_ir.func_id.func, arguments, None,
                    options_text(shown), "" if out is None else "out",
                )  # fmt: skip
                if found is not None and "cpython" in found.row["entries"]:
                    cache = this.__dict__.setdefault("_pkgimage_results", {})
                    if arguments not in cache:
                        try:
                            cache[arguments] = self.result(found, arguments)
                        except CannotAttach:
                            return original(this, *args, **kwargs)
                    tail = () if out is None else (out,)
                    return cache[arguments].entry_point(*args, *tail)
            return original(this, *args, **kwargs)

        return call


def _dispatchers_in(values: Iterable[Any]) -> list[Any]:
    """The dispatchers that code may call which has values as constants: also within tuples, and in
    the closures of those."""
    found: list[Any] = []
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if isinstance(value, tuple):
            waiting.extend(value)
        elif type(value) is CPUDispatcher and not any(value is one for one in found):
            found.append(value)
            waiting.extend(held_by(value.py_func))
    return found


def _key_of_call(target: Any, arguments: tuple[Any, ...], declared: Any = None) -> str | None:
    """The key of the method that a dispatcher as it is now has for these types; None where it has
    no key."""
    returned = "" if declared is None else type_text(declared)
    try:
        return key_of_signature(
            "function", target.py_func, dispatcher_options(target), "",
            f"{arguments_text(arguments)}->{returned}",
        )  # fmt: skip
    except Unkeyable:
        return None


def _functions_among(kinds: Iterable[Any]) -> Iterator[Any]:
    """The dispatchers that arguments of these types are, also within tuples."""
    for kind in kinds:
        if isinstance(kind, types.BaseTuple):
            yield from _functions_among(kind)
        elif isinstance(kind, types.Dispatcher):
            yield kind.dispatcher


def _keep(target: Any, entry_point: Any) -> None:
    """Keep an entry point for as long as its dispatcher, whose C code has but a pointer to it. Code
    that Numba compiles keeps its own, also where a program clears `overloads`."""
    target.__dict__.setdefault(_ENTRY_POINTS, []).append(entry_point)


def _can_wait(target: Any) -> bool:
    """Whether nobody else wants to hear of each new overload."""
    add = type(target).add_overload
    return type(target) is CPUDispatcher and add.__module__ == dispatcher.__name__


def _has_failed(target: Any, arguments: tuple[Any, ...], declared: Any) -> bool:
    """Whether Numba could not compile this before: it raises the same again, whatever has changed
    since."""
    failed: Any = getattr(getattr(target, "_compiler", None), "_failed_cache", None)
    return bool(failed) and (arguments, declared) in failed


def _note_anew(original: Hook) -> Hook:
    """Know a dispatcher that is to forget the globals that its code was compiled with."""

    def recompile(this: Any) -> Any:
        this.__dict__[_ANEW] = True
        return original(this)

    return recompile


def _note_options(original: Hook) -> Hook:
    """Keep the target options of a ufunc, which its inner compile step no longer sees."""

    def compile(this: Any, sig: Any, locals: Any = None, **options: Any) -> Any:
        this._pkgimage_options = options_text({**this.targetoptions, **options})
        return original(this, sig, locals, **options)

    return compile
