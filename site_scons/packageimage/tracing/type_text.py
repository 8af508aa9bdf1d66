"""Numba types as Python expressions: what a person would write for a type in a signature.

The names in an expression are `types` (`numba.types`), `numba`, `numpy` and the packages that it
says. Every text is evaluated once and compared with the type it stands for, so a type whose text
would give another one has none.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable
from typing import Any


class NoText(Exception):
    """A type that cannot be written; the message says why."""


def type_text(kind: Any) -> str:
    """The expression for a Numba type. Raises NoText with the reason."""
    text = _text(kind)
    try:
        made = eval(text, _namespace())
    except Exception as error:
        raise NoText(f"{kind}: {type(error).__name__} in {text}") from None
    if made != kind:
        raise NoText(f"{kind}: its text {text} is another type")
    return text


def modules_in(text: str) -> set[str]:
    """The modules that an expression of `type_text` names, beside `types`."""
    found = set()
    for name in re.findall(r"(?<![\w.])[A-Za-z_][\w.]*", text):
        while name and name not in sys.modules:
            name = name.rpartition(".")[0]
        found.add(name)
    return found - {"", "types", "numba.types"}


def _namespace() -> dict[str, Any]:
    import numba
    import numpy
    from numba import types

    tops = {name: module for name, module in sys.modules.items() if "." not in name}
    return {**tops, "types": types, "numba": numba, "numpy": numpy}


@functools.cache
def _named() -> dict[Any, str]:
    """The types that `numba.types` has names for; of several names the first in sorted order."""
    from numba import types

    found: dict[Any, str] = {}
    for name in sorted(vars(types)):
        value = getattr(types, name)
        if isinstance(value, types.Type) and not name.startswith("_"):
            found.setdefault(value, name)
    # The names that a reader knows, where one name is another's alias.
    for name in ("boolean", "unicode_type", "intp", "uintp", *_NUMBERS):
        found[getattr(types, name)] = name
    return found


_NUMBERS = (
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    "float32", "float64", "complex64", "complex128",
)  # fmt: skip


def _text(kind: Any) -> str:
    if kind in _named():
        return f"types.{_named()[kind]}"
    write = _WRITERS.get(type(kind).__name__)
    if write is None:
        raise NoText(f"{kind}: {_why_not(kind)}")
    return write(kind)


def _why_not(kind: Any) -> str:
    name = type(kind).__name__
    if name in ("ClassInstanceType", "ClassType"):
        return "a jitclass has no text; call the function with an instance in a workload"
    if name in ("Dispatcher", "CPUDispatcher", "FunctionType", "UndefinedFunctionType", "Function"):
        return "a function has no text; call the function with it in a workload"
    return f"a {name} has no text; call the function in a workload"


def _array(kind: Any) -> str:
    if kind.mutable and kind.aligned and kind.ndim > 0:
        # As in signatures: `float64[:, ::1]` is in C's order.
        axes = [":"] * kind.ndim
        if kind.layout != "A":
            axes[-1 if kind.layout == "C" else 0] = "::1"
        return f"{_text(kind.dtype)}[{', '.join(axes)}]"
    more = "" if kind.mutable else ", readonly=True"
    more += "" if kind.aligned else ", aligned=False"
    return f"types.Array({_text(kind.dtype)}, {kind.ndim}, {kind.layout!r}{more})"


def _record(kind: Any) -> str:
    from numba.np import numpy_support

    dtype: Any = numpy_support.as_dtype(kind)
    described = {
        "names": list(dtype.names),
        "formats": [dtype.fields[name][0].str for name in dtype.names],
        "offsets": [dtype.fields[name][1] for name in dtype.names],
        "itemsize": dtype.itemsize,
    }
    if any(dtype.fields[name][0].shape for name in dtype.names):
        raise NoText(f"{kind}: a record with arrays in it; call the function in a workload")
    return f"numba.from_dtype(numpy.dtype({described!r}, align={kind.aligned!r}))"


def _tuple(kind: Any) -> str:
    inner = ", ".join(map(_text, kind.types))
    return f"types.Tuple(({inner}{',' * (len(kind.types) == 1)}))"


def _named_tuple(kind: Any) -> str:
    cls = kind.instance_class
    module, own = cls.__module__, cls.__name__
    if getattr(sys.modules.get(module), own, None) is not cls:
        raise NoText(f"{kind}: {own} has no name at the top level of a module")
    if module == "__main__":
        raise NoText(f"{kind}: {own} is defined in the program itself")
    name = f"{module}.{own}"
    if type(kind).__name__ == "NamedUniTuple":
        return f"types.NamedUniTuple({_text(kind.dtype)}, {kind.count}, {name})"
    inner = ", ".join(map(_text, kind.types))
    return f"types.NamedTuple(({inner},), {name})"


def _omitted(kind: Any) -> str:
    value = kind.value
    if not isinstance(value, (bool, int, float, str, type(None))):
        raise NoText(f"{kind}: a default of type {type(value).__name__} has no text")
    return f"types.Omitted({value!r})"


_WRITERS: dict[str, Callable[[Any], str]] = {
    "Array": _array,
    "Record": _record,
    "UniTuple": lambda kind: f"types.UniTuple({_text(kind.dtype)}, {kind.count})",
    "Tuple": _tuple,
    "NamedUniTuple": _named_tuple,
    "NamedTuple": _named_tuple,
    "Optional": lambda kind: f"types.Optional({_text(kind.type)})",
    "Omitted": _omitted,
    "IntegerLiteral": lambda kind: f"types.literal({kind.literal_value!r})",
    "BooleanLiteral": lambda kind: f"types.literal({kind.literal_value!r})",
    "StringLiteral": lambda kind: f"types.literal({kind.literal_value!r})",
    "NPDatetime": lambda kind: f"types.NPDatetime({kind.unit!r})",
    "NPTimedelta": lambda kind: f"types.NPTimedelta({kind.unit!r})",
    "UnicodeCharSeq": lambda kind: f"types.UnicodeCharSeq({kind.count})",
    "CharSeq": lambda kind: f"types.CharSeq({kind.count})",
    "List": lambda kind: f"types.List({_text(kind.dtype)}, reflected={kind.reflected!r})",
    "Set": lambda kind: f"types.Set({_text(kind.dtype)}, reflected={kind.reflected!r})",
    "ListType": lambda kind: f"types.ListType({_text(kind.item_type)})",
    "DictType": lambda kind: f"types.DictType({_text(kind.key_type)}, {_text(kind.value_type)})",
}
