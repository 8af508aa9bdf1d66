"""Addresses of C functions that this process offers: CPython's and the C library's."""

from __future__ import annotations

import ctypes
import functools
import sys

# Where the C library's functions are, in order, when they are not in the program itself.
_WINDOWS_LIBRARIES = ("ucrtbase", "vcruntime140", "msvcrt", "kernel32", "ntdll")


# Functions of C99 that Microsoft has by names with an underscore; Numba uses those there.
_MICROSOFTS = frozenset({"hypot", "hypotf", "snprintf"})


# Offsets in CPython's _Py_HashSecret_t. Numba gives its members these names when it imports
# numba.cpython.hashing, which a process that compiles nothing need not do.
_HASH_SECRET = {
    "_numba_hashsecret_siphash_k0": 0,
    "_numba_hashsecret_siphash_k1": 8,
    "_numba_hashsecret_djbx33a_suffix": 16,
}


@functools.cache
def _libraries() -> list[ctypes.CDLL]:
    if sys.platform != "win32":
        return [ctypes.CDLL(None)]
    found = []
    for name in _WINDOWS_LIBRARIES:
        try:
            found.append(ctypes.CDLL(name))
        except OSError:
            continue
    return found


def address_of(name: str) -> int | None:
    """The address of an exported function or variable by its C name, or None."""
    if name in _HASH_SECRET:
        secret = address_of("_Py_HashSecret")
        return None if secret is None else secret + _HASH_SECRET[name]
    if name.startswith(("Py", "_Py")):
        sources: list[ctypes.CDLL] = [ctypes.pythonapi, *_libraries()]
    else:
        sources = _libraries()
    names = (name, f"_{name}") if name in _MICROSOFTS and sys.platform == "win32" else (name,)
    for known in names:
        for library in sources:
            try:
                function = ctypes.c_char.in_dll(library, known)
            except ValueError:
                continue
            return ctypes.addressof(function)
    return None


def cpu_flags() -> list[str]:
    """What Linux tells of the first processor's features; nothing where it does not."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("Features"):  # arm64's word; x86's is "flags"
                    return line.partition(":")[2].split()
    except OSError:
        pass  # another system
    return []
