"""Telling a compiled function from all others of its name, quickly.

`method_key` makes texts of whatever a function may be made of. Nearly all functions are plainer
than that: their code holds numbers and texts alone, they have no closure, and their options are
switches. Those are told by one hash of what marshal writes.

Where two shapes are equal, so are the texts. A shape belongs to one version of Python, as bytecode
does.

In `load`, though capturing takes shapes too: a package more would be found and read in every
process.
"""

from __future__ import annotations

import marshal
import sys
from importlib.util import source_hash
from types import BuiltinFunctionType, ModuleType
from typing import Any

# Marshal writes these as their values say, in its version that looks at nothing else, such as
# whether a string is interned.
_PLAIN = frozenset({bool, int, float, complex, str, bytes, type(None)})
_MARSHAL_VERSION = 2

# CO_OPTIMIZED and CO_NEWLOCALS, which a profiler makes Numba clear (`method_key.code_digest`).
_FLAGS = ~(0x1 | 0x2)
_PIPELINE = "numba.core.compiler"


def shape_of(dispatcher: Any) -> bytes | None:
    """Eight bytes for one of Numba's dispatchers; None where it is not that plain."""
    state = dispatcher.__dict__
    function = state["py_func"]
    code = function.__code__
    constants = code.co_consts
    module = sys.modules.get(function.__module__)
    if (
        function.__closure__ is not None
        or (not _PLAIN.issuperset(map(type, constants)) and not _are_plain(constants))
        or (function.__defaults__ is not None and not _are_plain(function.__defaults__))
        or function.__kwdefaults__ is not None
        or state["locals"]
        or not dispatcher._can_compile
        or module is None
        or module.__dict__ is not function.__globals__
        or state["_compiler"].pipeline_class.__module__ != _PIPELINE
    ):  # fmt: skip
        return None
    options = state["targetoptions"]
    if not _PLAIN.issuperset(map(type, options.values())):
        return None
    what = (
        function.__module__, function.__qualname__, function.__defaults__, tuple(options.items()),
        code.co_code, constants, code.co_names, code.co_varnames, code.co_argcount,
        code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & _FLAGS,
        code.co_exceptiontable,
    )  # fmt: skip
    return source_hash(marshal.dumps(what, _MARSHAL_VERSION))


def global_shape(value: Any) -> bytes | None:
    """The same for what a global name stands for: a dispatcher, a module, a function in C, or a
    constant, also a tuple; None for all else."""
    kind = type(value)
    if kind is ModuleType:
        name = value.__name__
        return source_hash(f"module:{name}".encode()) if sys.modules.get(name) is value else None
    if kind is BuiltinFunctionType:
        return source_hash(f"builtin:{value.__module__}.{value.__qualname__}".encode())
    if kind in _PLAIN or (kind is tuple and _are_plain(value)):
        return source_hash(marshal.dumps(value, _MARSHAL_VERSION))
    if kind.__name__ == "CPUDispatcher" and kind.__module__.startswith("numba."):
        return shape_of(value)
    return None


def _are_plain(values: tuple[Any, ...]) -> bool:
    for value in values:
        kind = type(value)
        if kind not in _PLAIN and not (kind is tuple and _are_plain(value)):
            return False
    return True
