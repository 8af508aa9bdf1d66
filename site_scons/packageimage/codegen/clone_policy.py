"""Which functions get a version of their own for a CPU target (facts/julia.md, "CPU targets").

Julia's rule: a function is cloned when it has loops, vector types, fma or muladd, fast-math flags
or half-precision values, or calls a function that is cloned; target 0 and `clone_all` hold
everything. Here a table per target says where each entry's code is, so what is not cloned needs
no call-site patching: the target's table points at the base's version, and a cloned function
that calls an un-cloned one takes a private copy along.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .module_summary import FunctionSummary, ModuleSummary


class Target(Protocol):
    """What the policy needs of a `CPUTarget`."""

    @property
    def clone_all(self) -> bool: ...

    @property
    def base(self) -> int: ...


def worth_cloning(function: FunctionSummary) -> bool:
    """Whether *function*'s own code can gain from another CPU target."""
    return (
        function.has_loop
        or function.has_vectors
        or function.has_fma
        or function.has_fast_math
        or function.has_half
    )


def is_complete(target_index: int, targets: Sequence[Target]) -> bool:
    """Whether this target holds every function, so that no summary is needed."""
    return target_index == 0 or targets[target_index].clone_all


def cloned_entries(
    summary: ModuleSummary | None,
    entries: Sequence[str],
    target_index: int,
    targets: Sequence[Target],
) -> tuple[str, ...]:
    """The *entries*, in order, that have code of their own for this target.

    *summary* may be None where `is_complete` holds.
    """
    if is_complete(target_index, targets):
        return tuple(entries)
    if summary is None:
        raise ValueError("a target that clones some entries needs the module's summary")
    return tuple(
        entry
        for entry in entries
        if any(
            worth_cloning(summary.functions[name])
            for name in summary.reachable((entry,))
            if name in summary.functions
        )
    )


def code_targets(
    summary: ModuleSummary | None,
    entries: Sequence[str],
    target_index: int,
    targets: Sequence[Target],
) -> dict[str, int]:
    """For each entry the index of the target whose code it runs when *target_index* is chosen.

    Falls back along `base`; target 0 ends the chain, since it holds everything.
    """
    cloned = frozenset(cloned_entries(summary, entries, target_index, targets))
    owner = dict.fromkeys(cloned, target_index)
    missing = [entry for entry in entries if entry not in cloned]
    if missing:
        base = targets[target_index].base
        if not 0 <= base < target_index:
            raise ValueError(f"target {target_index} has base {base}, which is not before it")
        owner.update(code_targets(summary, missing, base, targets))
    return {entry: owner[entry] for entry in entries}
