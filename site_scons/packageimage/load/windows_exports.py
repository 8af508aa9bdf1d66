"""What a process on Windows exports, by C name."""

from __future__ import annotations

import ctypes
import functools

# Where the C library's functions are, in order, when they are not in the program itself.
_LIBRARIES = ("ucrtbase", "vcruntime140", "msvcrt", "kernel32", "ntdll")

# Functions of C99 that Microsoft has by names with an underscore; Numba uses those there.
_MICROSOFTS = frozenset({"hypot", "hypotf", "snprintf"})


def address_of(name: str) -> int | None:
    """The address of a function or variable, None where no library of these has it."""
    libraries = _libraries()
    if name.startswith(("Py", "_Py")):
        libraries = [ctypes.pythonapi, *libraries]
    for known in (name, f"_{name}") if name in _MICROSOFTS else (name,):
        for library in libraries:
            try:
                return ctypes.addressof(ctypes.c_char.in_dll(library, known))
            except ValueError:
                continue
    return None


@functools.cache
def _libraries() -> list[ctypes.CDLL]:
    found = []
    for name in _LIBRARIES:
        try:
            found.append(ctypes.CDLL(name))
        except OSError:
            continue
    return found
