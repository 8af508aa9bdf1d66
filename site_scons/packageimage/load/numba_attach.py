"""Images in a process that has imported Numba: what a program needs that only calls functions.

`Attachments` answers the first calls of plain functions by itself (`_start`). For all else that
Numba asks, it makes a `numba_bridge.Bridge`, which is imported when that is asked for the first
time, and answers from the same images.

What tells a plain function from all others of its name, its shape, is at the end: first calls ask
for it, and a module of its own would take each process 50 us. Capturing asks for it as well.

With the other modules called `numba_*` here it holds every use of Numba's private interfaces while
images are loaded.
"""

from __future__ import annotations

import sys
from _imp import source_hash  # SipHash, which names bytecode
from _thread import RLock
from collections.abc import Callable, Iterable, Mapping, Sequence
from marshal import dumps, loads
from struct import Struct
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import llvmlite.binding as llvm
import numpy
from numba import _dynfunc, _helperlib
from numba._dynfunc import make_function
from numba.core import base, caching, codegen, config, dispatcher, externals, lowering, utils
from numba.core.compiler_lock import global_compiler_lock
from numba.core.cpu import CPUContext
from numba.core.dispatcher import OmittedArg
from numba.core.environment import Environment
from numba.core.registry import CPUDispatcher, cpu_target
from numba.core.runtime import _nrt_python
from numba.np.ufunc import parallel as parallel_ufunc
from numba.np.ufunc import ufuncbuilder
from numba.stencils.stencil import StencilFunc

from . import image as images
from . import logs, note
from .argument_types import OMITTED, spec_of, spec_of_array

if TYPE_CHECKING:
    from .image import Image
    from .numba_bridge import Bridge
    from .protocols import Slotted

Hook = Callable[..., Any]

KEY = "_pkgimage_key"
"""Under this name a dispatcher holds, while it is asked to compile, the key of what it asks for."""

RESTORED_KEYS = "_pkgimage_restored_keys"
"""And under this one, where it was restored with a closure, the keys of its methods by the types of
their arguments, whatever the closure holds by now."""

# The lock itself: entering it through Numba broadcasts two events, which takes longer than what is
# done under it.
compiler_lock = global_compiler_lock._lock

WAITING = "_pkgimage_waiting"
"""Under this name a dispatcher holds what waits, that compile results are made of: the numbers that
Numba's C code has for the types of the arguments, these types, what was found, the entry point, and
more; a list of several. Nearly all have one, and the garbage collector looks at each object."""

DECLARED = "_pkgimage_declared"
"""Under this name a dispatcher says that it was given a method with a return type that was asked
for, where its callers in images call one with its own."""

_CONTEXT = "_toplevel_target_context"  # as which a target keeps its own
_PUT_OFF = "_pkgimage_put_off"
"""Under this name a context has the settings that it is to be made by."""
_MADE_BY = (
    "CPU_FEATURES", "CPU_NAME", "ENABLE_AVX", "ENABLE_PROFILING", "OPT",
    "USE_LLVMLITE_MEMORY_MANAGER",
)  # fmt: skip
_START = Struct("<8s10I")  # capture.assemble says of what
_ENVIRONMENT = 3  # and of each of the other environments in it
_BOUNDS = "NUMBA_BOUNDSCHECK"
_NOTHING = object()
_NOTHING_THERE: dict[str, int] = {}


def address_of(name: str) -> int | None:
    """The address of a C function or variable that code in this process may use."""
    if not name.startswith("Py"):
        for prefix, table in _HELPERS:
            found = table.get(name.removeprefix(prefix)) if name.startswith(prefix) else None
            if found is not None:
                return found
        # What Numba registered with LLVM (libm's functions, BLAS, threads) comes before what the
        # process happens to export under that name.
        found = llvm.address_of_symbol(name)
        if found is not None:
            return found  # type: ignore[no-any-return]
    return images.process_address(name)


