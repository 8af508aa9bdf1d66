"""Fill an image's slots: the addresses that the image's code calls and loads through; and where
this process has C functions, CPython's and the C library's.

Three kinds by name: environments and references (``_ZN08NumbaEnv...``, ``pkgimage.ref...``,
``pkgimage.array...``) are filled when the method that uses them is attached, because the module
that owns them must have begun to run; objects and values of the interpreter, and functions of the
process, when the image is opened.
"""

from __future__ import annotations

import builtins
import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .protocols import Slotted

OBJECT = "pkgimage.obj."
VALUE = "pkgimage.value."
REFERENCE = "pkgimage.ref."
ARRAY = "pkgimage.array."
ENVIRONMENT = "_ZN08NumbaEnv"
_WITH_METHOD = (REFERENCE, ARRAY, ENVIRONMENT)

# Offered once Numba's threads were started, which a method that uses them does.
THREADS = frozenset(
    {
        "numba_parallel_for", "do_scheduling_signed", "do_scheduling_unsigned", "allocate_sched",
        "deallocate_sched", "get_num_threads", "set_num_threads", "get_thread_id",
        "set_parallel_chunksize", "get_parallel_chunksize", "get_sched_size",
    }
)  # fmt: skip

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

_SPECIAL_OBJECTS = {"_Py_NoneStruct": None, "_Py_TrueStruct": True, "_Py_FalseStruct": False}


class UnboundSlot(LookupError):
    """A name that this process does not offer."""


def fill(image: Slotted, address_of: Callable[[str], int | None]) -> list[tuple[int, str]]:
    """Fill all slots that do not wait for a method; return those that nobody offers yet.

    `address_of` gives the address of a function or variable of the process by its C name.
    """
    missing = []
    for index, name in enumerate(image.slot_names):
        if name.startswith(_WITH_METHOD):
            continue
        value = _value(name, address_of)
        if value is None:
            missing.append((index, name))
        else:
            image.slots[index] = value
    return missing


def _value(name: str, address_of: Callable[[str], int | None]) -> int | None:
    if name.startswith(OBJECT):
        return id(_object(name.removeprefix(OBJECT)))
    if name.startswith(VALUE):
        import ctypes  # not above: a session comes to be, to refuse, where there is none

        address = address_of(name.removeprefix(VALUE))
        return None if address is None else ctypes.c_uint64.from_address(address).value
    return address_of(name)


def _object(name: str) -> object:
    if name in _SPECIAL_OBJECTS:
        return _SPECIAL_OBJECTS[name]
    try:
        return getattr(builtins, name.removeprefix("PyExc_"))
    except AttributeError:
        raise UnboundSlot(name) from None


def process_address(name: str) -> int | None:
    """The address of a function or variable that this process exports by its C name, or None."""
    if name in _HASH_SECRET:
        secret = process_address("_Py_HashSecret")
        return None if secret is None else secret + _HASH_SECRET[name]
    return _exported()(name)


@functools.cache
def _exported() -> Callable[[str], int | None]:
    """What looks a name up."""
    import ctypes  # not above, as above

    if sys.platform == "win32":
        return _exported_on_windows
    import _ctypes

    look_up, program = _ctypes.dlsym, ctypes.pythonapi._handle  # ten times as quick as `in_dll`

    def exported(name: str) -> int | None:
        try:
            return look_up(program, name)
        except OSError:
            return None

    return exported


def _exported_on_windows(name: str) -> int | None:
    import ctypes

    libraries: list[ctypes.CDLL] = _windows_libraries()
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
def _windows_libraries() -> list[Any]:
    import ctypes

    found = []
    for name in _WINDOWS_LIBRARIES:
        try:
            found.append(ctypes.CDLL(name))
        except OSError:
            continue
    return found
