"""How functions, their cells and their decorators' objects are made again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any

from .data_nodes import Items, Made, Step, attributes, inline, unnamed

_COMPARED = ("__name__", "__qualname__", "__module__", "__doc__")


def function_node(
    function: FunctionType, index: int, namespace: object, constructor: Callable[[str], object]
) -> Made:
    """A function by value. `index`: its code's. `namespace`: None for the module's own."""
    cells = function.__closure__ or ()
    if namespace is None and not cells:
        made = Made(obj=function, function=constructor("function"), args=unnamed(index))
    else:
        names = function.__code__.co_freevars
        labels = [f".<cell {name}>" for name in names] if len(names) == len(cells) else []
        args = [("", index), (".__globals__", namespace), *zip(labels, cells, strict=True)]
        made = Made(obj=function, function=constructor("closure"), args=args)
    slots = _settings(function, of_module=namespace is None)
    own = attributes(function.__dict__.items()) if function.__dict__ else None
    if slots or own is not None:
        state: Items = inline(own, attributes(slots.items())) if slots else own  # type: ignore[assignment]
        made.steps.append(Step("build", unnamed(state)))
    return made


def _settings(function: FunctionType, *, of_module: bool) -> dict[str, object]:
    """What the function has that one made of its code and namespace has not."""
    new = FunctionType(function.__code__, function.__globals__, None, None, function.__closure__)
    found: dict[str, object] = {
        name: getattr(function, name)
        for name in _COMPARED
        if getattr(function, name) != getattr(new, name) or (name == "__module__" and not of_module)
    }
    if function.__defaults__ is not None:
        found["__defaults__"] = function.__defaults__
    if function.__kwdefaults__ is not None:
        found["__kwdefaults__"] = function.__kwdefaults__
    # Since Python 3.14 annotations are what a function of the function's returns.
    annotate = getattr(function, "__annotate__", None)
    if annotate is not None:
        found["__annotate__"] = annotate
    elif function.__annotations__:
        found["__annotations__"] = function.__annotations__
    if getattr(function, "__type_params__", ()):
        found["__type_params__"] = function.__type_params__  # type: ignore[attr-defined]
    return found


def cell_node(cell: CellType, constructor: Callable[[str], object]) -> Made:
    made = Made(obj=cell, function=constructor("cell"), args=(), late=True)
    try:
        contents = cell.cell_contents
    except ValueError:
        return made
    state = inline(None, Items(obj=None, kind="contents", parts=["cell_contents", contents]))
    made.steps.append(Step("build", unnamed(state)))
    return made


def cached_node(cached: Any, constructor: Callable[[str], object]) -> Made:
    """What `functools.lru_cache` made, which is empty again."""
    parameters = cached.cache_parameters()
    made = Made(
        obj=cached,
        function=constructor("cached"),
        args=[
            (".__wrapped__", cached.__wrapped__),
            ("", parameters["maxsize"]),
            ("", parameters["typed"]),
        ],
    )
    skipped = ("__wrapped__", "cache_parameters")
    rest = [(name, value) for name, value in vars(cached).items() if name not in skipped]
    if rest:
        made.steps.append(Step("build", unnamed(attributes(rest))))
    return made


def cached_property_node(prop: Any, constructor: Callable[[str], object]) -> Made:
    """A `cached_property`; its lock is a new one."""
    rest = [(name, value) for name, value in vars(prop).items() if name not in ("func", "lock")]
    return Made(
        obj=prop,
        function=constructor("cached_property"),
        args=[("", type(prop)), (".func", prop.func)],
        steps=[Step("build", unnamed(attributes(rest)))],
    )


CACHED = type(functools.lru_cache(lambda: None))
