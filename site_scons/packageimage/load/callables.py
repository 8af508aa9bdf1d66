"""What Numba makes of functions besides dispatchers, restored without Numba.

An object's part of the image stands under one attribute of the object, until Numba is imported:
then the object gets Numba's class and its state, as dispatchers do (`numba_callables`). Imported
only when a restored module has such an object.
"""

from __future__ import annotations

import importlib
import marshal
from collections.abc import Callable
from types import FunctionType
from typing import Any

from ..model.package_data import PARALLEL
from . import dispatchers
from .dispatchers import CannotInstall, NeedsNumba
from .numba_extensions import Extensions, Unavailable

PART = "_pkgimage_part"

# The module that makes each kind.
_MAKERS = {
    "dufunc": "universal", "gufunc": "universal", "cfunc": "callbacks", "stencil": "stencils",
    "jitclass": "jitclasses",
}  # fmt: skip


class Part:
    """One object's part of the image.

    head: its row in the module's table (`capture.numba_callables`): kind, what making it takes, and
    the rest as marshal's bytes. py_func: the function, or class, that it was made of. native: None
    where Numba is there.
    """

    def __init__(
        self, package: Any, module: str, head: Any, py_func: Any, native: Extensions | None
    ) -> None:
        self.package = package
        self.module = module
        self.kind: str = head[0]
        self.head = head[1:-1]
        self.py_func = py_func
        self.native = native
        self.is_complete = False  # Numba has been asked for all that it has compiled
        self._body = head[-1]

    @property
    def body(self) -> Any:
        """What follows in the row, read when something of it is wanted."""
        body = self._body
        if type(body) is bytes:
            body = self._body = marshal.loads(body)  # another thread may do the same
        return body

    @property
    def shown(self) -> str:
        return f"{self.module}.{self.py_func.__qualname__}"

    def prepare(self, found: Any) -> None:
        """Numba is about to take the object over, and other threads may be using it."""

    def address(self, row: Any, key: str, target: object) -> Any:
        """The address of code that may run now, None where Numba has to answer."""
        return self._answer(row, lambda native: self.package.ready(row, key, target, native))

    def function(self, row: Any, key: str, target: object) -> Any:
        """The same as a function that Python can call."""
        name = self.py_func.__name__
        return self._answer(
            row, lambda native: self.package.install(row, key, target, native, name)
        )

    def _answer(self, row: Any, ask: Callable[[Extensions], Any]) -> Any:
        if row is None or self.native is None:
            return None
        try:
            return ask(self.native)
        except CannotInstall as error:
            self.package.report(self.shown, str(error))
        except NeedsNumba:
            pass
        return None


def part_of(found: Any) -> Any:
    """An object's part of the image, None when it is Numba's."""
    return vars(found).get(PART)


def make(package: Any, module: str, head: Any, py_func: Any) -> Any:
    """An object; where Numba is there it waits to be Numba's."""
    if head[0] == PARALLEL:
        from . import parallel

        return parallel.make(package, head, py_func)
    maker = importlib.import_module(f".{_MAKERS[head[0]]}", __package__)
    native = dispatchers.native_extensions()
    if native is not None:
        try:
            kind = maker.class_for(head[0], native)
        except Unavailable:
            native = None
    if native is None:
        dispatchers.wait_for_numba()
        from . import numba_callables

        kind = numba_callables.class_for(head[0])
    part = maker.part_for(head[0])(package, module, head, py_func, native)
    found = kind.new(part) if part.kind == "jitclass" else kind.__new__(kind)
    maker.initialise(found, part)
    _setter(found).__setattr__(found, PART, part)
    (package.unfinished.callables if native is None else dispatchers.callables).append(
        (found, part)
    )
    return found


def forget_part(found: Any) -> None:
    """An object is Numba's now."""
    if PART in vars(found):
        _setter(found).__delattr__(found, PART)


def _setter(found: Any) -> Any:
    """Whose `__setattr__` sets attributes of an object, whatever its class does."""
    return type if isinstance(found, type) else object


def c_address(value: Any) -> int:
    """The address of the C function that a global stands for. Raises NeedsNumba for those of
    kinds that only Numba knows."""
    part = part_of(value) if type(value) in dispatchers.classes else None
    address = part.find(value) if part is not None and part.kind == "cfunc" else None
    if address is None:
        raise NeedsNumba
    return int(address)


def name_it(found: Any, function: FunctionType) -> None:
    """What `functools.update_wrapper` takes over from a function, but for annotations, which may
    have to be computed."""
    state = vars(found)
    state.update(vars(function))
    state.update(
        __module__=function.__module__,
        __name__=function.__name__,
        __qualname__=function.__qualname__,
        __doc__=function.__doc__,
        __wrapped__=function,
    )


def become_numbas(found: Any) -> None:
    """Import Numba, which makes all restored objects its own."""
    import numba  # noqa: F401

    if PART in vars(found):
        dispatchers.numba_is_imported()


# Methods of the classes that stand for Numba's. They are no base class: setting an object's class
# takes two that are laid out alike, down to their bases. Names of Numba's that only Numba can
# answer are in the class's `_pkgimage_numbas`.


def getattr_of(self: Any, name: str) -> Any:
    """`__getattr__`: what Numba knows of the object."""
    part = part_of(self)
    if part is not None:
        if name in ("__annotations__", "__type_params__"):
            return getattr(part.py_func, name)
        if name in type(self)._pkgimage_numbas:
            become_numbas(self)
            return getattr(self, name)
    elif hasattr(type(self), name):
        return getattr(self, name)  # another thread has made it Numba's meanwhile
    raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def dir_of(self: Any) -> list[str]:
    """`__dir__`"""
    become_numbas(self)
    return dir(self)


def reduce_of(self: Any, protocol: Any) -> Any:
    """`__reduce_ex__`"""
    become_numbas(self)
    return self.__reduce_ex__(protocol)


def doc_of(self: Any) -> Any:
    """`__doc__` of what takes over no text from its function: Numba's class has one."""
    become_numbas(self)
    return self.__doc__
