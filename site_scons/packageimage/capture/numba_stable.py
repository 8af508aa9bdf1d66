"""Hooks that make what Numba compiles and pickles the same in any folder, process and order.

One of the modules that use Numba's private interfaces, as `capture.numba_bridge` is.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import sys
import types as python_types
from collections.abc import Callable
from typing import Any

from numba.cloudpickle import cloudpickle
from numba.core import (
    base,
    bytecode,
    callconv,
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
from numba.core.types import abstract
from numba.np.ufunc import array_exprs
from numba.parfors import parfor_lowering
from numba.stencils import stencil
from numba.stencils.stencil import StencilFunc

from ..model.method_key import Unkeyable, function_text, short_digest, type_text
from .hooks import replace
from .locations import Locations
from .numba_recorder import Recorder
from .numba_requests import lifted_place
from .origins import BASE_PACKAGES
from .symbols import FIRST_COUNTER, plain_name

# In the names of dispatchers' and of jitclasses' types.
_SHOWN_ADDRESS = re.compile(r"(?<= at 0x)[0-9a-f]+|(?<=#)[0-9a-f]{6,}(?=<)")


def hook_locations(recorder: Recorder) -> None:
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


def stable_counters() -> None:
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


def stable_uuids() -> None:
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
