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

from .llvm import baseline_machine, empty_module, global_name, open_machine
from .slots import (
    BITCODE_SYMBOL,
    ENTRIES_SYMBOL,
    HEADER_SYMBOL,
    METHODS_SYMBOL,
    SLOTS_SYMBOL,
    TABLE_SYMBOL,
    entries_symbol,
    is_slot,
)

MAGIC = int.from_bytes(b"PKGIMAGE", "little")
TABLE_VERSION = 1
_WINDOWS_ENTRY = "_DllMainCRTStartup"
# Probes the stack for frames above a page. It takes its size in rax, which a Win64 thunk would
# overwrite, so it has a body of its own: what compiler-rt's chkstk.S does, as bytes, since
# llvmlite can only assemble for its host.
_STACK_PROBE = "___chkstk_ms"
_STACK_PROBE_CODE = bytes.fromhex(
    "51"  # push rcx
    "50"  # push rax
    "483d00100000"  # cmp rax, 0x1000
    "488d4c2418"  # lea rcx, [rsp + 24]
    "7218"  # jb last
    "4881e900100000"  # page: sub rcx, 0x1000
    "488509"  # test [rcx], rcx
    "482d00100000"  # sub rax, 0x1000
    "483d00100000"  # cmp rax, 0x1000
    "77e8"  # ja page
    "4829c1"  # last: sub rcx, rax
    "488509"  # test [rcx], rcx
    "58"  # pop rax
    "59"  # pop rcx
    "c3"  # ret
)


@dataclass(frozen=True)
class Table:
    """The numbers of the exported table; its pointers are symbols of this and the data object."""

    n_targets: int
    n_partitions: int
    header_size: int
    methods_size: int
    bitcode_size: int


def provided_names(platform: Platform) -> frozenset[str]:
    """Names that the thunk object defines with a body of its own on *platform*."""
    return frozenset({_STACK_PROBE} if platform.object_format == "coff" else ())


def slot_names(undefined: Iterable[str]) -> tuple[str, ...]:
    """The slots in their order in the array: sorted names, each once."""
    return tuple(sorted(set(undefined)))


def thunk_ir(slots: tuple[str, ...], table: Table, platform: Platform) -> str:
    """The thunk object's IR; *slots* as `slot_names` gives them.

    Names are what the IR of the code objects calls them, without Mach-O's underscore.
    """
    count = max(len(slots), 1)
    lines = [
        f"{global_name(SLOTS_SYMBOL)} = hidden global [{count} x ptr] zeroinitializer, align 16"
    ]
    for index, name in enumerate(slots):
        address = f"getelementptr (i8, ptr {global_name(SLOTS_SYMBOL)}, i64 {8 * index})"
        if is_slot(name):
            lines.append(f"{global_name(name)} = hidden alias ptr, ptr {address}")
        else:
            lines.append(
                f'define hidden void {global_name(name)}(...) "thunk" {{\n'
                f"  %f = load ptr, ptr {address}, !invariant.load !0\n"
                "  musttail call void (...) %f(...)\n"
                "  ret void\n"
                "}"
            )
    lines.extend(_table_ir(len(slots), table, platform))
    if platform.object_format == "coff":
        # A DLL's entry point; the MinGW runtime that has the usual one is not linked in.
        lines.append(f"define hidden i32 @{_WINDOWS_ENTRY}(ptr, i32, ptr) {{\n  ret i32 1\n}}")
        code = "".join(f"\\{byte:02X}" for byte in _STACK_PROBE_CODE)
        lines.append(
            f"@{_STACK_PROBE} = hidden constant [{len(_STACK_PROBE_CODE)} x i8] "
            f'c"{code}", section ".text", align 16'
        )
    lines.append("!0 = !{}")
    return "\n".join(lines) + "\n"


def thunk_object(slots: tuple[str, ...], table: Table, platform: Platform) -> bytes:
    """The object of `thunk_ir`, for any CPU of *platform*."""
    target_machine = open_machine(baseline_machine(platform))
    module = empty_module(target_machine, thunk_ir(slots, table, platform))
    module.verify()
    return bytes(target_machine.emit_object(module))


def _table_ir(n_slots: int, table: Table, platform: Platform) -> list[str]:
    objects = [
        entries_symbol(partition, target)
        for target in range(table.n_targets)
        for partition in range(table.n_partitions)
    ]
    pointers = [f"ptr {global_name(name)}" for name in objects] or ["ptr null"]
    lines = [f"{global_name(name)} = external hidden constant ptr" for name in objects]
    lines.append(
        f"{global_name(ENTRIES_SYMBOL)} = hidden constant "
        f"[{len(pointers)} x ptr] [{', '.join(pointers)}]"
    )
    lines.extend(
        f"{global_name(name)} = external hidden constant i8"
        for name in (HEADER_SYMBOL, METHODS_SYMBOL, BITCODE_SYMBOL)
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
    ]
    types = ", ".join(field.split()[0] for field in fields)
    exported = "dllexport " if platform.object_format == "coff" else ""
    lines.append(
        f"{global_name(TABLE_SYMBOL)} = {exported}constant {{ {types} }} "
        f"{{ {', '.join(fields)} }}, align 16"
    )
    return lines
