"""What macOS offers to code and Linux does not: addresses of stand-ins in a Linux process.

Runs on the machine. Functions of libSystem that LLVM itself calls are compiled here with llvmlite,
since no ctypes callback can return two floating-point numbers in registers. On arm64, Apple passes
the arguments that stand for `...` on the stack where Linux takes them from registers first, so
Linux's variadic functions get a stand-in that moves them (integers and pointers; a `double` would
be looked for in a register that holds none). Beyond eight arguments Apple packs those on the stack
by their size and Linux does not, so calls between the two agree for 8-byte arguments only.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable

import llvmlite.binding as llvm

AddressOf = Callable[[str], "int | None"]

# The same function under another name.
_RENAMED = {"__bzero": "bzero", "__exp10": "exp10", "__exp10f": "exp10f"}

# `___sincosf_stret` returns both floats in one vector register on x86_64, in two on arm64.
_PAIR_OF_FLOATS = {"x86_64": "<4 x float>", "aarch64": "{ float, float }"}
_INSERT = {"x86_64": "insertelement", "aarch64": "insertvalue"}
_PLACE = {"x86_64": "i32 {}", "aarch64": "{}"}

_IR = """
declare double @sin(double)
declare double @cos(double)
declare float @sinf(float)
declare float @cosf(float)

define {{ double, double }} @__sincos_stret(double %x) {{
  %s = call double @sin(double %x)
  %c = call double @cos(double %x)
  %a = insertvalue {{ double, double }} poison, double %s, 0
  %b = insertvalue {{ double, double }} %a, double %c, 1
  ret {{ double, double }} %b
}}

define {pair} @__sincosf_stret(float %x) {{
  %s = call float @sinf(float %x)
  %c = call float @cosf(float %x)
  %a = {insert} {pair} poison, float %s, {first}
  %b = {insert} {pair} %a, float %c, {second}
  ret {pair} %b
}}
"""
# Writes `size` bytes: whole copies of the pattern, and the start of one.
_PATTERN_IR = """
define void @memset_pattern{size}(ptr %to, ptr %pattern, i64 %n) {{
start:
  %none = icmp eq i64 %n, 0
  br i1 %none, label %end, label %loop
loop:
  %i = phi i64 [ 0, %start ], [ %next, %loop ]
  %within = and i64 %i, {mask}
  %from = getelementptr i8, ptr %pattern, i64 %within
  %at = getelementptr i8, ptr %to, i64 %i
  %byte = load i8, ptr %from
  store i8 %byte, ptr %at
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %end
end:
  ret void
}}
"""
_COMPILED = (
    "__sincos_stret", "__sincosf_stret", "memset_pattern4", "memset_pattern8", "memset_pattern16",
)  # fmt: skip

# Variadic functions that Numba's code calls, with how many arguments come before the `...`.
VARIADIC = {
    "PyArg_ParseTuple": 2, "PyArg_ParseTupleAndKeywords": 4, "PyArg_UnpackTuple": 4,
    "PyErr_Format": 2, "PyObject_CallFunctionObjArgs": 1, "PyObject_CallMethod": 3,
    "PySys_FormatStdout": 1, "PyTuple_Pack": 1, "printf": 1, "snprintf": 3,
}  # fmt: skip
_STACK_WORDS = 32  # how many further variadic arguments are passed on


def address_of(name: str, process: AddressOf) -> int | None:
    """The address of `name` for code of macOS; `process` gives those of this Linux process."""
    if name in _COMPILED:
        return int(_stand_ins().get_function_address(name))
    found = process(_RENAMED.get(name, name))
    if found is None:
        found = _compiler_support(name)
    if found is not None and name in VARIADIC and os.uname().machine == "aarch64":
        return _variadic(name, found)
    return found


@functools.cache
def _compiler_support(name: str) -> int | None:
    """Arithmetic that libSystem has from compiler-rt and Linux from GCC's library."""
    try:
        library = ctypes.CDLL("libgcc_s.so.1")
        return ctypes.addressof(ctypes.c_char.in_dll(library, name))
    except (OSError, ValueError):
        return None


@functools.cache
def _stand_ins() -> llvm.ExecutionEngine:
    machine = os.uname().machine
    sincos = _IR.format(
        pair=_PAIR_OF_FLOATS[machine],
        insert=_INSERT[machine],
        first=_PLACE[machine].format(0),
        second=_PLACE[machine].format(1),
    )
    patterns = [_PATTERN_IR.format(size=size, mask=size - 1) for size in (4, 8, 16)]
    return _engine(sincos + "".join(patterns))


@functools.cache
def _variadic(name: str, target: int) -> int:
    """Code that calls Linux's variadic function `target` with arguments as Apple passes them."""
    fixed = VARIADIC[name]
    given = 16  # from x29, behind our own frame record: where the caller has put them
    lines = [
        "stp x29, x30, [sp, #-16]!",
        "mov x29, sp",
        f"sub sp, sp, #{8 * _STACK_WORDS}",
        *(f"ldr x{n}, [x29, #{given + 8 * (n - fixed)}]" for n in range(fixed, 8)),
    ]
    given += 8 * (8 - fixed)
    for word in range(_STACK_WORDS):
        lines += [f"ldr x9, [x29, #{given + 8 * word}]", f"str x9, [sp, #{8 * word}]"]
    lines += [
        f"movz x16, #{target & 0xFFFF}",
        *(f"movk x16, #{target >> s & 0xFFFF}, lsl #{s}" for s in (16, 32, 48)),
        "blr x16",
        "mov sp, x29",
        "ldp x29, x30, [sp], #16",
        "ret",
    ]
    symbol = f"apple_{name}"
    assembly = [".text", ".p2align 2", f".globl {symbol}", f"{symbol}:", *lines]
    ir = "".join(f'module asm "{line}"\n' for line in assembly) + f"declare void @{symbol}()\n"
    # LLVM's JIT finds a symbol of module assembly only when something refers to it.
    ir += f"@at_{symbol} = constant ptr @{symbol}\n"
    place = _engine(ir).get_global_value_address(f"at_{symbol}")
    return int(ctypes.c_uint64.from_address(place).value)


_engines: list[llvm.ExecutionEngine] = []  # kept: their code goes with them


def _engine(ir: str) -> llvm.ExecutionEngine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    module = llvm.parse_assembly(ir)
    module.triple = llvm.get_process_triple()
    target = llvm.Target.from_default_triple().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(module, target)
    engine.finalize_object()
    _engines.append(engine)
    return engine
