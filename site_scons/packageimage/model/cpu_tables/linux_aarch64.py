"""LLVM's names of what Linux calls a feature of an arm64 CPU.

Of the names in /proc/cpuinfo (Linux, Documentation/arch/arm64/elf_hwcaps.rst) LLVM's
getHostCPUFeatures reads a handful; targets such as neoverse-n1 need more.
"""

from __future__ import annotations

from collections.abc import Iterable

_ONE_TO_ONE = """
    aes bf16 bti cssc dit flagm gcs hbc i8mm lse128 mops mte sb sha2 ssbs sve sve2 wfxt
"""
_NAMES = {
    "asimd": "neon",
    "asimddp": "dotprod",
    "asimdfhm": "fp16fml",
    "asimdrdm": "rdm",
    "atomics": "lse",
    "crc32": "crc",
    "dcpodp": "ccdp",
    "dcpop": "ccpp",
    "fcma": "complxnum",
    "flagm2": "altnzcv",
    "fp": "fp-armv8",
    "frint": "fptoint",
    "ilrcpc": "rcpc-immo",
    "jscvt": "jsconv",
    "lrcpc": "rcpc",
    "lrcpc3": "rcpc3",
    "paca": "pauth",
    "rng": "rand",
    "sme": "sme",
    "sme2": "sme2",
    "sveaes": "sve-aes",
    "svebitperm": "sve-bitperm",
    "svef32mm": "f32mm",
    "svef64mm": "f64mm",
    "svesha3": "sve-sha3",
    "svesm4": "sve-sm4",
    "uscat": "lse2",
} | {name: name for name in _ONE_TO_ONE.split()}
# LLVM's name stands for several of Linux'.
_ALL_OF = {
    "fullfp16": {"fphp", "asimdhp"},
    "sha3": {"sha3", "sha512"},
    "sm4": {"sm3", "sm4"},
}


def features_of(flags: Iterable[str]) -> frozenset[str]:
    """LLVM's features for the words after "Features" in /proc/cpuinfo, as far as it has them."""
    told = set(flags)
    found = {_NAMES[flag] for flag in told if flag in _NAMES}
    return frozenset(found | {name for name, parts in _ALL_OF.items() if parts <= told})
