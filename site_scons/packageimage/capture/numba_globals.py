"""The globals that Numba freezes into code, as a capture notes them: (module, name, digest of the
value).

One of the modules that use Numba's private interfaces, as `capture.numba_bridge` is.
"""

from __future__ import annotations

import contextlib
import types as python_types
from collections.abc import Iterable
from typing import Any

import numpy
from numba.core import config, types

from ..model.method_key import (
    Ambiguous,
    Unkeyable,
    global_text,
    lives_in_its_module,
    short_digest,
    value_text,
)
from .origins import is_fixed

LARGE_ARRAY_BYTES = 10**6  # numba.core.base.make_constant_array freezes smaller ones into the code


def frozen_globals(
    function: python_types.FunctionType, names: Iterable[str]
) -> set[tuple[str, str, str]]:
    """(module, name, digest of its value now) of the globals that a function names.

    Numba freezes a global's value into the code.  A module stands for itself, as the name may be
    given another one, and for the attributes of it that the function names; so does one in the
    closure or in globals of the function's own, which are in its key (function_text) but for that.
    """
    names = list(names)
    found: set[tuple[str, str, str]] = set()
    seen: set[str] = set()
    pending: list[tuple[str, dict[str, Any]]]
    if lives_in_its_module(function):
        pending = [(function.__module__, function.__globals__)]
    else:
        pending = _modules_in([function.__globals__.get(name) for name in names])
    pending += _modules_in(_closure_of(function))
    while pending:
        module, namespace = pending.pop()
        for name in names:
            if name not in namespace:
                continue
            value = namespace[name]
            found |= frozen_value(module, name, value)
            if not isinstance(value, python_types.ModuleType) or value.__name__ in seen:
                continue
            if is_fixed(value.__name__):
                for attribute in _OF_SYSTEM.intersection(names, vars(value)):
                    found |= frozen_value(value.__name__, attribute, vars(value)[attribute])
            else:
                seen.add(value.__name__)
                pending.append((value.__name__, vars(value)))
    return found


def _modules_in(values: Iterable[Any]) -> list[tuple[str, dict[str, Any]]]:
    """The modules among values whose attributes another process may have changed."""
    return [
        (value.__name__, vars(value))
        for value in values
        if isinstance(value, python_types.ModuleType) and not is_fixed(value.__name__)
    ]


def _closure_of(function: python_types.FunctionType) -> list[Any]:
    found = []
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):
            found.append(cell.cell_contents)
    return found


# Types that are C's `long`, 32 bits wide on Windows, or were before NumPy 2: as attributes of numpy
# and numba, and as texts that name a dtype.
_OF_SYSTEM = frozenset({"int_", "uint", "long", "long_", "ulong"})
_DTYPES_OF_SYSTEM = frozenset({"l", "L", "int_", "uint", "long", "ulong"})
# Before NumPy 2 these give its default integer, that `long`, for narrow integers
# (numba.np.arraymath.get_accumulator_type, numba.np.arrayobj._arange_dtype; numba#10846).
_WIDENING = frozenset(
    {"arange", "cumprod", "cumsum", "mean", "nancumprod", "nancumsum", "nanmean", "nanprod"}
    | {"nansum", "prod", "std", "sum", "trace", "var"}
)


def text_of_system(code: python_types.CodeType) -> set[tuple[str, str, str]]:
    """That a function's text means another type on Windows, as a global that it froze."""
    named = "zipf" in code.co_names  # numba.np.random.legacy compares with LONG_MAX
    if named or _DTYPES_OF_SYSTEM.intersection(c for c in code.co_consts if isinstance(c, str)):
        return frozen_value(config.__name__, "IS_WIN32", config.IS_WIN32)
    return set()


def types_of_system(descriptor: Any, function: Any) -> set[tuple[str, str, str]]:
    """The same of what its types lead to. By the function's names, not by what was linked: a
    parallel loop replaces the call."""
    old = int(numpy.__version__.partition(".")[0]) < 2
    names = getattr(getattr(function, "__code__", None), "co_names", ())
    if old and _WIDENING.intersection(names):
        found = [*descriptor.argtypes, *(descriptor.typemap or {}).values()]
        if any(map(_narrow, found)):
            return frozen_value(config.__name__, "IS_WIN32", config.IS_WIN32)
    return set()


def _narrow(kind: Any) -> bool:
    if isinstance(kind, types.Array) and isinstance(kind.dtype, types.Boolean):
        return True
    kind = getattr(kind, "dtype", kind)
    return isinstance(kind, types.Integer) and kind.bitwidth < types.intp.bitwidth


def values_named(function: python_types.FunctionType) -> list[Any]:
    """The globals and closure variables that a function names."""
    namespace = function.__globals__
    found = [namespace[name] for name in names_in(function.__code__) if name in namespace]
    return found + _closure_of(function)


def frozen_value(module: str, name: str, value: object) -> set[tuple[str, str, str]]:
    """One global as a set: an empty one where code uses the value in place and freezes nothing."""
    if isinstance(value, numpy.ndarray) and value.nbytes > LARGE_ARRAY_BYTES:
        return set()  # used in place through a slot, never frozen
    try:
        text = value_text(value)
    except Ambiguous:
        return {(module, name, "")}  # see `collect`: no method that has it is kept
    except Unkeyable:
        text = global_text(value)
    return {(module, name, short_digest(text.encode()))}


def names_in(code: python_types.CodeType) -> list[str]:
    """What code names, with the functions inside it: globals, attributes and whatever else."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, python_types.CodeType):
            names.update(names_in(constant))
    return sorted(names)
