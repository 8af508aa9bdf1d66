"""What plain functions are answered from when they are called for the first time
(`load.numba_attach`), of all methods of an image.

One of the modules that use Numba's private interfaces, as `capture.numba_bridge` is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from numba.core.registry import CPUDispatcher

from ..load.numba_attach import PLAIN, are_of, global_shape, shape_of
from ..model.method_key import (
    Unkeyable,
    dispatcher_options,
    function_key,
    global_text,
    short_digest,
)
from ..model.type_spec import names_class
from .assemble import Start
from .captured import CapturedMethod
from .numba_references import can_be_shared


def starts_of(methods: Mapping[str, CapturedMethod]) -> dict[str, list[Start]]:
    """By `module:qualified name`, of the functions that this process finds by their names as they
    were compiled, and that have a shape; each of the methods that need nothing but a look at some
    globals and environments."""
    by_name: dict[tuple[str, str], list[str]] = {}
    for key, method in sorted(methods.items()):
        if method.function and _is_plain(method):
            by_name.setdefault((method.row["module"], method.row["qualname"]), []).append(key)
    shapes: dict[tuple[str, ...], bytes | None] = {}
    found: dict[str, list[Start]] = {}
    for (module, qualname), keys in sorted(by_name.items()):
        target = _named(module, qualname)
        if type(target) is not CPUDispatcher or not is_plain(target):
            continue
        shape = shape_of(target)
        if shape is None:
            continue
        own = function_key(target.py_func, dispatcher_options(target))
        starts = []
        for key in keys:
            method = methods[key]
            if method.function == own and method.specs is not None:
                frozen = tuple(_with_shapes(method.row["globals"], shapes))
                starts.append(Start(shape, key, method.specs, _environments(method), frozen))
        if starts:
            found[f"{module}:{qualname}"] = starts
    return found


def _is_plain(method: CapturedMethod) -> bool:
    row, specs = method.row, method.specs
    return bool(
        specs is not None
        and not names_class(("", *specs))
        and (row["environment"], row["module"]) in [(s, m) for s, m, _ in row["environments"]]
        and not row["references"]
        and not row["init"]
        and not row["objectmode"]
        and "cpython" in method.roles
        # Functions of a module that have the same constants share them.
        and all(
            constants is None or can_be_shared(method.blobs[constants])
            for _, _, constants in row["environments"]
        )
    )


def is_plain(dispatcher: Any) -> bool:
    """Whether `shape_of` tells one of Numba's dispatchers from all others.

    Asked at build alone: one that is not plain has another shape than all that are.
    """
    function = dispatcher.py_func
    return (
        function.__closure__ is None
        and function.__kwdefaults__ is None
        and not dispatcher.locals
        and are_of(PLAIN, function.__code__.co_consts)
        and are_of(PLAIN, function.__defaults__ or ())
        and are_of(PLAIN, dispatcher.targetoptions.values())
    )


def _environments(method: CapturedMethod) -> tuple[tuple[str, str | None, bytes | None], ...]:
    """As in `Start`."""
    own = method.row["environment"]
    found = [
        (slot, module, None if constants is None else method.blobs[constants])
        for slot, module, constants in method.row["environments"]
    ]
    return tuple(sorted(found, key=lambda item: (item[0] != own, item[0])))


def _named(module: str, qualname: str) -> Any:
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def _with_shapes(
    frozen: Iterable[Iterable[str]], shapes: dict[tuple[str, ...], bytes | None]
) -> Iterable[tuple[str, str, bytes | None]]:
    """(module, name, shape) of each global; None for the shape of what has none, or is not
    any more what code was compiled with."""
    for module, name, digest in frozen:
        key = (module, name, digest)
        if key not in shapes:
            value = getattr(sys.modules.get(module), name, None)
            shape = None
            if type(value) is not CPUDispatcher or is_plain(value):
                shape = global_shape(value)
            shapes[key] = shape if shape is not None and _digest(value) == digest else None
        yield module, name, shapes[key]


def _digest(value: object) -> str:
    try:
        return short_digest(global_text(value).encode())
    except Unkeyable:
        return ""
