"""Every use of Numba's private interfaces while a package is captured.

`install()` must run in a process of its own before the package is imported.  It makes Numba

- keep each code library's LLVM module as it is before MCJIT rewrites it in place;
- emit code that refers to Python objects, environments and large arrays through named slots,
  where it would bake in addresses of this process;
- report each specialisation that it compiles, of any kind, to the `Recorder`.

Checked against Numba 0.67 and 0.68; `check_version` refuses others.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import sys
import types as python_types
from collections.abc import Callable
from typing import Any

import numba
from numba.cloudpickle import cloudpickle
from numba.core import (
    base,
    bytecode,
    callconv,
    ccallback,
    compiler,
    debuginfo,
    dispatcher,
    errors,
    ir_utils,
    itanium_mangler,
    pythonapi,
    serialize,
    targetconfig,
    types,
)
from numba.core import ir as numba_ir
from numba.core.registry import cpu_target
from numba.core.types import abstract
from numba.np.ufunc import array_exprs, ufuncbuilder, wrappers
from numba.parfors import parfor_lowering
from numba.stencils import stencil
from numba.stencils.stencil import StencilFunc

from ..model.errors import PackageImageError
from ..model.method_key import Unkeyable, function_text, short_digest, type_text
from . import numba_wrappers
from .hooks import replace
from .locations import Locations
from .numba_libraries import hook_libraries, hook_slots
from .numba_recorder import Recorder
from .numba_requests import hook_compilations, hook_dispatchers, hook_ufuncs, lifted_place
from .origins import BASE_PACKAGES
from .symbols import FIRST_COUNTER, plain_name

SUPPORTED_NUMBA = ((0, 67), (0, 68))
# In the names of dispatchers' and of jitclasses' types.
_SHOWN_ADDRESS = re.compile(r"(?<= at 0x)[0-9a-f]+|(?<=#)[0-9a-f]{6,}(?=<)")


def check_version() -> None:
    """Raises PackageImageError when this Numba is not one of those that the bridge was made for."""
    found = tuple(int(part) for part in numba.__version__.split(".")[:2])
    if found not in SUPPORTED_NUMBA:
        known = " or ".join(f"{a}.{b}" for a, b in SUPPORTED_NUMBA)
        raise PackageImageError(
            f"expected Numba {known}, found {numba.__version__}: install a supported Numba"
        )


def install(package: str = "", *, inline: bool = True, line_tables_only: bool = False) -> Recorder:
    """Hook Numba in this process and return the recorder of what it compiles.

    `package` is the one that is captured. `inline=False` keeps LLVM from inlining;
    `line_tables_only` gives debug level 1 where Numba's own setting asks for level 2.
    """
    check_version()
    recorder = Recorder([package])
    _disable_caches()
    hook_libraries(recorder, inline=inline)
    hook_slots(recorder, recorder.slots)
    numba_wrappers.install()
    hook_compilations(recorder)
    hook_dispatchers(recorder)
    hook_ufuncs(recorder)
    _hook_locations(recorder)
    _stable_counters()
    _stable_uuids()
    if line_tables_only:
        _line_tables_only()
    return recorder


def settings() -> dict[str, str]:
    """Numba's configuration as it is now: a package may have changed it."""
    return {
        name: repr(value)
        for name, value in sorted(vars(numba.config).items())
        if name.isupper() and isinstance(value, (bool, int, float, str, type(None)))
    }


def _disable_caches() -> None:
    def nothing(self: Any) -> None:
        return None

    def note(self: Any) -> None:
        self._pkgimage_caches = True  # the restored one shall

    dispatcher.Dispatcher.enable_caching = note
    ufuncbuilder.UFuncDispatcher.enable_caching = nothing
    ccallback.CFunc.enable_caching = nothing
    wrappers.GufWrapperCache = lambda py_func: wrappers.NullCache()


