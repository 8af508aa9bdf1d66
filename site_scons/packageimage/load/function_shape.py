"""Telling a compiled function from all others of its name, quickly.

`method_key` makes texts of whatever a function may be made of. Nearly all functions are plainer
than that (`is_plain`): their code holds numbers and texts alone, they have no closure, and their
options are switches. Those are told by one hash of what marshal writes.

Where the shape of a plain function is another's, so is the text: marshal writes nothing else alike.
A shape belongs to one version of Python, as bytecode does.

In `load`, though capturing takes shapes too: a package more would be found and read in every
process.
"""

from __future__ import annotations

import sys
from _imp import source_hash  # SipHash, which names bytecode
from marshal import dumps
from types import BuiltinFunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# Marshal writes these as their values say, in its version that looks at nothing else, such as
# whether a string is interned; and nothing else as it writes one of them.
_PLAIN: frozenset[type] = frozenset({bool, int, float, complex, str, type(None)})
_WITH_BYTES = _PLAIN | {bytes}  # it writes whatever has a buffer, an array too, as bytes
_MARSHAL_VERSION = 2

# CO_OPTIMIZED and CO_NEWLOCALS, which a profiler makes Numba clear (`method_key.code_digest`).
_FLAGS = ~(0x1 | 0x2)
_PIPELINE = "numba.core.compiler"
_HASH_KEY = int.from_bytes(b"shap", "little")  # below 2**31: a C long, which Windows has of 32 bits
_KEPT = "_pkgimage_shape"


def is_plain(dispatcher: Any) -> bool:
    """Whether `shape_of` tells one of Numba's dispatchers from all others.

    Asked at build alone: one that is not plain has another shape than all that are.
    """
    function = dispatcher.py_func
    return (
        function.__closure__ is None
        and function.__kwdefaults__ is None
        and not dispatcher.locals
        and _are_of(_PLAIN, function.__code__.co_consts)
        and _are_of(_PLAIN, function.__defaults__ or ())
        and _are_of(_PLAIN, dispatcher.targetoptions.values())
    )


def shape_of(dispatcher: Any, keep: bool = False) -> bytes | None:
    """Eight bytes for one of Numba's dispatchers; None for one that can't have any.

    keep: the dispatcher keeps it, with what it came from, for who asks next.
    """
    state = dispatcher.__dict__
    function = state["py_func"]
    name, code = function.__module__, function.__code__
    module = sys.modules.get(name)
    if (
        module is None
        or module.__dict__ is not function.__globals__
        or not dispatcher._can_compile
        or state["_compiler"].pipeline_class.__module__ != _PIPELINE
    ):
        return None
    known = state.get(_KEPT)
    if (
        known is not None
        and known[0] is code
        and known[1] is function.__defaults__
        and known[2] == state["targetoptions"]
        and known[3] == function.__qualname__
        and function.__kwdefaults__ is None
        and not state["locals"]
    ):
        return known[4]  # type: ignore[no-any-return]
    what = (
        name, function.__qualname__, function.__closure__, function.__defaults__,
        function.__kwdefaults__, state["targetoptions"], state["locals"], code.co_code,
        code.co_consts, code.co_names, code.co_varnames, code.co_argcount,
        code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & _FLAGS,
        code.co_exceptiontable,
    )  # fmt: skip
    try:
        shape = source_hash(_HASH_KEY, dumps(what, _MARSHAL_VERSION))
    except ValueError:
        return None  # of something that marshal knows nothing of
    if keep and function.__kwdefaults__ is None and not state["locals"]:
        state[_KEPT] = (
            code, function.__defaults__, dict(state["targetoptions"]), function.__qualname__, shape
        )  # fmt: skip
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
    if kind in _WITH_BYTES or (kind is tuple and _are_of(_WITH_BYTES, value)):
        return _hash(dumps(value, _MARSHAL_VERSION))
    if kind.__name__ == "CPUDispatcher" and kind.__module__.startswith("numba."):
        return shape_of(value, keep=True)  # others may call it, and it may be called itself
    return None


def _hash(data: bytes) -> bytes:
    return source_hash(_HASH_KEY, data)


def _are_of(kinds: frozenset[type], values: Iterable[Any]) -> bool:
    """Whether all are, also within tuples."""
    for value in values:
        kind = type(value)
        if kind not in kinds and not (kind is tuple and _are_of(kinds, value)):
            return False
    return True
