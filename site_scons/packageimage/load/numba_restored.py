"""Making restored functions Numba's own; `numba_callables` does it for what else there is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numba.core import serialize, typing
from numba.core.registry import CPUDispatcher

from ..model.type_spec import names_class
from .image import loads
from .methods import answered, note_answer
from .numba_attach import KEY, RESTORED_KEYS
from .numba_types import types_of

# A pickler that was made before Numba was imported, as one of multiprocessing is to which the first
# restored function is given, may have copied what was registered then (copyreg). It asks the class.
serialize._CustomPickled.__reduce__ = serialize._pickle__CustomPickled

Restored = Iterable[tuple[Any, Any]]
"""Restored dispatchers, each with its `load.dispatchers.Function`."""


def give_classes(restored: Restored) -> None:
    """Make restored dispatchers those that their sources would have made. They stay the same
    objects and are given Numba's class, which has the same C base."""
    for found, function in restored:
        if "_pkgimage_function" not in vars(found):
            continue  # done by what was asked of it meanwhile
        _, options, caches, _, declared_locals, _ = function.details
        found._clear()
        found.__class__ = CPUDispatcher
        CPUDispatcher.__init__(
            found,
            function.make_py_func(),
            {} if declared_locals is None else loads(declared_locals),
            dict(options),
        )
        if caches:
            found.enable_caching()
        # Last: another thread that finds it gone must find the class.
        found.__dict__.pop("_pkgimage_function", None)


def give_specialisations(restored: Restored) -> None:
    """Ask again for what their decorators would have compiled, and for what they were called with;
    the bridge answers. Not before all have Numba's class: it looks at those that a function calls.
    """
    for found, function in restored:
        declared = function.details[3]
        may_compile, methods = function.calls()
        for _, _, key, early in methods:
            if early:  # compiled while the package was imported, with the globals of then
                note_answer(key, found)
        for arguments, return_type, key in () if declared is None else loads(declared):
            signature = arguments
            if return_type is not None:
                signature = typing.signature(return_type, *arguments)
            _compile(found, signature, key)
        keys = {specs: key for specs, _, key, _ in reversed(methods)}
        if function.closed:
            found.__dict__[RESTORED_KEYS] = {
                types_of(specs, function.defaults or ()): key
                for specs, key in keys.items()
                # Without those that only Numba can tell, and what may be nowhere now.
                if specs is not None and not names_class(("", *specs))
            }
        answered()  # notes what other threads have called meanwhile
        for specs in function.started:
            arguments = types_of(specs, function.defaults or ())
            if arguments not in found.overloads:
                _compile(found, arguments, keys[specs])
        if not may_compile:
            found.disable_compile()


def _compile(found: Any, signature: Any, key: str) -> None:
    """Have a dispatcher ask for a specialisation by its key: what its closure, or its module's
    name, has become since does not matter, as it does not to Numba."""
    if key:
        found.__dict__[KEY] = key
    try:
        found.compile(signature)
    finally:
        found.__dict__.pop(KEY, None)


def new_dispatcher() -> Any:
    """A dispatcher that waits for `give_classes`."""
    return CPUDispatcher.__new__(CPUDispatcher)