# Numba's C helpers, and what generated code puts before their names; nothing where they begin with
# "_".
_HELPERS: tuple[tuple[str, dict[str, int]], ...] = (
    ("NRT_", _nrt_python.c_helpers),
    ("numba_", _helperlib.c_helpers),
    ("numba_", _dynfunc.c_helpers),
    ("", {name: at for name, at in _nrt_python.c_helpers.items() if name.startswith("_")}),
)


def fill_slots(image: Slotted) -> list[tuple[int, str]]:
    """Fill the slots that wait for no method; returns those that wait for Numba's threads.

    Raises image.UnboundSlot when the image needs what Numba hasn't.
    """
    missing = images.fill_slots(image, address_of)
    unknown = []
    for _, name in missing:
        if name not in images.THREADS:
            unknown.append(name)
    if unknown:
        raise images.UnboundSlot(", ".join(unknown))
    return missing


class LazyContext(CPUContext):  # type: ignore[misc]
    """Numba's target context, until something asks for what is in it.

    Numba makes it for the first dispatcher, with a code generator: 1.5 ms, which a process never
    gets back that compiles nothing. One that was put off (`put_off_context`) has only what it is to
    be made of. It becomes what Numba would have made, in its place, with the first attribute that
    it lacks.
    """

    def __getattr__(self, name: str) -> Any:
        _make(self)
        return object.__getattribute__(self, name)

    def __copy__(self) -> Any:
        """As `subtarget` makes one, which must share what is to be made."""
        _make(self)
        kind = type(self)
        other = kind.__new__(kind)
        other.__dict__.update(self.__dict__)
        return other


# Like what it stands for: `CPUContext.__repr__` is in code, and so are names.
LazyContext.__module__, LazyContext.__qualname__ = CPUContext.__module__, CPUContext.__qualname__
LazyContext.__name__ = CPUContext.__name__


def _make(context: LazyContext) -> None:
    """Make what was put off; nothing where that has been done."""
    with compiler_lock:  # the making takes it, too
        state = context.__dict__
        if _PUT_OFF not in state:
            return
        # Numba would have made it by the settings of then.
        settings, now = state[_PUT_OFF], {}
        for name, value in settings.items():
            now[name] = getattr(config, name)
            setattr(config, name, value)
        try:
            made = CPUContext(state["typing_context"], state["target_name"])
        finally:
            for name, value in now.items():
                setattr(config, name, value)
        state.update(made.__dict__ | state)
        if type(context) is LazyContext:
            context.__class__ = CPUContext
        del state[_PUT_OFF]  # last: interrupted before, it is done once more


def put_off_context() -> None:
    """Have Numba make its target context when it needs one, unless it has."""
    with type(cpu_target).__dict__[_CONTEXT]._lock:  # another thread may be making it
        if _CONTEXT in cpu_target.__dict__:
            return
        # What making it does for all of the process is done at once: a program may use LLVM by
        # itself, and register other functions under the names of these.
        codegen.initialize_llvm()
        base._load_global_helpers()
        externals.c_math_functions.install(None)
        context = LazyContext.__new__(LazyContext)
        context.__dict__.update(
            {
                "typing_context": cpu_target.typing_context,
                "target_name": cpu_target._target_name,
                _PUT_OFF: {
                    name: getattr(config, name) for name in _MADE_BY if hasattr(config, name)
                },
            }
        )
        cpu_target.__dict__[_CONTEXT] = context


class _Starts:
    """What an image has for the first calls of plain functions."""

    def __init__(self, image: Image) -> None:
        """Raises image.ImageError."""
        self.image = image
        self.kept_alive = (image,)
        self.slots, self.environment_slots = image.slots, image.environment_slots
        self.entries = image.entries
        self.functions, specs, self.data = image.starts
        self.numbers: dict[tuple[Any, ...], int] = {}
        self.omitting: set[int] = set()
        for number, one in enumerate(specs):
            self.numbers[one] = number
            if OMITTED in one:
                self.omitting.add(number)
        # Numba's types of the arguments with these specs, and their numbers in its C code.
        self.types: dict[int, tuple[tuple[Any, ...], tuple[int, ...]]] = {}
        # Of functions in a module that have the same constants: code only reads it.
        self.environments: dict[tuple[str | None, int], Any] = {}
        # By where they lie: the globals of a method, as where each of them lies.
        self.globals: dict[int, tuple[int, ...]] = {}
        # By where they lie: module, name and value of globals that can't be changed but by name.
        self.constants: dict[int, tuple[str, str, object]] = {}

    def read_globals(self, at: int) -> tuple[int, ...]:
        found = self.globals[at] = loads(self.data[at:])
        return found  # type: ignore[no-any-return]


