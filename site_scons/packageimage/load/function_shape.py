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
from _imp import source_hash  # SipHash, which names bytecode
from types import BuiltinFunctionType, ModuleType
from typing import Any

# Marshal writes these as their values say, in its version that looks at nothing else, such as
# whether a string is interned.
_PLAIN = frozenset({bool, int, float, complex, str, bytes, type(None)})
_MARSHAL_VERSION = 2

# CO_OPTIMIZED and CO_NEWLOCALS, which a profiler makes Numba clear (`method_key.code_digest`).
_FLAGS = ~(0x1 | 0x2)
_PIPELINE = "numba.core.compiler"
_HASH_KEY = int.from_bytes(b"shap", "little")  # below 2**31: a C long, which Windows has of 32 bits
_KEPT = "_pkgimage_shape"


def shape_of(dispatcher: Any, keep: bool = False) -> bytes | None:
    """Eight bytes for one of Numba's dispatchers; None where it is not that plain.

    keep: the dispatcher keeps it, with what it came from, for who asks next.
    """
    state = dispatcher.__dict__
    function, options = state["py_func"], state["targetoptions"]
    code, defaults = function.__code__, function.__defaults__
    module = sys.modules.get(function.__module__)
    if (
        function.__closure__ is not None
        or function.__kwdefaults__ is not None
        or state["locals"]
        or not dispatcher._can_compile
        or module is None
        or module.__dict__ is not function.__globals__
        or state["_compiler"].pipeline_class.__module__ != _PIPELINE
    ):
        return None
    known = state.get(_KEPT)
    if (
        known is not None
        and known[0] is code
        and known[1] is defaults
        and known[2] == options
        and known[3] == function.__qualname__
    ):
        return known[4]  # type: ignore[no-any-return]
    constants = code.co_consts
    if (
        (not _PLAIN.issuperset(map(type, constants)) and not _are_plain(constants))
        or (defaults is not None and not _are_plain(defaults))
        or not _PLAIN.issuperset(map(type, options.values()))
    ):
        return None
    what = (
        function.__module__, function.__qualname__, defaults, tuple(options.items()),
        code.co_code, constants, code.co_names, code.co_varnames, code.co_argcount,
        code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & _FLAGS,
        code.co_exceptiontable,
    )  # fmt: skip
    shape = source_hash(_HASH_KEY, marshal.dumps(what, _MARSHAL_VERSION))
    if keep:
        state[_KEPT] = code, defaults, dict(options), function.__qualname__, shape
    return shape


def global_shape(value: Any) -> bytes | None:
    """The same for what a global name stands for: a dispatcher, a module, a function in C, or a
    constant, also a tuple; None for all else."""
    kind = type(value)
    if kind is ModuleType:
        name = value.__name__
        return _hash(f"module:{name}".encode()) if sys.modules.get(name) is value else None
    if kind is BuiltinFunctionType:
        return _hash(f"builtin:{value.__module__}.{value.__qualname__}".encode())
    if kind in _PLAIN or (kind is tuple and _are_plain(value)):
        return _hash(marshal.dumps(value, _MARSHAL_VERSION))
    if kind.__name__ == "CPUDispatcher" and kind.__module__.startswith("numba."):
        return shape_of(value, keep=True)  # others may call it, and it may be called itself
    return None


def _hash(data: bytes) -> bytes:
    return source_hash(_HASH_KEY, data)


def _are_plain(values: tuple[Any, ...]) -> bool:
    for value in values:
        kind = type(value)
        if kind not in _PLAIN and not (kind is tuple and _are_plain(value)):
            return False
    return True
