"""C callbacks, restored without Numba: the address of an image's code, and the Python function."""

from __future__ import annotations

import ctypes
import importlib
from typing import Any

from . import callables, dispatchers
from .callables import Part, dir_of, getattr_of, part_of, reduce_of
from .numba_extensions import Extensions


class CFuncPart(Part):
    """body: (options, pickle of argument types, return type and locals, names of ctypes' types for
    result and arguments or None, the symbol, what `RestoredPackage.ready` takes, key)"""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.pointer: int | None = None

    def find(self, found: Any) -> int | None:
        """The address of the callback, None where Numba has to give it."""
        if self.pointer is None:
            _, _, _, _, row, key = self.body
            self.pointer = self.address(row, key, found)
        return self.pointer


_NUMBAS = frozenset(
    {
        "_cache", "_cache_hits", "_compile_uncached", "_compiler", "_library", "_sig",
        "_targetdescr", "_wrapper_address", "_wrapper_name", "compile", "enable_caching",
        "inspect_llvm",
    }
)  # fmt: skip


class CFunc:
    """What stands for Numba's class of this name until Numba is imported."""

    _pkgimage_numbas = _NUMBAS
    __getattr__, __dir__, __reduce_ex__ = getattr_of, dir_of, reduce_of

    @property
    def address(self) -> Any:
        part = part_of(self)
        pointer = None if part is None else part.find(self)
        if pointer is None:
            callables.become_numbas(self)
            return self.address
        return pointer

    @property
    def native_name(self) -> Any:
        part = part_of(self)
        if part is None or part.find(self) is None:
            callables.become_numbas(self)
            return self.native_name
        return part.body[3]

    @property
    def ctypes(self) -> Any:
        state, part = vars(self), part_of(self)
        if "ctypes" not in state:
            if part is None or part.body[2] is None or part.find(self) is None:
                callables.become_numbas(self)
                return self.ctypes
            kind = ctypes.CFUNCTYPE(*map(_type_named, part.body[2]))
            state.setdefault("ctypes", kind(part.pointer))
        return state["ctypes"]

    @property
    def cffi(self) -> Any:
        state = vars(self)
        if "cffi" not in state:
            cffi = importlib.import_module("cffi")
            state.setdefault("cffi", cffi.FFI().cast("void *", self.address))
        return state["cffi"]

    @property
    def cache_hits(self) -> int:
        return 0

    def __repr__(self) -> str:
        return f"<Numba C callback {vars(self)['__qualname__']!r}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return vars(self)["_pyfunc"](*args, **kwargs)


# That of Numba's class, which its objects show.
CFunc.__doc__ = property(callables.doc_of)  # type: ignore[assignment]


def class_for(kind: str, native: Extensions) -> Any:
    """The class of restored callbacks."""
    dispatchers.classes.add(CFunc)
    return CFunc


def part_for(kind: str) -> Any:
    return CFuncPart


def initialise(found: Any, part: Any) -> None:
    """Give a new object what Numba's has of its function."""
    function = part.py_func
    vars(found).update(
        __name__=function.__name__,
        __qualname__=function.__qualname__,
        __wrapped__=function,
        _pyfunc=function,
    )


def _type_named(name: Any) -> Any:
    if type(name) is tuple:
        return ctypes.POINTER(_type_named(name[1]))
    return None if name is None else getattr(ctypes, name)