class Overloads:
    """`Dispatcher.overloads` as an attribute that looks first: methods that an image answered
    become compile results when somebody asks for any of a dispatcher's, which calls do not."""

    def __init__(self, make: Callable[..., Any]) -> None:
        """`make` makes a compile result of what waits."""
        self._make = make

    def __get__(self, target: Any, owner: Any = None) -> Any:
        if target is None:
            return self
        state = target.__dict__
        if WAITING in state:
            with compiler_lock:
                # Of two threads the second finds none, and waits here for the first's results.
                for waiting in _those_waiting(state):
                    state["overloads"][waiting[1]] = self._make(*waiting)
                state.pop(WAITING, None)
        try:
            return state["overloads"]
        except KeyError:
            raise AttributeError("overloads") from None

    def __set__(self, target: Any, value: Any) -> None:
        state = target.__dict__
        state["overloads"] = value
        if WAITING in state:
            del state[WAITING]

    @classmethod
    def add(cls, target: Any, found: tuple[Any, ...], object_mode: bool) -> bool:
        """As `Dispatcher.add_overload` does, but for the compile result. found: as in `WAITING`.
        False where there is such an overload, be it one that waits: nothing was done."""
        state = target.__dict__
        waiting = state.get(WAITING)
        if (waiting or state["overloads"]) and cls.has(target, found[1], found[0]):
            return False
        target._insert(found[0], found[3], object_mode)
        if waiting is None:
            state[WAITING] = found
        else:
            state[WAITING] = [*_those_waiting(state), found]
        return True

    @staticmethod
    def has(target: Any, arguments: tuple[Any, ...], codes: tuple[int, ...]) -> bool:
        """Whether `add` would do nothing."""
        state = target.__dict__
        for waiting in _those_waiting(state):
            if waiting[0] == codes:
                return True
        return arguments in state["overloads"]


def _those_waiting(state: dict[str, Any]) -> Sequence[tuple[Any, ...]]:
    waiting = state.get(WAITING, ())
    return waiting if type(waiting) is list or not waiting else (waiting,)


