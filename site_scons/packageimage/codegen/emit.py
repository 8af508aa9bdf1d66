"""One partition's bitcode and one CPU target in, one relocatable object out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import llvmlite.binding as ll

from packageimage.model.cpu_targets import CPUTarget
from packageimage.model.errors import PackageImageError
from packageimage.model.flags import CacheFlags
from packageimage.model.platform import Platform

from .clone_policy import code_targets, is_complete
from .llvm import Machine, empty_module, global_name, machine_for, open_machine, read_bitcode
from .module_summary import summarise
from .optimise import optimise
from .slot_calls import call_through_slots
from .slots import UNRESOLVED_PREFIX, clone_symbol, entries_symbol, is_slot

_PRIVATE = (ll.Linkage.private, ll.Linkage.linker_private, ll.Linkage.linker_private_weak)


def emit_object(
    bitcode: bytes,
    entries: Sequence[str],
    partition: int,
    target_index: int,
    targets: Sequence[CPUTarget],
    platform: Platform,
    flags: CacheFlags,
    owners: Mapping[str, str] | None = None,
) -> bytes:
    """The object of *partition* for `targets[target_index]`.

    It defines `S.t{t}` for every entry S cloned for the target and the table
    `pkgimage.entries.{p}.{t}`, all hidden; everything else of the module is internal or gone.
    *owners* says in messages which function an entry belongs to.

    Raises PackageImageError when the bitcode cannot be read, lacks an entry, or uses a variable
    that nothing will define.
    """
    machine = machine_for(platform, targets[target_index], flags)
    module, target_machine = _prepare(
        bitcode, entries, partition, target_index, targets, machine, owners or {}
    )
    optimise(module, machine, target_machine)
    call_through_slots(module, machine, target_machine)
    return bytes(target_machine.emit_object(module))


def emit_assembly(
    bitcode: bytes,
    entries: Sequence[str],
    partition: int,
    target_index: int,
    targets: Sequence[CPUTarget],
    platform: Platform,
    flags: CacheFlags,
) -> str:
    """What `emit_object` emits, as assembly: to look at, for any platform without its tools."""
    machine = machine_for(platform, targets[target_index], flags)
    module, target_machine = _prepare(
        bitcode, entries, partition, target_index, targets, machine, {}
    )
    optimise(module, machine, target_machine)
    call_through_slots(module, machine, target_machine)
    return str(target_machine.emit_assembly(module))


def _prepare(
    bitcode: bytes,
    entries: Sequence[str],
    partition: int,
    target_index: int,
    targets: Sequence[CPUTarget],
    machine: Machine,
    owners: Mapping[str, str],
) -> tuple[ll.ModuleRef, ll.TargetMachine]:
    """The module that goes into LLVM's pipeline: final names, linkages and the entry table."""
    target_machine = open_machine(machine)
    source = read_bitcode(bitcode, f"bitcode of partition {partition}")
    # Captured for the host; all platforms are 64-bit, little endian and lay out alike what
    # Numba uses (facts/platforms.md).
    source.triple = target_machine.triple
    source.data_layout = str(target_machine.target_data)

    defined = {f.name for f in source.functions if not f.is_declaration}
    missing = [entry for entry in entries if entry not in defined]
    if missing:
        raise PackageImageError(
            f"partition {partition}: expected the manifest's {len(entries)} entries in its "
            f"bitcode, found no definition of {_blame(missing[0], owners)}; the two are not of "
            "one capture, run the serialize stage again"
        )
    summary = None
    if not is_complete(target_index, targets):
        summary = summarise(str(source))
    code = code_targets(summary, entries, target_index, targets)

    recursions = _settle_variables(source, entries, owners, defined)
    if recursions:
        source = _resolve_recursions(source, recursions, target_machine)
    symbols = _settle_functions(source, code, target_index)

    # A module with our own names takes over what its table reaches. LLVM's linker leaves
    # internal definitions that nothing refers to behind, which is how entries that are not
    # cloned disappear: llvmlite cannot delete a body.
    module = empty_module(
        target_machine,
        _entry_table(
            [symbols[entry] for entry in entries], partition, target_index, machine.hidden
        ),
    )
    module.link_in(source)
    if not machine.hides_symbols:
        for value in (*module.functions, *module.global_variables):
            value.visibility = ll.Visibility.default
    module.verify()
    return module, target_machine