def _line_tables_only() -> None:
    def compiler_init(original: Callable) -> Callable:
        def hooked(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            # Numba gives CUDA code lines without variables, and thereby leaves inlining on; its
            # lowering for the CPU reads the same flag.
            self.state.flags.dbg_directives_only = True

        return hooked

    replace(compiler.CompilerBase, "__init__", compiler_init)


def _hook_locations(recorder: Recorder) -> None:
    """Keep absolute paths, and line numbers where it can be, out of code and pickles."""
    locations = Locations(BASE_PACKAGES, recorder.on_line)

    def build_excinfo(original: Callable) -> Callable:
        def hooked(self: Any, exc: Any, exc_args: Any, loc: Any, func_name: Any) -> tuple:
            exc, args, place = original(self, exc, exc_args, loc, func_name)
            args = tuple(locations.text(arg) if type(arg) is str else arg for arg in args)
            return exc, args, None if place is None else locations.where(*place)

        return hooked

    replace(callconv.CPUCallConv, "build_excinfo_struct", build_excinfo)

    def compile_subroutine(original: Callable) -> Callable:
        def hooked(self: Any, *args: Any, **kwargs: Any) -> Any:
            # Some messages tell the place that Numba was at last. Compiling a helper for the first
            # time would make it a place in that helper.
            place = dict(errors.loc_info)
            try:
                return original(self, *args, **kwargs)
            finally:
                errors.loc_info.clear()
                errors.loc_info.update(place)

        return hooked

    replace(base.BaseContext, "compile_subroutine", compile_subroutine)

    class Pickler(serialize.NumbaPickler):
        """Numba's pickler, for which a source file is what it is called in a module."""

        def reducer_override(self, obj: Any) -> Any:
            if type(obj) is python_types.CodeType:
                recorder.on_pickled_code()
                present = locations.code(obj)
                if present is not None:
                    return present.__reduce__()
                make, arguments = cloudpickle._code_reduce(obj)
                return make, _placed_code(arguments, obj, locations)
            if type(obj) is numba_ir.Loc:
                line = locations.line(obj.filename, obj.line)
                return type(obj), (locations.file(obj.filename), line, obj.col, obj.maybe_decorator)
            if isinstance(obj, types.Type) and type(obj) not in self.disabled_types:
                return _reduced_type(obj)
            return super().reducer_override(obj)

        def _function_getnewargs(self, func: Any) -> tuple:
            arguments = super()._function_getnewargs(func)
            namespace = arguments[1]
            if isinstance(namespace.get("__file__"), str):
                namespace["__file__"] = locations.file(namespace["__file__"])
            if isinstance(namespace.get("__path__"), list):
                namespace["__path__"] = locations.folders(namespace["__name__"])
            return arguments

    serialize.NumbaPickler = Pickler

    def debug_file(self: Any) -> Any:
        recorder.on_line()
        return self.module.add_debug_info(
            "DIFile", {"directory": ".", "filename": locations.name(self.filepath)}
        )

    debuginfo.DIBuilder._di_file = debug_file


def _reduced_type(kind: Any) -> Any:
    """How one of Numba's types is pickled: without the number that it has in this process, and
    without addresses in its name, by which Numba compares types."""
    if type(kind) is types.Generator:
        return type(kind), (
            kind.gen_func, kind.yield_type, kind.arg_types, kind.state_types, kind.has_finalizer,
        )  # fmt: skip
    if type(kind) is types.ClassInstanceType:
        return type(kind), (kind.class_type,)
    reduced = kind.__reduce__()
    if reduced[0] is not abstract._type_reconstructor:
        return reduced
    make, (reconstruct, arguments, state) = reduced
    kept = {sys.intern(name): value for name, value in state.items() if name != "_code"}
    if _SHOWN_ADDRESS.search(str(kind)):
        digest = short_digest(type_text(kind).encode())
        kept["name"] = _SHOWN_ADDRESS.sub(digest, str(kind))
    return make, (reconstruct, arguments, kept)


# Of the arguments of CodeType since Python 3.11.
_FILE_OF_CODE = 10
_FIRST_LINE_OF_CODE = 13


def _placed_code(arguments: tuple, code: python_types.CodeType, locations: Locations) -> tuple:
    """What cloudpickle makes a code object of, with its file and first line as of the time when it
    is unpickled; line numbers inside a code object are relative to its first."""
    placed = [
        # Whether two equal names are one object differs between code from a source and from a .pyc.
        sys.intern(item) if type(item) is str
        else tuple(map(sys.intern, item)) if item and type(item) is tuple and _are_names(item)
        else item
        for item in arguments
    ]  # fmt: skip
    placed[_FILE_OF_CODE] = locations.file(code.co_filename)
    placed[_FIRST_LINE_OF_CODE] = locations.line(code.co_filename, code.co_firstlineno)
    return tuple(placed)


def _are_names(values: tuple) -> bool:
    return all(type(value) is str for value in values)


def _stable_counters() -> None:
    """Names that Numba makes of counters and addresses: of one width, or without them.

    Of one width, because variables are sorted by their names.
    """
    bytecode.FunctionIdentity._unique_ids = itertools.count(FIRST_COUNTER)
    ir_utils._unique_var_count = FIRST_COUNTER

    # A record type goes into names by the number of types that were made before it.
    def mangling_args(self: Any) -> tuple[str, tuple[int]]:
        return type(self).__name__, (int(short_digest(self.name.encode())[:8], 16),)

    types.Record.mangling_args = property(mangling_args)

    # Both name a generated function, which its own counter tells from others.
    parfor_lowering.hash = lambda parfor: 0
    stencil.hex = lambda address: "0"
    # An array expression, with the ufuncs in it, which must not be taken for each other.
    twins: dict[str, list[Any]] = {}

    def operation_hash(operation: Any) -> int:
        name = getattr(operation, "__name__", None)
        if name is None:
            return 0
        known = twins.setdefault(f"{type(operation).__name__}.{name}", [])
        if not any(other is operation for other in known):
            known.append(operation)
        place = next(at for at, other in enumerate(known) if other is operation)
        return int(short_digest(f"{type(operation).__name__}.{name}.{place}".encode())[:12], 16)

    array_exprs.hash = operation_hash

    def summary(original: Callable) -> Callable:
        def hooked(self: Any) -> str:
            # A cost model for inlining is a function, shown with its address.
            return re.sub(" at 0x[0-9a-f]+", "", original(self))

        return hooked

    replace(targetconfig.TargetConfig, "summary", summary)

    def stencil_wrapper(original: Callable) -> Callable:
        def hooked(self: Any, *args: Any) -> Any:
            number, self.id = self.id, 0
            try:
                return original(self, *args)
            finally:
                self.id = number

        return hooked

    replace(StencilFunc, "_stencil_wrapper", stencil_wrapper)

    def escape_string(original: Callable) -> Callable:
        def hooked(text: str) -> str:
            return original(_SHOWN_ADDRESS.sub(lambda match: match[0].rjust(16, "0"), text))

        return hooked

    replace(itanium_mangler, "_escape_string", escape_string)

    def environment_sentry(original: Callable) -> Callable:
        def hooked(self: Any, envptr: Any, *args: Any, debug_msg: str = "", **kwargs: Any) -> None:
            original(self, envptr, *args, debug_msg=plain_name(debug_msg), **kwargs)

        return hooked

    replace(pythonapi.PythonAPI, "emit_environment_sentry", environment_sentry)


def _stable_uuids() -> None:
    """Dispatchers are pickled with a random UUID; one made of their content is as unique."""
    twins: dict[str, int] = {}

    def uuid_of(self: Any) -> str:
        known = getattr(self, "_MemoMixin__uuid", None)
        if known is None:
            try:
                text = function_text(self.py_func)
            except Unkeyable:
                text = f"{self.py_func.__module__}:{self.py_func.__qualname__}"
            place = lifted_place(self) if isinstance(self, dispatcher.LiftedCode) else ""
            known = hashlib.sha256(f"{text}{place}".encode()).hexdigest()[:32]
            twins[known] = twins.get(known, 0) + 1
            if twins[known] > 1:
                known = hashlib.sha256(f"{known}{twins[known]}".encode()).hexdigest()[:32]
            self._set_uuid(known)
        return known

    dispatcher._MemoMixin._uuid = property(uuid_of)


def target_layout() -> tuple[str, str]:
    """Triple and data layout that captured modules have."""
    generator = cpu_target.target_context.codegen()
    return generator._llvm_module.triple, str(generator._data_layout)
