"""LLVM's CPUs and features, one generated module per architecture.

Written by `codegen/cpu_table_generator.py` from the LLVM inside llvmlite. Read when a target
string is parsed, at build; loading an image needs none of it.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable
from dataclasses import dataclass

from packageimage.model.cpu_tables.reported import ALIASES, ESSENTIAL, NOT_GENERATED, REPORTED

ARCHITECTURES = ("aarch64", "riscv64", "x86_64")


@dataclass(frozen=True)
class CPUTable:
    """One architecture.

    cpus: each CPU's features, closed under implication. implies: for every feature that changes
    which instructions may be used, all that it implies, without itself. neutral: the names of
    features that only tune. reported: features that an operating system tells of, so that a host
    can be checked for them. not_generated: those of them that no code of an image uses. essential:
    features without which LLVM makes no code. aliases: other
    names of features.
    """

    arch: str
    cpus: dict[str, frozenset[str]]
    implies: dict[str, frozenset[str]]
    neutral: frozenset[str]
    reported: frozenset[str]
    not_generated: frozenset[str]
    essential: frozenset[str]
    aliases: dict[str, str]

    @functools.cached_property
    def features(self) -> frozenset[str]:
        """Every name that may follow + or -, but for aliases."""
        return self.neutral | self.implies.keys()

    def of_cpu(self, name: str) -> frozenset[str]:
        return self.cpus[name]

    def closure(self, feature: str) -> frozenset[str]:
        """The feature and all that it implies; nothing for one that only tunes."""
        if feature not in self.implies:
            return frozenset()
        return self.implies[feature] | {feature}

    def needed_by(self, feature: str) -> frozenset[str]:
        """The feature and all that imply it: what goes when it goes."""
        if feature not in self.implies:
            return frozenset()
        return frozenset(f for f, implied in self.implies.items() if feature in implied) | {feature}


@functools.cache
def cpu_table(arch: str) -> CPUTable:
    """The table of `arch`, one of ARCHITECTURES."""
    data = importlib.import_module(f"{__name__}.{arch}")
    direct = {name: frozenset(text.split()) for name, text in data.IMPLIES.items()}
    implies = {name: _close(names, direct) - {name} for name, names in direct.items()}
    essential = frozenset(ESSENTIAL[arch].split())
    return CPUTable(
        arch,
        {name: _close(text.split(), direct) for name, text in data.CPUS.items()},
        implies,
        frozenset(data.NEUTRAL.split()) | (essential - implies.keys()),
        frozenset(REPORTED[arch].split()) & implies.keys(),
        frozenset(NOT_GENERATED[arch].split()),
        essential,
        ALIASES[arch],
    )


def _close(names: Iterable[str], direct: dict[str, frozenset[str]]) -> frozenset[str]:
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += direct[name]
    return frozenset(found)
