"""Names: which variables of the captured IR the loader fills, and what our own symbols are called.

The prefixes are the contract between capture, codegen and the loader.
"""

from __future__ import annotations

# Environments of Numba's functions, and everything capture turned into a slot of its own
# (`pkgimage.obj.PyExc_ValueError` holds the address of that object).
SLOT_PREFIXES = ("_ZN08NumbaEnv", "pkgimage.")
# Numba's name for the pointer that mutual recursion calls through
# (numba/core/codegen.py, RuntimeLinker.PREFIX).
UNRESOLVED_PREFIX = ".numba.unresolved$"

TABLE_SYMBOL = "pkgimage"
HEADER_SYMBOL = "pkgimage.header"
METHODS_SYMBOL = "pkgimage.methods"
BITCODE_SYMBOL = "pkgimage.bitcode"
DATA_SYMBOL = "pkgimage.data"
SLOTS_SYMBOL = "pkgimage.slots"
ENTRIES_SYMBOL = "pkgimage.entries"
# Before a function's name: its slot, by which code calls it without its thunk.
CALL_PREFIX = "pkgimage.call."


def is_slot(name: str) -> bool:
    """Whether *name* is a pointer-sized variable of the slot array."""
    return name.startswith(SLOT_PREFIXES)


def clone_symbol(entry: str, target_index: int) -> str:
    """The symbol of *entry*'s version for a target: its own in every object, so that the
    versions link into one image."""
    return f"{entry}.t{target_index}"


def entries_symbol(partition: int, target_index: int) -> str:
    """The symbol of one object's entry table."""
    return f"{ENTRIES_SYMBOL}.{partition}.{target_index}"
