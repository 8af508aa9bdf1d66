"""Calls of Python's C API and of Numba's helpers straight through their slots.

A call by name goes to a thunk, which jumps through the slot: one jump more than in JIT code, which
has the address in the instruction. A wrapper that unboxes eight arguments makes some twenty such
calls; its call cost 6 % more than Numba's (benchmarks/call.py). Here each call becomes one through
a pointer, which is one instruction on x86-64.

llvmlite cannot replace a call, so LLVM's inliner does: each function gets a body that makes the
call through its slot, available for inlining and for nothing else (`available_externally`).
Variadic functions pass their arguments on by `musttail`, which the inliner knows.
"""

from __future__ import annotations

import re

import llvmlite.binding as ll

from .bindable import HELPER_PREFIXES
from .llvm import Machine, empty_module, global_name
from .slots import CALL_PREFIX

# A function's type as LLVM prints it: "ptr (i64, ...)". Others (structures, say) stay with thunks.
_TYPE = re.compile(r"(?P<result>[a-z0-9]+) \((?P<parameters>[a-z0-9, .]*)\)\Z")
# What changes how an argument is passed would have to be said of the new call as well. What is
# said of a result only allows the caller to assume more.
_PASSING = frozenset({b"zeroext", b"signext", b"inreg", b"sret", b"byval", b"swiftself", b"nest"})


def call_through_slots(
    module: ll.ModuleRef, machine: Machine, target_machine: ll.TargetMachine
) -> None:
    """Make the calls in `module` go through `CALL_PREFIX` + name, where that is known to be right.

    After optimising: before it, LLVM would not know any more what it calls. Functions of the C
    library are left alone, since LLVM makes instructions of some when it emits code.
    """
    bodies = [
        body
        for function in module.functions
        if function.is_declaration and function.name.startswith(HELPER_PREFIXES)
        for body in _body(function, machine)
    ]
    if not bodies:
        return
    module.link_in(empty_module(target_machine, "".join(bodies)))
    builder = ll.create_pass_builder(target_machine, ll.create_pipeline_tuning_options(0))
    passes = ll.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.run(module, builder)


def _body(function: ll.ValueRef, machine: Machine) -> list[str]:
    """IR of the definition to inline, in a list; none where it would not be the same call."""
    passing = {attribute for argument in function.arguments for attribute in argument.attributes}
    known = _TYPE.match(str(function.global_value_type))
    if known is None or any(a.split(b"(")[0] in _PASSING for a in passing):
        return []
    result = known["result"]
    types = [part for part in known["parameters"].split(", ") if part]
    variadic = ["..."] if types[-1:] == ["..."] else []
    fixed = [f"{kind} %{n}" for n, kind in enumerate(types[: len(types) - len(variadic)])]
    arguments = ", ".join(fixed + variadic)
    kind = f"{result} ({', '.join(types)})" if variadic else result
    slot = global_name(CALL_PREFIX + function.name)
    value = "" if result == "void" else "%result = "
    return [
        f"{slot} = external dso_local {machine.hidden}global ptr\n"
        f"define available_externally {result} {global_name(function.name)}({arguments}) "
        "alwaysinline {\n"
        f"  %function = load ptr, ptr {slot}\n"
        f"  {value}musttail call {kind} %function({arguments})\n"
        f"  ret {'void' if result == 'void' else f'{result} %result'}\n"
        "}\n"
    ]
