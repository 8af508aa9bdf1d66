"""Hooks on the code that Numba emits: each code library's LLVM module is kept as it is before MCJIT
rewrites it in place, and its code takes addresses of this process out of slots.

One of the modules that use Numba's private interfaces, as `capture.numba_bridge` is.
"""

from __future__ import annotations

import builtins
import contextlib
import pickle
import types as python_types
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import base, codegen, pythonapi
from numba.experimental.jitclass import boxing

from ..model.method_key import array_shape
from .hooks import replace
from .numba_globals import LARGE_ARRAY_BYTES
from .numba_recorder import Recorder
from .numba_references import jitclass_place
from .numba_slots import Slots, function_address
from .references import UnnamedObject, find_address, find_object
from .symbols import STRONG_LINKAGES, strip_local_names


def hook_libraries(recorder: Recorder, *, inline: bool) -> None:
    """Have each code library recorded before MCJIT rewrites it; `inline` is that of `install`."""

    def finalize(original: Callable) -> Callable:
        def hooked(self: Any) -> None:
            recorder.on_finalize(self)
            # What callers link must also be the module before MCJIT touches it.
            shared = self._final_module.clone()
            strip_local_names(shared)  # as what an earlier capture holds has none
            for function in shared.functions:
                if not function.is_declaration and function.linkage in STRONG_LINKAGES:
                    function.linkage = "linkonce_odr"
            original(self)
            self._shared_module = shared

        return hooked

    replace(codegen.CPUCodeLibrary, "_finalize_final_module", finalize)

    def add_module(original: Callable) -> Callable:
        def hooked(self: Any, ll_module: Any) -> None:
            if not inline:
                for function in ll_module.functions:
                    if not function.is_declaration and not any(
                        b"alwaysinline" in attribute for attribute in function.attributes
                    ):
                        function.add_function_attribute("noinline")
            original(self, ll_module)

        return hooked

    replace(codegen.CPUCodeLibrary, "add_llvm_module", add_module)

    def optimize_functions(original: Callable) -> Callable:
        def hooked(self: Any, ll_module: Any) -> None:
            original(self, _Definitions(ll_module))

        return hooked

    replace(codegen.CPUCodeLibrary, "_optimize_functions", optimize_functions)

    def pass_builder(original: Callable) -> Callable:
        def hooked(self: Any, **options: Any) -> Any:
            # Unrolled for no CPU in particular, a loop is lost to the vectorisers that run later
            # for each CPU.
            builder = original(self, **options)
            tuning = builder._pto
            tuning.loop_unrolling = False
            tuning.loop_interleaving = False
            return llvm.create_pass_builder(self._tm, tuning)

        return hooked

    replace(codegen.CPUCodegen, "_pass_builder", pass_builder)


class _Definitions:
    """A module that shows only the functions that it defines.

    Numba makes a pass manager for each function of a module, three of four for declarations; each
    costs 0.1 ms and 18 KB that LLVM does not give back.
    """

    def __init__(self, module: llvm.ModuleRef) -> None:
        self._module = module

    @property
    def functions(self) -> list[llvm.ValueRef]:
        return [function for function in self._module.functions if not function.is_declaration]

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_module":
            object.__setattr__(self, name, value)
        else:
            setattr(self._module, name, value)


def hook_slots(recorder: Recorder, slots: Slots) -> None:
    """Emit code that refers to Python objects, environments and large arrays through named slots,
    where it would bake in addresses of this process."""

    def declare_env_global(self: Any, module: ir.Module, envname: str) -> ir.GlobalVariable:
        return slots.declare(module, envname)

    base.BaseContext.declare_env_global = declare_env_global

    def set_env(self: Any, env_name: str, env: Any) -> None:
        slots.cell(env_name).value = id(env)
        recorder.keep(env)

    codegen.JITCPUCodegen.set_env = set_env

    def get_c_object(self: Any, name: str) -> ir.Value:
        value = c_object(name)
        pointer = slots.load(self.builder, f"pkgimage.obj.{name}", id(value))
        return self.builder.bitcast(pointer, self.pyobj)

    pythonapi.PythonAPI.get_c_object = get_c_object

    def add_dynamic_addr(original: Callable) -> Callable:
        def hooked(self: Any, builder: ir.IRBuilder, intaddr: int, info: str) -> ir.Value:
            try:
                name = _jitclass_box(intaddr) or find_address(
                    _functions_in_progress(recorder), intaddr, function_address
                )
            except UnnamedObject as error:
                symbol = f"numba.dynamic.globals.{intaddr:x}"
                recorder.unnamed_addresses[symbol] = f"{info}: {error}"
                return original(self, builder, intaddr, info)
            return slots.load(builder, name, intaddr, _modules_in_progress(recorder))

        return hooked

    replace(base.BaseContext, "add_dynamic_addr", add_dynamic_addr)

    def make_constant_array(original: Callable) -> Callable:
        def hooked(self: Any, builder: ir.IRBuilder, typ: Any, ary: Any) -> Any:
            if typ.layout in "FC" and ary.nbytes <= LARGE_ARRAY_BYTES:
                return original(self, builder, typ, ary)
            try:
                reference = find_object(_functions_in_progress(recorder), ary)
            except UnnamedObject:
                return original(self, builder, typ, ary)
            # The shape and the strides are in the code, so the loader compares them.
            shape = array_shape(ary)
            names = {
                ary.ctypes.data: f"pkgimage.array.data:{reference}:{shape}",
                id(ary): f"pkgimage.array.object:{reference}:{shape}",
            }
            recorder.keep(ary)  # no other one is to be taken for it
            users = _modules_in_progress(recorder)
            self.add_dynamic_addr = lambda b, address, info: slots.load(
                b, names[address], address, users
            )
            try:
                return original(self, builder, typ, ary)
            finally:
                del self.add_dynamic_addr

        return hooked

    replace(base.BaseContext, "make_constant_array", make_constant_array)


def c_object(name: str) -> object:
    """The Python object that CPython's C interface calls `name`."""
    special = {"_Py_NoneStruct": None, "_Py_TrueStruct": True, "_Py_FalseStruct": False}
    if name in special:
        return special[name]
    return getattr(builtins, name.removeprefix("PyExc_"))


def _jitclass_box(address: int) -> str | None:
    """The slot for the class that boxes a jitclass, when `address` is one."""
    for instance_type, box in boxing._cache_specialized_box.items():
        if id(box) == address:
            with contextlib.suppress(pickle.PicklingError):
                return "pkgimage.ref.jitclass:{}:{}".format(
                    *jitclass_place(instance_type.class_type)
                )
    return None


def _functions_in_progress(recorder: Recorder) -> list[python_types.FunctionType]:
    return [function for frame in reversed(recorder.frames) for function in frame.functions]


def _modules_in_progress(recorder: Recorder) -> set[str]:
    return {function.__module__ for function in _functions_in_progress(recorder)}
