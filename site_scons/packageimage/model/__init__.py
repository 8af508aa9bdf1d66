"""Frozen values and pure decisions: no I/O, no Numba, no LLVM, no SCons."""