class Attachments:
    """The images that answer Numba in this process."""

    callbacks = "numba.core.ccallback"
    """A module of Numba's that is imported with the first callback."""

    def __init__(self, report: Callable[[str, str], None], environ: Mapping[str, str]) -> None:
        """`report` is told (method, reason) when an image has a method that can't be attached.
        environ: by which images are chosen."""
        self._report = report
        self._images: list[tuple[Image, list[tuple[int, str]]]] = []
        self._starts: list[_Starts] = []
        self._bounds = bounds_by(environ)
        # What waits of each method that has answered (`WAITING`), with its number
        # for what was found, then its image and the dispatcher.
        self._started: list[tuple[Any, ...]] = []
        self._noted = 0
        self._bridge: Bridge | None = None
        self._originals: dict[tuple[Any, str], Hook] = {}  # functions of Numba that ask the bridge
        self._hooks: dict[tuple[Any, str], Hook] = {}  # and what it has them do
        self._lock = RLock()
        add = CPUDispatcher.add_overload
        # None where something wants to hear of each overload, as `pkgimage trace` does.
        self._add_overload = add if add.__module__ == dispatcher.__name__ else None
        images.answer_sources.append(self._note_started)

    def add(self, image: Image) -> None:
        """Answer from `image` too. Raises image.UnboundSlot when it needs what Numba hasn't, and
        image.ImageError."""
        put_off_context()  # first: it registers what slots are filled with
        late = fill_slots(image)
        starts = _Starts(image)
        with self._lock:
            self._images.append((image, late))
            self._starts.append(starts)
            if self._bridge is not None:
                self._bridge.add(image.methods, late)
            elif len(self._images) == 1:
                self._install()

    @property
    def answered(self) -> int:
        """How many requests images have answered."""
        return len(self._started) + (0 if self._bridge is None else self._bridge.answered)

    # -- first calls ---------------------------------------------------------------------------

    def _start(self, target: Any, args: tuple[Any, ...]) -> Any:
        """The entry point for a call of a dispatcher with types that it has not seen yet, from an
        image, added to the dispatcher. None where the bridge has to answer, because the function is
        none of the plain ones, or is not as it was at build."""
        state = target.__dict__
        function = state["py_func"]
        module = function.__module__
        qualname = function.__qualname__
        for starts in self._starts:
            at = starts.functions.get(module, _NOTHING_THERE).get(qualname)
            if at is not None:
                break
        else:
            return None
        if (
            (config.BOUNDSCHECK is not self._bounds and bounds_are_checked() != self._bounds)
            or KEY in state
            or state["_compiler"]._failed_cache
            or CPUDispatcher.add_overload is not self._add_overload
            or (self._bridge is not None and self._bridge.outdated)
        ):
            return None
        specs = tuple(map(_spec_of, args))
        kind = starts.numbers.get(specs, -1)
        while True:
            (
                shape, called, its_kind, number, partition, position, own, constants, others,
                frozen, following,
            ) = _START.unpack_from(starts.data, at)  # fmt: skip
            if its_kind == kind:
                break
            if not 0 < following < at:  # which lies before it
                return None
            at = following
        if kind in starts.omitting and not _are_defaults(args, function.__defaults__):
            return None
        if shape_of(target, called) != shape:
            return None
        if frozen:
            for at in starts.globals.get(frozen) or starts.read_globals(frozen):
                if not _is_as_at_build(starts, at, module, function):
                    return None
        known = starts.types.get(kind)
        if known is None:
            known = _types_of(target, args)
            if kind not in starts.omitting:
                starts.types[kind] = known
        arguments, codes = known
        environment = starts.environments.get((module, constants))
        if environment is None:
            environment = _environment(starts, module, function.__globals__, constants)
        slot = starts.environment_slots[own]
        if slot != images.NO_SLOT:  # code that never uses it needs no slot
            starts.slots[slot] = id(environment)
        if others and not _fill_others(starts, loads(starts.data[others:])):
            return None
        entry_point = make_function(
            sys.modules[module], qualname.rpartition(".")[2], "compiled wrapper",
            starts.entries[partition][position] or starts.image.entry(partition, position),
            environment, starts.kept_alive,
        )  # fmt: skip
        started = codes, arguments, number, entry_point, starts.image, target
        with compiler_lock:
            if not Overloads.add(target, started, False):
                return None
            self._started.append(started)
        if logs:
            note("answered", method=f"{module}.{qualname}")
        return entry_point

    def _note_started(self) -> None:
        from .methods import note_answer

        with self._lock:
            while self._noted < len(self._started):
                _, _, number, _, image, target = self._started[self._noted]
                note_answer(image.methods.key(number), target)
                self._noted += 1

    # -- all else ------------------------------------------------------------------------------

    @property
    def bridge(self) -> Bridge:
        """What answers all that Numba asks; made when it is first asked for."""
        if self._bridge is None:
            from .numba_bridge import Bridge  # not under the lock

            with self._lock:
                if self._bridge is None:
                    self.watch_callbacks()
                    bridge = Bridge(self._report, self._bounds)
                    for image, late in self._images:
                        bridge.add(image.methods, late)
                    self._hooks = {
                        (owner, name): make(self._originals[owner, name])
                        for owner, name, make in bridge.hooks()
                    }
                    self._bridge = bridge
        return self._bridge

    def _install(self) -> None:
        CPUDispatcher.overloads = Overloads(self._result)
        replace(CPUDispatcher, "_compile_for_args", self._compile_for_args)
        replace(utils, "pysignature", keep_last_signature)
        for owner, *names in (
            (dispatcher.Dispatcher, "compile", "recompile"),
            (dispatcher.LiftedLoop, "compile"),
            (dispatcher.LiftedWith, "compile"),
            (dispatcher._DispatcherBase, "get_overload"),
            (ufuncbuilder.UFuncDispatcher, "compile", "_compile_core"),
            (ufuncbuilder, "build_ufunc_wrapper", "build_gufunc_wrapper"),
            (parallel_ufunc, "build_ufunc_wrapper", "build_gufunc_wrapper"),
            (StencilFunc, "__call__"),
            (codegen.CPUCodeLibrary, "add_linking_library"),
            (caching.CompileResultCacheImpl, "check_cachable"),
            (lowering.Lower, "_lower_call_RecursiveCall"),
        ):
            for name in names:
                self._have_ask(owner, name)
        self.watch_callbacks()

    def watch_callbacks(self) -> None:
        """Answer Numba's callbacks, once Numba has imported their module."""
        found = sys.modules.get(self.callbacks)
        with self._lock:
            if hasattr(found, "CFunc"):
                self._have_ask(found.CFunc, "_compile_uncached")  # type: ignore[union-attr]

    def _have_ask(self, owner: Any, name: str) -> None:
        """Have a function of Numba ask the bridge, which is made then.

        It stays in its place: a program may put its own around it at any time, and take it away.
        """
        key = owner, name
        if key in self._originals:
            return
        original = self._originals[key] = getattr(owner, name)

        def ask(*args: Any, **kwargs: Any) -> Any:
            if self._bridge is None:
                _ = self.bridge
            return self._hooks[key](*args, **kwargs)

        setattr(owner, name, _named_as(original, ask))

    def _compile_for_args(self, original: Hook) -> Hook:
        def compile_for_args(this: Any, *args: Any, **kws: Any) -> Any:
            if not kws and type(this) is CPUDispatcher:
                entry_point = self._start(this, args)
                if entry_point is not None:
                    return entry_point
            return self.bridge.compile_for_args(original, this, args, kws)

        return compile_for_args

    def _result(
        self, codes: tuple[int, ...], arguments: tuple[Any, ...], found: Any, entry_point: Any,
        *more: Any,
    ) -> Any:  # fmt: skip
        """The compile result of a method that has answered (`WAITING`)."""
        if more:  # found here, by its number
            image, _ = more
            return self.bridge.results.numbered_result(image.methods, found, arguments, entry_point)
        return self.bridge.results.compile_result(found, arguments, entry_point)


