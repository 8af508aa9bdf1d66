"""Stencils, restored without Numba: an image's code for the types that it was compiled for."""

from __future__ import annotations

from typing import Any

from . import callables, dispatchers
from .argument_types import spec_of
from .callables import Part, dir_of, getattr_of, part_of, reduce_of
from .numba_extensions import Extensions


class StencilPart(Part):
    """body: (mode, options, methods); of each method whether it takes an output array, the specs of
    its arguments, what `RestoredPackage.install` takes, its key"""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._compiled: dict[Any, Any] = {}

    def find(self, found: Any, args: tuple[Any, ...], *, out: bool) -> Any:
        """What to call with these arguments, None where Numba has to answer.

        Numba compiles a stencil whenever it is called, what it calls with the globals of then.
        """
        asked = out, tuple(map(spec_of, args))
        for has_out, specs, row, key in self.body[2]:
            if (has_out, specs) == asked:
                if asked not in self._compiled:
                    self._compiled[asked] = self.function(row, key, None)
                compiled = self._compiled[asked]
                return compiled if compiled is not None and self._is_as_compiled(row) else None
        return None

    def _is_as_compiled(self, row: Any) -> bool:
        def check(_: Extensions) -> bool:
            self.package._check_frozen(row[4])
            return True

        return bool(self._answer(row, check))


_NUMBAS = frozenset(
    {
        "_install_type", "_lower_me", "_stencil_wrapper", "_targetctx", "_type_cache", "_type_me",
        "_typingctx", "add_indices_to_kernel", "compile_for_argtys", "copy_ir_with_calltypes",
        "get_return_type", "id", "id_counter", "kernel_ir", "kws", "mode", "neighborhood",
        "options", "replace_return_with_setitem",
    }
)  # fmt: skip


class StencilFunc:
    """What stands for Numba's class of this name until Numba is imported."""

    _pkgimage_numbas = _NUMBAS
    __getattr__, __dir__, __reduce_ex__ = getattr_of, dir_of, reduce_of

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        part = part_of(self)
        if part is not None and kwargs.keys() <= {"out"}:
            given = (*args, *kwargs.values())
            if kwargs.get("out", args) is not None:
                compiled = part.find(self, given, out=bool(kwargs))
                if compiled is not None:
                    return compiled(*given)
        callables.become_numbas(self)
        return self(*args, **kwargs)


# That of Numba's class, which its objects show.
StencilFunc.__doc__ = property(callables.doc_of)  # type: ignore[assignment]


def class_for(kind: str, native: Extensions) -> Any:
    """The class of restored stencils."""
    dispatchers.classes.add(StencilFunc)
    return StencilFunc


def part_for(kind: str) -> Any:
    return StencilPart


def initialise(found: Any, part: Any) -> None:
    """Numba's stencils take over nothing of their function."""