def _settle_variables(
    module: ll.ModuleRef,
    entries: Sequence[str],
    owners: Mapping[str, str],
    defined: set[str],
) -> list[str]:
    """Make slots external and everything else internal; the names of recursions to resolve."""
    recursions = []
    for variable in module.global_variables:
        name = variable.name
        if is_slot(name):
            if not variable.is_declaration:
                # Numba's common definitions: a definition that LLVM may look at but never emits,
                # which for a variable that is not constant is a declaration.
                variable.linkage = ll.Linkage.available_externally
            variable.visibility = ll.Visibility.hidden
        elif name.startswith(UNRESOLVED_PREFIX):
            goal = name.removeprefix(UNRESOLVED_PREFIX)
            if goal not in defined:
                raise PackageImageError(
                    f"{_used_by(module, name, entries, owners)}: expected the function "
                    f"{goal!r} that it calls recursively in the same partition, found no "
                    "definition; run the serialize stage again"
                )
            recursions.append(goal)
        elif name.startswith("llvm."):
            continue  # llvm.used and the like: theirs is LLVM's own business
        elif variable.is_declaration:
            raise PackageImageError(
                f"{_used_by(module, name, entries, owners)}: expected only variables that an "
                f"image can hold, found the external variable {name!r}; leave the function out "
                "of the image"
            )
        elif variable.linkage not in _PRIVATE:
            variable.linkage = ll.Linkage.internal
    return recursions


def _resolve_recursions(
    source: ll.ModuleRef, goals: Sequence[str], target_machine: ll.TargetMachine
) -> ll.ModuleRef:
    """Define Numba's pointers for mutual recursion, so that LLVM sees through them."""
    lines = []
    for goal in sorted(goals):
        # Linking goes by name, which internal functions do not take part in.
        source.get_function(goal).linkage = ll.Linkage.external
        lines.append(
            f"{global_name(UNRESOLVED_PREFIX + goal)} = constant ptr {global_name(goal)}\n"
            f"declare void {global_name(goal)}()\n"
        )
    module = empty_module(target_machine, "".join(lines))
    module.link_in(source)
    for goal in goals:
        module.get_global_variable(UNRESOLVED_PREFIX + goal).linkage = ll.Linkage.internal
    return module


def _settle_functions(
    module: ll.ModuleRef, code: Mapping[str, int], target_index: int
) -> dict[str, str]:
    """Give the entries cloned here their symbols and make all other definitions internal.

    Returns each entry's symbol, wherever its code is.
    """
    symbols = {entry: clone_symbol(entry, target) for entry, target in code.items()}
    for function in list(module.functions):
        if function.is_declaration:
            continue
        name = function.name
        if code.get(name) == target_index:
            function.linkage = ll.Linkage.external
            function.visibility = ll.Visibility.hidden
            function.name = symbols[name]
            if function.name != symbols[name]:
                raise ValueError(f"the captured IR already holds the symbol {symbols[name]!r}")
        else:
            function.linkage = ll.Linkage.internal
    return symbols


def _entry_table(symbols: Sequence[str], partition: int, target_index: int, hidden: str) -> str:
    """IR of the entry table: a pointer an entry, and one null where there is none."""
    pointers = [f"ptr {global_name(symbol)}" for symbol in symbols] or ["ptr null"]
    declarations = "".join(
        f"declare {hidden}void {global_name(symbol)}()\n" for symbol in dict.fromkeys(symbols)
    )
    return (
        f"{global_name(entries_symbol(partition, target_index))} = {hidden}constant "
        f"[{len(pointers)} x ptr] [{', '.join(pointers)}]\n{declarations}"
    )


def _used_by(
    module: ll.ModuleRef, name: str, entries: Sequence[str], owners: Mapping[str, str]
) -> str:
    """Whom to blame for *name*: the first entry that leads to it."""
    users = summarise(str(module)).users(name, entries)
    return _blame(users[0], owners) if users else "a function that no entry leads to"


def _blame(entry: str, owners: Mapping[str, str]) -> str:
    return owners.get(entry, entry)