def bounds_by(environ: Mapping[str, str]) -> bool | None:
    """Whether bounds are checked, as the environment has it, by which images are chosen."""
    if not environ.get(_BOUNDS):
        return None
    from ..model.flags import switch

    return switch(environ, _BOUNDS)


def bounds_are_checked() -> bool | None:
    """Numba's setting as it is now; a program that has set it since it began wants other code."""
    found = config.BOUNDSCHECK
    return None if found is None else bool(found)


def _types_of(target: Any, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """Numba's types of a call's arguments, and their numbers in its C code."""
    try:
        arguments = tuple(map(target.typeof_pyval, args))
    finally:
        target._types_active_call.clear()
    return arguments, tuple([kind._code for kind in arguments])


def _are_defaults(args: tuple[Any, ...], defaults: tuple[Any, ...] | None) -> bool:
    """Whether what was left out is what the function has for it: who calls may say it otherwise."""
    defaults = defaults or ()
    for place, value in enumerate(args, len(defaults) - len(args)):
        if type(value) is OmittedArg and (place < 0 or value.value is not defaults[place]):
            return False
    return True


def _spec_of(value: Any) -> Any:
    """The spec of an argument's type (`model.type_spec`), None where an extension of Numba may have
    a say in it."""
    kind = type(value)
    if kind is numpy.ndarray:
        return spec_of_array(value)
    if kind is tuple:
        parts = tuple(map(_spec_of, value))
        return None if None in parts else ("tuple", *parts)
    if kind is OmittedArg:
        return OMITTED
    return spec_of(value) if kind in _OF_SCALARS else None


_OF_SCALARS = frozenset(
    {bool, int, float, complex, str, bytes, type(None), *numpy.sctypeDict.values()} - {numpy.void}
)


def _environment(
    starts: _Starts, module: str | None, namespace: dict[str, Any], constants: int
) -> Any:
    """The environment of functions in a module that have the same constants."""
    known = starts.environments.get((module, constants))
    if known is not None:
        return known
    environment = Environment(namespace)
    if constants:
        environment.consts.extend(images.loads(loads(starts.data[constants:])))
    # One for both threads of two.
    return starts.environments.setdefault((module, constants), environment)


def _fill_others(starts: _Starts, rows: tuple[Any, ...]) -> bool:
    """Fill the slots of the functions that one calls; whether all their modules are there."""
    for at in range(0, len(rows), _ENVIRONMENT):
        place, module, constants = rows[at : at + _ENVIRONMENT]
        namespace = {} if module is None else getattr(sys.modules.get(module), "__dict__", None)
        if namespace is None:
            return False
        slot = starts.environment_slots[place]
        if slot != images.NO_SLOT:
            starts.slots[slot] = id(_environment(starts, module, namespace, constants))
    return True


def _is_as_at_build(starts: _Starts, at: int, own: str, function: Any) -> bool:
    """Whether a global is what a method was compiled with, as far as that is quickly told. own:
    the function's module."""
    known = starts.constants.get(at)
    if known is None:
        module, name, shape = loads(starts.data[at:])
        constant: object = _NOTHING
    else:
        module, name, constant = known
        shape = None
    if module == own:
        value = function.__globals__.get(name, _NOTHING)
    else:
        value = getattr(sys.modules.get(module), "__dict__", {}).get(name, _NOTHING)
    if known is not None and value is constant:
        # A module counts by its name, which another may have taken.
        return type(value) is not ModuleType or sys.modules.get(value.__name__) is value
    if shape is None or value is _NOTHING or global_shape(value) != shape:
        return False
    if type(value) is not CPUDispatcher:
        starts.constants[at] = module, name, value
        return True
    # Its code may be set, too. What Numba has compiled it for, callers may have to call.
    state = value.__dict__
    return DECLARED not in state and not state["overloads"]


def keep_last_signature(original: Hook) -> Hook:
    """`inspect.signature`, as Numba asks it, without making the same one twice in a row.

    Numba asks twice for each dispatcher that it makes (`Dispatcher.__init__`, and that of its
    `_FunctionCompiler`), which is half of the making. A function without defaults, annotations and
    attributes of its own (`__wrapped__`, `__signature__`) has a signature that depends on its code
    alone; nobody can change either.
    """
    last: tuple[Any, Any] = None, None

    def pysignature(function: Any, **options: Any) -> Any:
        nonlocal last
        if (
            options
            or type(function) is not FunctionType
            or function.__defaults__ is not None
            or function.__kwdefaults__
            or function.__annotations__
            or function.__dict__
        ):
            return original(function, **options)
        code, known = function.__code__, last
        if code is not known[0]:
            known = last = code, original(function)
        return known[1]

    return pysignature


# -- shapes of functions ---------------------------------------------------------------------

# What tells a compiled function from all others of its name, quickly. `method_key` makes texts of
# whatever a function may be made of. Nearly all are plainer than that: their code holds numbers and
# texts alone, they have no closure, their options are switches (`capture.numba_starts.is_plain`).
# The shape of such a function is one hash of what marshal writes. Where it is another function's,
# so is the text: marshal writes nothing else alike. It belongs to one version of Python, as
# bytecode does.

# Marshal writes these as their values say, in its version that looks at nothing else, such as
# whether a string is interned; and nothing else as it writes one of them.
PLAIN: frozenset[type] = frozenset({bool, int, float, complex, str, type(None)})
_WITH_BYTES = PLAIN | {bytes}  # it writes whatever has a buffer, an array too, as bytes
_MARSHAL_VERSION = 2

# CO_OPTIMIZED and CO_NEWLOCALS, which a profiler makes Numba clear (`method_key.code_digest`).
_FLAGS = ~(0x1 | 0x2)
_PIPELINE = "numba.core.compiler"
_HASH_KEY = int.from_bytes(b"shap", "little")  # below 2**31: a C long, which Windows has of 32 bits
_KEPT = "_pkgimage_shape"


def shape_of(dispatcher: Any, keep: bool = False) -> bytes | None:
    """Eight bytes for one of Numba's dispatchers; None for one that can't have any.

    keep: the dispatcher keeps it, with what it came from, for who asks next.
    """
    state = dispatcher.__dict__
    function = state["py_func"]
    name, code = function.__module__, function.__code__
    module = sys.modules.get(name)
    if (
        module is None
        or module.__dict__ is not function.__globals__
        or not dispatcher._can_compile
        or state["_compiler"].pipeline_class.__module__ != _PIPELINE
    ):
        return None
    known = state.get(_KEPT)
    if (
        known is not None
        and known[0] is code
        and known[1] is function.__defaults__
        and known[2] == state["targetoptions"]
        and known[3] == function.__qualname__
        and function.__kwdefaults__ is None
        and not state["locals"]
    ):
        return known[4]  # type: ignore[no-any-return]
    what = (
        name, function.__qualname__, function.__closure__, function.__defaults__,
        function.__kwdefaults__, state["targetoptions"], state["locals"], code.co_code,
        code.co_consts, code.co_names, code.co_varnames, code.co_argcount,
        code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & _FLAGS,
        code.co_exceptiontable,
    )  # fmt: skip
    try:
        shape = source_hash(_HASH_KEY, dumps(what, _MARSHAL_VERSION))
    except ValueError:
        return None  # of something that marshal knows nothing of
    if keep and function.__kwdefaults__ is None and not state["locals"]:
        state[_KEPT] = (
            code, function.__defaults__, dict(state["targetoptions"]), function.__qualname__, shape
        )  # fmt: skip
    return shape


def global_shape(value: Any) -> bytes | None:
    """The same for what a global name stands for: a dispatcher, a module, a function in C, or a
    constant, also a tuple; None for all else."""
    kind = type(value)
    if kind is ModuleType:
        name = value.__name__
        return _hash(f"module:{name}".encode()) if sys.modules.get(name) is value else None
    if kind is BuiltinFunctionType:
        return _hash(f"builtin:{value.__module__}.{value.__qualname__}".encode())
    if kind in _WITH_BYTES or (kind is tuple and are_of(_WITH_BYTES, value)):
        return _hash(dumps(value, _MARSHAL_VERSION))
    if kind.__name__ == "CPUDispatcher" and kind.__module__.startswith("numba."):
        return shape_of(value, keep=True)  # others may call it, and it may be called itself
    return None


def _hash(data: bytes) -> bytes:
    return source_hash(_HASH_KEY, data)


def are_of(kinds: frozenset[type], values: Iterable[Any]) -> bool:
    """Whether all are, also within tuples."""
    for value in values:
        kind = type(value)
        if kind not in kinds and not (kind is tuple and are_of(kinds, value)):
            return False
    return True


def replace(owner: Any, name: str, make: Callable[[Hook], Hook]) -> None:
    """Put a hook around a function of Numba's."""
    original = getattr(owner, name)
    setattr(owner, name, _named_as(original, make(original)))


def _named_as(original: Hook, hook: Any) -> Hook:
    """The hook under the name of what it stands for, as `functools.wraps` gives it; that takes
    three times as long, for two dozen of them."""
    if type(original) is not FunctionType:  # a program's own
        import functools

        return functools.wraps(original)(hook)
    hook.__module__, hook.__name__ = original.__module__, original.__name__
    hook.__qualname__, hook.__doc__ = original.__qualname__, original.__doc__
    hook.__annotations__ = original.__annotations__
    hook.__dict__.update(original.__dict__)
    hook.__wrapped__ = original
    return hook  # type: ignore[no-any-return]
