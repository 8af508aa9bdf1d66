"""LLVM's pipeline for one CPU target.

The capture's IR has been through Numba's own two steps (cheap pass, reference-count pruning,
O3 without vectorising: numba/core/codegen.py, `_optimize_final_module`). What is left is what
depends on the CPU. Measured on the IR of pymatting (3 MB of text, 148 functions) and of 15 small
kernels: running Numba's cheap step (O0 pipeline, loop rotation, instcombine, jump threading,
refprune) before the full pipeline again changes not one byte of the objects and costs 5 to 30 %
more time; running the full pipeline twice doubles the time and gains nothing. So: the full
pipeline once, with refprune behind it as Numba does.
"""

from __future__ import annotations

import llvmlite.binding as ll

from .llvm import Machine


def optimise(module: ll.ModuleRef, machine: Machine, target_machine: ll.TargetMachine) -> None:
    """Optimise *module* in place for *machine*.

    Both vectorisers run from opt level 2 on, as in clang; Numba leaves SLP off since its
    LLVM 11 miscompiled (numba#8852).
    """
    if machine.size_level:
        _mark_for_size(module, machine.size_level)
    tuning = ll.create_pipeline_tuning_options(machine.opt_level)
    vectorise = machine.opt_level >= 2
    tuning.loop_vectorization = vectorise
    tuning.slp_vectorization = vectorise
    tuning.loop_interleaving = vectorise
    tuning.loop_unrolling = machine.opt_level >= 1
    builder = ll.create_pass_builder(target_machine, tuning)
    passes = builder.getModulePassManager()
    passes.add_refprune_pass()
    passes.run(module, builder)


def _mark_for_size(module: ll.ModuleRef, size_level: int) -> None:
    """Mark every definition, as clang's -Os and -Oz do: LLVM 22 has no pipelines of its own for
    size in llvmlite, its passes ask the attributes (as Julia's opt_size and min_size do)."""
    for function in module.functions:
        # A debug build's optnone contradicts optsize, and means: leave it alone.
        if not function.is_declaration and b"optnone" not in function.attributes:
            function.add_function_attribute("optsize")
            if size_level >= 2:
                function.add_function_attribute("minsize")
