"""Numba's C extension modules without Numba.

A restored function runs as Numba would run it: its dispatcher is Numba's own C dispatcher, its
wrapper uses Numba's C helpers and its memory system. All of that is in a few extension modules that
need nothing of Numba's Python code, whose import takes ten to fifty times as long as theirs. They
are loaded here under their own names, so that a later `import numba` finds them, and there is one
of each in a process.

With the other modules called `numba_*` this one holds every use of Numba's private interfaces at
load; it is apart because those import Numba.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import sys
from _thread import RLock
from collections.abc import Iterable
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .argument_types import OMITTED, spec_of
from .image import THREADS, process_address

if TYPE_CHECKING:
    from ..model.type_spec import Spec

# importlib's own way from a spec to a module in sys.modules, under the module's import lock, and
# that lock.
_load_spec: Any = sys.modules["importlib._bootstrap"]._load
_ModuleLock: Any = sys.modules["importlib._bootstrap"]._ModuleLockManager

# In the order in which they need each other; `numba._dispatcher` asks for the attribute of Numba's
# package that holds the first.
_DEVICE_ARRAY = "numba._devicearray"
_DISPATCHER = "numba._dispatcher"
_TYPE_CONVERSIONS = "numba.core.typeconv._typeconv"
_FUNCTIONS = "numba._dynfunc"
_HELPERS = "numba._helperlib"
_MEMORY = "numba.core.runtime._nrt_python"
_UFUNCS = "numba.np.ufunc._internal"  # where there are universal functions; it needs NumPy

# Numba numbers its types from 0 on. These numbers are never among its own: while Numba is being
# imported, its C code has changed to those already and ours no longer fit any overload.
_FIRST_CODE = 1 << 24

# What `typeof_init` wants to know the numbers of, and our specs of them.
_BASIC_TYPES = {
    "int8": "i1", "int16": "i2", "int32": "i4", "int64": "i8",
    "uint8": "u1", "uint16": "u2", "uint32": "u4", "uint64": "u8",
    "float32": "f4", "float64": "f8", "complex64": "c8", "complex128": "c16",
}  # fmt: skip


class Unavailable(Exception):
    """Numba's extension modules can't be had without Numba; the message says why."""


class OmittedArg:
    """What Numba's dispatcher passes for an argument that was left out."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    @property
    def _numba_type_(self) -> _TypeCode:
        return extensions().type_code(OMITTED)


class _TypeCode:
    """What the C dispatcher takes for a type: its number."""

    __slots__ = ("_code",)

    def __init__(self, code: int) -> None:
        self._code = code


_UNKNOWN_TYPE = _TypeCode(_FIRST_CODE)


