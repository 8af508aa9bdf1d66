"""LLVM's names of what Linux calls a feature of an arm64 CPU.

Of the names in /proc/cpuinfo (Linux, Documentation/arch/arm64/elf_hwcaps.rst) LLVM's
getHostCPUFeatures reads a handful; targets such as neoverse-n1 need more.
"""

from __future__ import annotations

from collections.abc import Iterable

_ONE_TO_ONE = """
    bf16 bti cssc dit faminmax flagm gcs hbc i8mm lse128 lut mops mte sb sha2 sme sme2 sme2p1 ssbs
    sve sve2 sve2p1 wfxt
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
    "f8cvt": "fp8",
    "f8dp2": "fp8dot2",
    "f8dp4": "fp8dot4",
    "f8fma": "fp8fma",
    "flagm2": "altnzcv",
    "fp": "fp-armv8",
    "frint": "fptoint",
    "ilrcpc": "rcpc-immo",
    "jscvt": "jsconv",
    "lrcpc": "rcpc",
    "lrcpc3": "rcpc3",
    "paca": "pauth",
    "rng": "rand",
    "smef16f16": "sme-f16f16",
    "smef64f64": "sme-f64f64",
    "smefa64": "sme-fa64",
    "smei16i64": "sme-i16i64",
    "sveb16b16": "sve-b16b16",
    "svebitperm": "sve-bitperm",
    "svef32mm": "f32mm",
    "svef64mm": "f64mm",
    "svesha3": "sve-sha3",
    "svesm4": "sve-sm4",
    "uscat": "lse2",
} | {name: name for name in _ONE_TO_ONE.split()}
# LLVM's name stands for several of Linux'.
_ALL_OF = {
    "aes": {"aes", "pmull"},
    "sve-aes": {"sveaes", "svepmull"},
    "fullfp16": {"fphp", "asimdhp"},
    "sha3": {"sha3", "sha512"},
    "sm4": {"sm3", "sm4"},
}

LLVM_NAMES = frozenset({*_NAMES.values(), *_ALL_OF})


def features_of(flags: Iterable[str]) -> frozenset[str]:
    """LLVM's features for the words after "Features" in /proc/cpuinfo, as far as it has them."""
    told = set(flags)
    found = {_NAMES[flag] for flag in told if flag in _NAMES}
    return frozenset(found | {name for name, parts in _ALL_OF.items() if parts <= told})
