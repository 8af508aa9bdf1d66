"""The slots that captured code loads pointers from: their variables in the process that captures,
which of them a library needs filled, and an engine for code that loads from them.

One of the modules that use Numba's private interfaces, as `capture.numba_bridge` is.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
import numpy
from llvmlite import ir
from numba.core import ccallback, environment, typed_passes, types
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys
from numba.core.typing import cffi_utils

from ..load.image import THREADS
from .numba_references import dumps, may_change
from .symbols import ENVIRONMENT_PREFIX, Library

_C_FUNCTION: Any = ctypes.CFUNCTYPE(None).__mro__[1]  # what all ctypes functions derive from


class Slots:
    """Pointer-sized variables that the code being compiled loads from, defined in this process."""

    def __init__(self) -> None:
        self._cells: dict[str, ctypes.c_void_p] = {}
        # What compiled code has taken references for, and the modules of the functions that use it.
        self._addresses: dict[str, set[int]] = {}
        self._users: dict[str, set[str]] = {}

    def cell(self, name: str) -> ctypes.c_void_p:
        if name not in self._cells:
            self._cells[name] = ctypes.c_void_p(0)
            llvm.add_symbol(name, ctypes.addressof(self._cells[name]))
        return self._cells[name]

    def declare(self, module: ir.Module, name: str) -> ir.GlobalVariable:
        self.cell(name)
        if name not in module.globals:
            variable = ir.GlobalVariable(module, ir.IntType(8).as_pointer(), name=name)
            variable.linkage = "external"
        return module.globals[name]

    def load(
        self, builder: ir.IRBuilder, name: str, value: int, users: Iterable[str] = ()
    ) -> ir.Value:
        self.cell(name).value = value
        self._addresses.setdefault(name, set()).add(value)
        self._users.setdefault(name, set()).update(users)
        return builder.load(self.declare(builder.module, name))

    def rebound(self) -> dict[str, frozenset[str]]:
        """References to globals that are other objects now than when code took them, with the
        modules of the functions that use them; none where an earlier capture has answered."""
        found = {}
        for name, cell in sorted(self._cells.items()):
            if not (name.startswith(_REBINDABLE) and cell.value):
                continue
            if self._addresses.get(name, {cell.value}) != {_address_now(name)}:
                found[name] = frozenset(self._users.get(name, ()))
        return found


_REBINDABLE = ("pkgimage.array.", "pkgimage.ref.object:", "pkgimage.ref.function:")


def _address_now(name: str) -> int | None:
    """What a reference means now; None where its global is gone."""
    prefix, module, attribute, *_ = name.split(":")
    value = getattr(sys.modules.get(module), "__dict__", {}).get(attribute)
    if prefix.endswith("function"):
        return function_address(value)
    if prefix.endswith("data"):
        return int(value.ctypes.data) if isinstance(value, numpy.ndarray) else None
    return id(value)


def function_address(value: Any) -> int | None:
    """The address of the C function that a global stands for, as Numba's types take it."""
    if isinstance(value, _C_FUNCTION):
        return ctypes.cast(value, ctypes.c_void_p).value
    if isinstance(value, ccallback.CFunc):
        return value.address
    if type(value).__module__ == "_cffi_backend" and cffi_utils.is_cffi_func(value):
        return cffi_utils.get_pointer(value)
    if isinstance(value, types.WrapperAddressProtocol) and not isinstance(value, type):
        return value.__wrapper_address__()
    return None


def define_pointer(slots: Slots, name: str, address: int) -> None:
    """Define a variable that points to `address` for code that Numba compiles from now on."""
    slots.cell(name).value = address
    cpu_target.target_context.codegen()._engine._defined_symbols.add(name)


THREAD_INIT = ("numba.core.typed_passes", "_reload_parfors")


def run_quickly(module: llvm.ModuleRef) -> Any:
    """An engine that holds a module, compiled without spending time on its machine code.

    Raises LookupError for a function that this process does not offer: LLVM would leave it null,
    and all names that come after it, without a word.
    """
    rtsys.initialize(cpu_target.target_context)  # as Numba does before its first function
    wanted = sorted(
        function.name
        for function in module.functions
        if function.is_declaration and not function.name.startswith("llvm.")
    )
    if THREADS.intersection(wanted):
        typed_passes._reload_parfors()
    generator = cpu_target.target_context.codegen()
    options: dict[str, Any] = {"opt": 0}
    generator._customize_tm_options(options)
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(**options)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    missing = [name for name in wanted if not llvm.address_of_symbol(name)]
    if missing:
        raise LookupError(", ".join(missing))
    engine.add_module(module)
    engine.finalize_object()
    return engine


@dataclass(frozen=True)
class SlotUse:
    """What of the loading process a library refers to by name.

    environments: (slot name, module or None, pickled constants or None); references: slots for
    objects of modules; threads: whether it calls what Numba registers when its threads start.
    """

    environments: tuple[tuple[str, str | None, bytes | None], ...]
    references: tuple[str, ...]
    threads: bool


def slot_use(library: Library, own: Any, objectmode: bool, symbol: Callable[[str], str]) -> SlotUse:
    """The slots that a library needs filled; `own` is the environment of its method.

    Raises LookupError for an environment of code that lives in no module.
    """
    module = llvm.parse_bitcode(library.bitcode)
    found: list[tuple[str, str | None, bytes | None]] = []
    references = []
    for variable in module.global_variables:
        name = variable.name
        if name.startswith(("pkgimage.ref.", "pkgimage.array.")):
            references.append(name)
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        env = own if own is not None and own.env_name == name else None
        env = env or environment.lookup_environment(name)
        if env is None:
            raise LookupError("an environment that Numba has forgotten")
        module_name = env.globals.get("__name__")
        if module_name is None and objectmode:
            # Object mode looks names up at run time; compiled code has them frozen.
            raise LookupError("object-mode code that was made by exec() without a module name")
        constants = list(env.consts)
        changing = [type(value).__name__ for value in constants if may_change(value)]
        if objectmode and changing:
            raise LookupError(f"object-mode code that holds what may change: a {changing[0]}")
        found.append((symbol(name), module_name, dumps(constants) if constants else None))
    threads = any(function.name in THREADS for function in module.functions)
    return SlotUse(
        tuple(sorted(found, key=lambda item: item[0])), tuple(sorted(references)), threads
    )