class Extensions:
    """The loaded modules, and the numbers of the types that restored functions take."""

    def __init__(self) -> None:
        """Load them. Raises Unavailable."""
        # Who imports Numba at this moment waits: it would find some of its modules and not yet
        # what it makes of them, or have its types' numbers overwritten by ours.
        with _ModuleLock("numba"):
            if numba_is_there():
                raise Unavailable("Numba itself is imported")
            spec = PathFinder.find_spec("numba")
            if spec is None or not spec.submodule_search_locations:
                raise Unavailable("there is no package numba")
            self._root = spec.submodule_search_locations[0]
            self._codes: dict[Spec, _TypeCode] = {}
            self._numbers = itertools.count(_FIRST_CODE + 1)  # several threads may take some
            self._threads: dict[str, int] | None = None
            try:
                self._load_all()
            except (ImportError, OSError, AttributeError) as error:
                raise Unavailable(f"{type(error).__name__}: {error}") from error

    def _load_all(self) -> None:
        self.dispatcher = self._load_dispatcher()
        conversions = self._load(_TYPE_CONVERSIONS)
        self.functions = self._load(_FUNCTIONS)
        helpers = self._load(_HELPERS)
        memory = self._load(_MEMORY)
        # It never learns of a conversion: what a call converts is decided in `model.type_spec`.
        self._type_manager = conversions.new_type_manager()
        self.type_manager = conversions.get_pointer(self._type_manager)
        self._start_types()
        self.addresses: dict[str, int] = {}
        for name, address in vars(memory)["c_helpers"].items():
            self.addresses[name if name.startswith("_") else "NRT_" + name] = address
        for module in (helpers, self.functions):
            for name, address in vars(module)["c_helpers"].items():
                self.addresses.setdefault("numba_" + name, address)
        for name, function in _INSTEAD_OF_NUMBAS.items():
            self.addresses[name] = ctypes.cast(function, ctypes.c_void_p).value or 0

    # -- loading -------------------------------------------------------------------------------

    def _path(self, name: str) -> str:
        relative = os.path.join(self._root, *name.split(".")[1:])
        for suffix in EXTENSION_SUFFIXES:
            if os.path.exists(relative + suffix):
                return relative + suffix
        raise Unavailable(f"there is no {name} in {self._root}")

    def _load(self, name: str) -> ModuleType:
        known = sys.modules.get(name)
        if known is not None:
            return known
        path = self._path(name)
        spec = ModuleSpec(name, ExtensionFileLoader(name, path), origin=path)
        spec.has_location = True
        module: ModuleType = _load_spec(spec)
        return module

    def _load_dispatcher(self) -> ModuleType:
        """Load `numba._dispatcher`, which imports `numba` to get at one attribute of it."""
        device_array = self._load(_DEVICE_ARRAY)
        known = sys.modules.get(_DISPATCHER)
        if known is not None:
            return known
        global _stand_in
        stand_in = _stand_in = ModuleType("numba")
        stand_in._devicearray = device_array  # type: ignore[attr-defined]
        # Another thread that imports Numba at this very moment gets the stand-in, but waits for it
        # as for any module that is being imported, and finds the real one through it.
        spec = stand_in.__spec__ = ModuleSpec("numba", None)
        spec._initializing = True  # type: ignore[attr-defined]

        def the_real_one(name: str) -> Any:
            if sys.modules.get("numba") is stand_in:
                raise AttributeError(name)
            import numba

            return getattr(numba, name)

        stand_in.__getattr__ = the_real_one  # type: ignore[method-assign]
        if sys.modules.setdefault("numba", stand_in) is not stand_in:
            raise Unavailable("Numba itself is being imported")
        try:
            return self._load(_DISPATCHER)
        finally:
            if sys.modules.get("numba") is stand_in:
                del sys.modules["numba"]

    def tell_numba(self, numba: ModuleType) -> None:
        """Make the loaded modules attributes of their packages, as importing them would have."""
        for name in (
            _DEVICE_ARRAY, _DISPATCHER, _TYPE_CONVERSIONS, _FUNCTIONS, _HELPERS, _MEMORY, _UFUNCS
        ):  # fmt: skip
            if name not in sys.modules:
                continue
            parent, _, attribute = name.rpartition(".")
            package = numba if parent == "numba" else sys.modules.get(parent)
            if package is not None and not hasattr(package, attribute):
                setattr(package, attribute, sys.modules[name])

    def ufuncs(self) -> Any:
        """Numba's module of universal functions. Raises Unavailable."""
        try:
            import numpy  # noqa: F401  (its C code takes NumPy's)

            return self._load(_UFUNCS)
        except (ImportError, OSError) as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error

    # -- types ---------------------------------------------------------------------------------

    def _start_types(self) -> None:
        codes = {name: self.type_code(spec)._code for name, spec in _BASIC_TYPES.items()}
        self.dispatcher.typeof_init(OmittedArg, codes)

    def type_code(self, spec: Spec) -> _TypeCode:
        """The number of a type. Numbers are kept for ever, as the C code's caches hold them."""
        known = self._codes.get(spec)
        if known is None:
            known = self._codes.setdefault(spec, _TypeCode(next(self._numbers)))
        return known

    def codes_of(self, specs: Iterable[Spec]) -> list[int]:
        """The same of several types, as the C code takes them."""
        known = self._codes
        return [(known.get(spec) or self.type_code(spec))._code for spec in specs]

    def type_of(self, value: object) -> _TypeCode:
        """What the C dispatcher asks for where it does not know a value's type by itself."""
        spec = spec_of(value)
        return _UNKNOWN_TYPE if spec is None else self.type_code(spec)

    # -- threads -------------------------------------------------------------------------------

    def launch_threads(self) -> dict[str, int]:
        """Start Numba's threads as `numba.np.ufunc.parallel` would, and tell the addresses of what
        parallel code calls. Raises Unavailable where a setting asks for a choice: Numba makes it.
        """
        if self._threads is None:
            if any(name in os.environ for name in _THREAD_SETTINGS):
                raise Unavailable("a setting chooses the threading layer")
            library = self._threading_layer()
            count = _thread_count()
            for name in ("launch_threads", "set_num_threads"):
                ctypes.CFUNCTYPE(None, ctypes.c_int)(getattr(library, name))(count)
            self._threads = {
                name: getattr(library, name.removeprefix("numba_")) for name in THREADS
            }
        return self._threads

    def _threading_layer(self) -> ModuleType:
        """The first that there is, in Numba's order: TBB of a certain version, OpenMP, its own."""
        for name in (*["tbbpool"] * _has_tbb(), "omppool", "workqueue"):
            try:
                return self._load(f"numba.np.ufunc.{name}")
            except (ImportError, Unavailable):
                continue
        raise Unavailable("no threading layer can be loaded")

    # -- addresses -----------------------------------------------------------------------------

    def address_of(self, name: str) -> int | None:
        """The address of a C function or variable that code of an image may use."""
        found = self.addresses.get(name)
        return process_address(name) if found is None else found


