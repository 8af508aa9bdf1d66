"""Fill an image's slots: the addresses that the image's code calls and loads through.

Three kinds by name: environments and references (``_ZN08NumbaEnv...``, ``pkgimage.ref...``,
``pkgimage.array...``) are filled when the method that uses them is attached, because the module
that owns them must have begun to run; objects and values of the interpreter, and functions of the
process, when the image is opened.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import TYPE_CHECKING

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
