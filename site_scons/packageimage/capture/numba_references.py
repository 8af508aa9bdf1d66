"""What the loader needs of Numba's objects, to rebuild them in its process.

One of the modules that use Numba's private interfaces, as `capture.numba_bridge` is.
"""

from __future__ import annotations

import enum
import functools
import io
import pickle
import sys
import types as python_types
from typing import Any

import numpy
from numba.core import dispatcher, serialize, types
from numba.core.registry import cpu_target


@functools.cache
def _reference_pickler() -> type:
    class Pickler(serialize.NumbaPickler):  # the hooked one
        """Numba's pickler, with objects that a module holds kept as references to that module."""

        def persistent_id(self, obj: Any) -> tuple | None:
            if isinstance(obj, dispatcher.Dispatcher):
                return _reference("global", obj.py_func, obj)
            if isinstance(obj, python_types.FunctionType):
                holder = _reference("global", obj, obj)
                return holder or _reference("py_func", obj, None)
            if isinstance(obj, types.ClassType):
                return ("jitclass", *jitclass_place(obj))
            if isinstance(obj, types.DeferredType):
                raise pickle.PicklingError("a type that is defined later is known by its address")
            return None

    return Pickler


def _reference(kind: str, function: Any, wanted: Any) -> tuple | None:
    module = sys.modules.get(function.__module__ or "")
    found: Any = module
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    if kind == "py_func":
        return None if getattr(found, "py_func", None) is not function else _place(kind, function)
    return _place(kind, function) if found is wanted and module is not None else None


def _place(kind: str, function: Any) -> tuple:
    return (kind, function.__module__, function.__qualname__)


def jitclass_place(class_type: Any) -> tuple[str, str]:
    """Module and name of a jitclass. Raises PicklingError for one that no module holds."""
    for method in class_type.methods.values():
        name_of_module = method.__module__ or ""
        for name, value in vars(sys.modules.get(name_of_module, object)).items():
            if getattr(value, "class_type", None) is class_type:
                return name_of_module, name
    raise pickle.PicklingError(f"jitclass {class_type.class_name} has no name at module level")


def dumps(value: Any) -> bytes:
    """A pickle that `load.image.loads` reads; raises what the pickler raises."""
    buffer = io.BytesIO()
    _reference_pickler()(buffer, protocol=5).dump(value)
    return buffer.getvalue()


def may_change(value: Any) -> bool:
    """Whether what holds the same object may find it changed, as far as can be told."""
    if isinstance(value, tuple | frozenset):
        return any(map(may_change, value))
    if isinstance(value, numpy.dtype):  # the names of its fields can be set
        return value.names is not None or (value.subdtype is not None and may_change(value.base))
    return not isinstance(value, _UNCHANGING)


_UNCHANGING = (
    bool, int, float, complex, str, bytes, type(None), type(...), type, range, slice, enum.Enum,
    numpy.generic, numpy.ufunc, python_types.FunctionType, python_types.BuiltinFunctionType,
    python_types.ModuleType, python_types.CodeType, dispatcher._DispatcherBase,
)  # fmt: skip


class _OfNumpyAlone(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module != "builtins" and (module, name) != ("numpy", "dtype"):
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return super().find_class(module, name)


def can_be_shared(constants: bytes) -> bool:
    """Whether functions may share constants that `dumps` wrote, which were read as soon as NumPy
    was there: none can change, and none is what any other module holds."""
    try:
        return not any(map(may_change, _OfNumpyAlone(io.BytesIO(constants)).load()))
    except pickle.UnpicklingError:  # a persistent name is one, too
        return False


def generator_descriptor(result: Any) -> Any:
    """The descriptor of the function that resumes a generator, None for other functions."""
    generator = result.signature.return_type
    if not isinstance(generator, types.Generator):
        return None
    known = cpu_target.target_context._generators.get(generator)
    return None if known is None else known[0]


def initialisers(result: Any) -> set[tuple[str, str]]:
    """The functions, each by its module and name, that have to be called before a compile result's
    code runs."""
    functions = {*result.reload_init, *result.library._reload_init}
    return {(function.__module__, function.__qualname__) for function in functions}
