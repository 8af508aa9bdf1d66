"""The object that ties an image together: slots, thunks and the one exported table.

An image has no undefined symbols (design D1). Every name that the code leaves undefined is
defined here: a variable as a place in the slot array, a function as a thunk that jumps through
its slot. A variadic `musttail` forwards every signature and becomes a load and a jump on every
platform (facts/platforms.md). Being in an object of its own, a thunk does not stop LLVM from
knowing what `sqrt` or `memcpy` is where it is called.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from packageimage.model.platform import Platform

from . import first_calls, windows
from .bindable import HELPER_PREFIXES
from .llvm import baseline_machine, empty_module, global_name, open_machine
from .slots import (
    BITCODE_SYMBOL,
    CALL_PREFIX,
    DATA_SYMBOL,
    ENTRIES_SYMBOL,
    HEADER_SYMBOL,
    METHODS_SYMBOL,
    SLOTS_SYMBOL,
    TABLE_SYMBOL,
    entries_symbol,
    is_slot,
)

MAGIC = int.from_bytes(b"PKGIMAGE", "little")
TABLE_VERSION = 3


@dataclass(frozen=True)
class Table:
    """The numbers of the exported table; its pointers are symbols of this and the data objects.

    Sizes in bytes. data_size: 0 where the package's data is not in the image.
    """

    n_targets: int
    n_partitions: int
    header_size: int
    methods_size: int
    bitcode_size: int
    data_size: int = 0


def provided_names(platform: Platform) -> frozenset[str]:
    """Names that the thunk object defines with a body of its own on *platform*."""
    return windows.provided_names(platform.arch) if _is_windows(platform) else frozenset()


def called_names(platform: Platform, wanted: Iterable[str], *, restores: bool) -> frozenset[str]:
    """Names that code of the thunk object calls: the bodies of the names that are *wanted*, and
    what restored functions begin with (*restores*: whether the image has any)."""
    names = first_calls.CALLED_NAMES if restores else frozenset[str]()
    return names | windows.called_names(wanted) if _is_windows(platform) else names


def _is_windows(platform: Platform) -> bool:
    return platform.object_format == "coff"


def slot_names(undefined: Iterable[str]) -> tuple[str, ...]:
    """The slots in their order in the array: sorted names, each once.

    A function that is called through its slot (`slot_calls`) goes by its own name.
    """
    return tuple(sorted({name.removeprefix(CALL_PREFIX) for name in undefined}))


def thunk_ir(slots: tuple[str, ...], table: Table, platform: Platform) -> str:
    """The thunk object's IR; *slots* as `slot_names` gives them.

    Names are what the IR of the code objects calls them, without Mach-O's underscore.
    """
    hidden = baseline_machine(platform).hidden
    count = max(len(slots), 1)
    lines = [
        f"{global_name(SLOTS_SYMBOL)} = {hidden}global [{count} x ptr] zeroinitializer, align 16"
    ]
    addresses = {
        name: f"getelementptr (i8, ptr {global_name(SLOTS_SYMBOL)}, i64 {8 * index})"
        for index, name in enumerate(slots)
    }

    def load(name: str) -> str:
        return f"load ptr, ptr {addresses[name]}, !invariant.load !0"

    for name, address in addresses.items():
        if is_slot(name):
            lines.append(f"{global_name(name)} = {hidden}alias ptr, ptr {address}")
        else:
            if name.startswith(HELPER_PREFIXES):
                lines.append(
                    f"{global_name(CALL_PREFIX + name)} = {hidden}alias ptr, ptr {address}"
                )
            lines.append(
                f'define {hidden}void {global_name(name)}(...) "thunk" {{\n'
                f"  %f = {load(name)}\n"
                "  musttail call void (...) %f(...)\n"
                "  ret void\n"
                "}"
            )
    if table.data_size:
        lines.extend(first_calls.first_calls_ir(addresses, hidden))
    lines.extend(_table_ir(len(slots), table, platform))
    if _is_windows(platform):
        lines.extend(windows.bodies(platform.arch, slots, load))
    lines.append("!0 = !{}")
    return "\n".join(lines) + "\n"


def thunk_object(slots: tuple[str, ...], table: Table, platform: Platform) -> bytes:
    """The object of `thunk_ir`, for any CPU of *platform*."""
    target_machine = open_machine(baseline_machine(platform))
    module = empty_module(target_machine, thunk_ir(slots, table, platform))
    module.verify()
    return bytes(target_machine.emit_object(module))


def _table_ir(n_slots: int, table: Table, platform: Platform) -> list[str]:
    hidden = baseline_machine(platform).hidden
    objects = [
        entries_symbol(partition, target)
        for target in range(table.n_targets)
        for partition in range(table.n_partitions)
    ]
    pointers = [f"ptr {global_name(name)}" for name in objects] or ["ptr null"]
    lines = [f"{global_name(name)} = external {hidden}constant ptr" for name in objects]
    lines.append(
        f"{global_name(ENTRIES_SYMBOL)} = {hidden}constant "
        f"[{len(pointers)} x ptr] [{', '.join(pointers)}]"
    )
    data = [DATA_SYMBOL] if table.data_size else []
    lines.extend(
        f"{global_name(name)} = external {hidden}constant i8"
        for name in (HEADER_SYMBOL, METHODS_SYMBOL, BITCODE_SYMBOL, *data)
    )
    fields = [
        f"i64 {MAGIC}",
        f"i32 {TABLE_VERSION}",
        f"i32 {table.n_targets}",
        f"i32 {table.n_partitions}",
        f"i32 {n_slots}",
        f"ptr {global_name(HEADER_SYMBOL)}",
        f"i64 {table.header_size}",
        f"ptr {global_name(SLOTS_SYMBOL)}",
        f"ptr {global_name(ENTRIES_SYMBOL)}",
        f"ptr {global_name(METHODS_SYMBOL)}",
        f"i64 {table.methods_size}",
        f"ptr {global_name(BITCODE_SYMBOL)}",
        f"i64 {table.bitcode_size}",
        f"ptr {global_name(DATA_SYMBOL)}" if data else "ptr null",
        f"i64 {table.data_size}",
        f"ptr {global_name(first_calls.FIRST_CALLS_SYMBOL)}" if data else "ptr null",
    ]
    types = ", ".join(field.split()[0] for field in fields)
    exported = "dllexport " if _is_windows(platform) else ""
    lines.append(
        f"{global_name(TABLE_SYMBOL)} = {exported}constant {{ {types} }} "
        f"{{ {', '.join(fields)} }}, align 16"
    )
    return lines
