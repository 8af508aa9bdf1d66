"""Universal functions for `target='parallel'`, restored with Numba or without.

They are NumPy's own ufuncs, which Numba's C module makes of loops that are there from the start. So
one that is restored is complete: Numba never takes it over. Its code may run once its module is
complete too (`finish`), as it may use what that holds in place.
"""

from __future__ import annotations

import importlib
import marshal
from typing import Any

from . import dispatchers
from .dispatchers import CannotInstall, NeedsNumba
from .numba_extensions import Extensions, Unavailable, numba_is_there
from .universal import type_number

_MODULE = "numba.np.ufunc._internal"

Waiting = tuple[Any, Any]
"""A function's row in its module's table (`capture.numba_callables`), and what it was made of."""


def make(package: Any, head: Any, py_func: Any) -> Any:
    """A ufunc with its loops. Raises CannotInstall for one that the image has no code for."""
    _, nin, nout, identity, signature, writable, body = head
    native = dispatchers.native_extensions()
    try:
        if native is None:
            dispatchers.wait_for_numba()
            module = importlib.import_module(_MODULE)
        else:
            module = native.ufuncs()
    except Unavailable as error:
        raise CannotInstall(str(error)) from None
    addresses, numbers = [], []
    for items, row, _ in marshal.loads(body)[2]:
        if row is None:
            raise CannotInstall(f"expected code for {py_func.__qualname__} {items}, found none")
        addresses.append(package.image.entry(*row[0]))
        numbers.append(list(map(type_number, items)))
    name, doc = py_func.__name__, py_func.__doc__
    rest = () if signature is None else (signature, tuple(writable))
    package.unfinished.parallel.append((head, py_func))
    # NumPy keeps pointers into the name and the text.
    return module.fromfunc(
        name, doc, addresses, numbers, nin, nout, [None] * len(numbers), [package, name, doc],
        identity, *rest,
    )  # fmt: skip


def finish(package: Any, waiting: list[Waiting], native: Extensions | None) -> None:
    """Let the code of functions run, whose module has all that it holds now. Raises CannotInstall,
    and NeedsNumba without Numba."""
    if numba_is_there():
        dispatchers.wait_for_numba()
        from .numba_callables import compile_parallel

        for head, py_func in waiting:
            compile_parallel(head, py_func)
        return
    if native is None:
        raise NeedsNumba
    package.start_threads(native)
    for head, _ in waiting:
        for _, row, key in marshal.loads(head[6])[2]:
            package.ready(row, key, None, native)