_THREAD_SETTINGS = ("NUMBA_THREADING_LAYER", "NUMBA_THREADING_LAYER_PRIORITY")
_TBB = {"win32": "tbb12.dll", "darwin": "libtbb.12.dylib"}
_TBB_VERSION = 12060  # the first that Numba takes


def _has_tbb() -> bool:
    """Raises Unavailable for one that Numba would warn about."""
    try:
        version = ctypes.CDLL(_TBB.get(sys.platform, "libtbb.so.12")).TBB_runtime_interface_version
    except (OSError, AttributeError):
        return False
    if version() < _TBB_VERSION:
        raise Unavailable("Numba warns of this TBB")
    return True


def _thread_count() -> int:
    """numba.config.NUMBA_NUM_THREADS. Raises Unavailable for a setting that Numba has to judge."""
    said = os.environ.get("NUMBA_NUM_THREADS")
    if said is not None:
        if not said.isdecimal() or int(said) < 1:
            raise Unavailable(f"NUMBA_NUM_THREADS is {said!r}")
        return int(said)
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


def _unpickle(data: int, size: int, digest: int) -> Any:
    """What Numba's `numba_unpickle` does without importing Numba: an exception's class, arguments
    and place."""
    key = data, ctypes.string_at(digest, 20)
    known = _unpickled.get(key)
    if known is None:
        from .image import loads

        try:
            known = loads(ctypes.string_at(data, size))
        except Exception as error:
            # No exception can leave a C callback; this one is raised in its place.
            known = (RuntimeError, (f"{type(error).__name__}: {error}",), None)
        _unpickled[key] = known
    return known


def _exception_of(pickled: bytes, values: tuple[Any, ...]) -> Any:
    """What Numba's `runtime_build_excinfo_struct` does: the class, arguments and place of an
    exception some of whose arguments are known only when it is raised."""
    from .image import loads

    try:
        kind, arguments, place = loads(pickled)
        later = iter(values)
        # LLVM's values stand for what comes later.
        filled = [
            next(later) if type(item).__module__.startswith("llvmlite.") else item
            for item in arguments
        ]
    except Exception as error:
        return RuntimeError, (f"{type(error).__name__}: {error}",), None
    return kind, tuple(filled), place


_unpickled: dict[tuple[int, bytes], Any] = {}
# C functions that would import Numba; kept, for code refers to them by address.
_INSTEAD_OF_NUMBAS = {
    "numba_unpickle": ctypes.PYFUNCTYPE(
        ctypes.py_object, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p
    )(_unpickle),
    "numba_runtime_build_excinfo_struct": ctypes.PYFUNCTYPE(
        ctypes.py_object, ctypes.py_object, ctypes.py_object
    )(_exception_of),
}

_extensions: Extensions | None = None
_extensions_lock = RLock()  # who imports Numba never asks for it
_stand_in: ModuleType | None = None


def numba_is_there() -> bool:
    """Whether Numba is imported, or being imported."""
    found = sys.modules.get("numba")
    return found is not None and found is not _stand_in


def extensions() -> Extensions:
    """Those of this process. Raises Unavailable."""
    global _extensions
    if _extensions is None:
        with _extensions_lock:
            if _extensions is None:
                _extensions = Extensions()
    return _extensions


def loaded() -> Extensions | None:
    """Those of this process when they were loaded without Numba, else None."""
    return _extensions
