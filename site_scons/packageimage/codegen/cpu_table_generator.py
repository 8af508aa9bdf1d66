"""Write `model/cpu_tables/` from the LLVM inside llvmlite.

    python -m packageimage.codegen.cpu_table_generator [--check] [FOLDER]

LLVM prints the names of its CPUs and features (`cpu="help"`), but not which CPU has which. The
inliner tells: a callee is inlined only where its features are a subset of its caller's
(`areInlineCompatible` in LLVM's TargetTransformInfo). So in one module per CPU each feature gets
a callee for that CPU with the feature added, and a caller for the CPU alone; where the call is
gone, the CPU has the feature. What a feature implies is found the same way, with a caller that
has nothing but that feature.

x86's inliner ignores some features that have no intrinsics (`InlineFeatureIgnoreList` in
X86TargetTransformInfo.cpp). cx16 is read from the assembly of a 128-bit compare-and-exchange
instead; nopl, sahf and sse-unaligned-mem, on which nothing that Numba's code needs depends, are
treated like features that tune.

The output depends on LLVM's version alone.
"""

from __future__ import annotations

import argparse
import functools
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import llvmlite.binding as llvm

from packageimage.model import cpu_tables

TRIPLES = {
    "aarch64": "aarch64-unknown-linux-gnu",
    "riscv64": "riscv64-unknown-linux-gnu",
    "x86_64": "x86_64-unknown-linux-gnu",
}

# The CPU that the probes of single features start from; any 64-bit one would do.
_BASE = {"aarch64": "generic", "riscv64": "generic-rv64", "x86_64": "x86-64"}

_MODES = {
    # They choose another instruction set or calling convention, not a CPU.
    "aarch64": {"all"},
    "riscv64": {
        *("32bit", "64bit", "e", "rvi20u32", "experimental-rvm23u32"),
        # For 32-bit CPUs only.
        *("xqci", "xqcia", "xqciac", "xqcibi", "xqcibm", "xqcicli", "xqcicm", "xqcics", "xqcicsr"),
        *("xqciint", "xqciio", "xqcilb", "xqcili", "xqcilia", "xqcilo", "xqcilsm", "xqcisim"),
        *("xqcisls", "xqcisync", "xwchc", "zcf", "zclsd", "zilsd", "zilsd-4byte-align"),
    },
    "x86_64": {"16bit-mode", "32bit-mode", "64bit", "64bit-mode", "x32", "soft-float"},
}

# Features that change which instruction is picked, or add hardening, or name a CPU, but not which
# instructions a CPU must have: by name, and by how LLVM describes them.
_TUNING_NAMES = {
    "aarch64": re.compile(
        r"""addr-lsl-|aggressive-|alternate-|alu-lsl-|arith-|ascend-|avoid-|balance-|call-saved-
        |cmp-bcc-|disable-|enable-|execute-only|exynos|fix-cortex|fmv$|force-|fuse-|harden-|ldp-
        |max-|no-|outline-|predictable-|reserve-|slow-|store-|stp-|strict-|tagged-|tpidr|use-|zcm-
        |zcz-|olympus""",
        re.VERBOSE,
    ),
    "riscv64": re.compile(r"experimental$"),
    "x86_64": re.compile(
        r"""allow-light-|branch-hint|branchfusion|ermsb|false-deps-|fast-|faster-|fsrm|harden-
        |idiv|inline-asm-|lea-|lvi-|macrofusion|no-bypass|pad-short|prefer-|retpoline|sbb-dep
        |seses|slow-|tagged-|tuning-|use-|vzeroupper""",
        re.VERBOSE,
    ),
}
_TUNING_DESCRIPTIONS = {
    # oryon-1 (Nuvia) is a feature that implies its CPU's.
    "aarch64": re.compile(r"(?!Nuvia).*[Pp]rocessors\.$|Apple "),
    "riscv64": re.compile(r"(?!'|RISC-V .* profile)"),  # extensions: 'Zba' (...)
    "x86_64": re.compile(r"(?!)"),
}


@dataclass(frozen=True)
class Help:
    """What LLVM prints for an architecture: names, and each feature's description."""

    cpus: tuple[str, ...]
    features: Mapping[str, str]


_HELP_PROGRAM = """
import sys
import llvmlite.binding as llvm
llvm.initialize_all_targets()
llvm.initialize_all_asmprinters()
llvm.Target.from_triple(sys.argv[1]).create_target_machine(cpu="help")
"""


@functools.cache
def llvm_help(arch: str) -> Help:
    """LLVM's listing, which it prints from C++ on the process' stderr: hence a child process."""
    done = subprocess.run(
        [sys.executable, "-c", _HELP_PROGRAM, TRIPLES[arch]],
        stderr=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    cpus, _, features = done.stderr.partition("Available features")
    line = re.compile(r"^  (\S+) +- (.*)$", re.MULTILINE)
    names = tuple(sorted(match[1] for match in line.finditer(cpus)))
    # "help" itself may stand in the list.
    return Help(
        tuple(name for name in names if name != "help"),
        {match[1]: match[2] for match in line.finditer(features)},
    )


@functools.cache
def _initialize() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


def _companion(feature: str) -> str:
    """A feature without which LLVM ends the process over `feature`."""
    if feature.startswith("zvl") and feature.endswith("b"):
        return "zve32x"
    return {"xsfvfbfexp16e": "zvfbfmin"}.get(feature, "")


def alone(arch: str, feature: str) -> str:
    """Options for nothing but this feature, what it implies, and its companion."""
    companion = _companion(feature)
    return nothing(arch) + (f",+{companion}" if companion else "") + f",+{feature}"


@functools.cache
def nothing(arch: str) -> str:
    """Options that leave the CPU _BASE without features.

    To name only those that it has, instead of all, makes the probes ten times quicker.
    """
    names = [name for name in llvm_help(arch).features if name not in _MODES[arch]]
    everything = ",".join(f"-{name}" for name in names)
    plain = [name for name in names if not _companion(name)]
    own = _inlined(
        arch,
        [(_BASE[arch], f"{everything},+{name}", _BASE[arch], "") for name in plain],
    )
    return ",".join(f"-{plain[at]}" for at in sorted(own))


def included(arch: str, cpu: str, given: str, asked: Iterable[str]) -> frozenset[str]:
    """Those of the features `asked` that `cpu` with the options `given` has, by the inliner.

    LLVM ends the process for a CPU or a combination of features that 64-bit code cannot have.
    """
    asked = tuple(asked)
    calls = [(_BASE[arch], alone(arch, feature), cpu, given) for feature in asked]
    return frozenset(asked[at] for at in _inlined(arch, calls))


@functools.cache
def _machine(arch: str) -> llvm.TargetMachine:
    """One for all probes: it keeps what it worked out of every pair (CPU, features)."""
    _initialize()
    return llvm.Target.from_triple(TRIPLES[arch]).create_target_machine()


def _inlined(arch: str, calls: Iterable[tuple[str, str, str, str]]) -> set[int]:
    """Which calls LLVM inlines; each is callee's CPU and features, caller's CPU and features."""
    lines = [f'target triple = "{TRIPLES[arch]}"']
    asked = set()
    for at, (cpu, features, caller_cpu, caller_features) in enumerate(calls):
        asked.add(at)
        # The load is volatile, or passes other than the inliner would remove the call.
        lines += [
            f"define internal i32 @callee{at}(ptr %p) #{2 * at} {{"
            f" %x = load volatile i32, ptr %p ret i32 %x }}",
            f"define i32 @caller{at}(ptr %p) #{2 * at + 1} {{"
            f" %x = call i32 @callee{at}(ptr %p) ret i32 %x }}",
            f'attributes #{2 * at} = {{ "target-cpu"="{cpu}" "target-features"="{features}" }}',
            f'attributes #{2 * at + 1} = {{ "target-cpu"="{caller_cpu}"'
            f' "target-features"="{caller_features}" }}',
        ]
    module = llvm.parse_assembly("\n".join(lines))
    builder = llvm.create_pass_builder(_machine(arch), llvm.create_pipeline_tuning_options(1))
    builder.getModulePassManager().run(module, builder)
    left = re.findall(r"call[^\n]* @callee(\d+)\(", str(module))
    return asked - {int(at) for at in left}


def has_cx16(cpu: str, given: str = "") -> bool:
    """Whether LLVM uses cmpxchg16b for this x86-64 CPU with these options."""
    _initialize()
    module = llvm.parse_assembly(
        f"""target triple = "{TRIPLES["x86_64"]}"
        define i128 @f(ptr %p, i128 %a, i128 %b) #0 {{
          %r = cmpxchg ptr %p, i128 %a, i128 %b seq_cst seq_cst
          %v = extractvalue {{ i128, i1 }} %r, 0
          ret i128 %v
        }}
        attributes #0 = {{ "target-cpu"="{cpu}" "target-features"="{given}" }}"""
    )
    machine = llvm.Target.from_triple(TRIPLES["x86_64"]).create_target_machine()
    return "cmpxchg16b" in machine.emit_assembly(module)


def accepts(arch: str, cpu: str) -> bool:
    """Whether LLVM makes 64-bit code for this CPU: tried in a child, which it may end."""
    probe = code_features(arch)[:1]
    _initialize()
    sys.stdout.flush()
    child = os.fork()
    if not child:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            included(arch, cpu, "", probe)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def code_features(arch: str) -> tuple[str, ...]:
    """Names of features that change which instructions may be used, sorted."""
    return tuple(
        sorted(
            name
            for name, description in llvm_help(arch).features.items()
            if name not in _MODES[arch]
            and not _TUNING_NAMES[arch].match(name)
            and not _TUNING_DESCRIPTIONS[arch].match(description)
        )
    )


def neutral_features(arch: str) -> tuple[str, ...]:
    """Names of the others, but for those that choose another instruction set or ABI."""
    code = set(code_features(arch))
    return tuple(sorted(set(llvm_help(arch).features) - code - _MODES[arch]))


@dataclass(frozen=True)
class Table:
    """cpus and implies: closed under implication; a feature does not imply itself."""

    cpus: Mapping[str, frozenset[str]]
    implies: Mapping[str, frozenset[str]]
    neutral: frozenset[str]


def measure(arch: str) -> Table:
    """The table of an architecture, by asking LLVM."""
    base = _BASE[arch]
    # Its caller has all that the feature implies, but not the feature itself.
    code = code_features(arch)
    ignored: set[str] = set()
    if arch == "x86_64":  # the only architecture whose inliner has an ignore list
        without = [(base, alone(arch, name), base, f"{alone(arch, name)},-{name}") for name in code]
        ignored = {code[at] for at in _inlined(arch, without)}
    names = tuple(name for name in code if name not in ignored)
    implies = {}
    for name in names:
        found = included(arch, base, alone(arch, name), names)
        companion = _companion(name)
        if companion:
            found -= included(arch, base, alone(arch, companion), names) | {companion}
            if name.startswith("zvl"):  # what zve32x and zvl64b both imply
                found |= {"zvl32b"}
        implies[name] = found - {name}
    tuning = "".join(f",+{name}" for name in neutral_features(arch))
    changed = included(arch, base, nothing(arch) + tuning, names)
    if changed:
        raise AssertionError(f"{arch}: features taken for tuning add {sorted(changed)}")
    cpus = {cpu: included(arch, cpu, "", names) for cpu in cpu_names(arch)}
    if "cx16" in ignored:
        cx16 = frozenset({"cx16"})
        implies["cx16"] = included(arch, base, alone(arch, "cx16"), names)
        for name in names:
            if has_cx16(base, alone(arch, name)):
                implies[name] |= cx16
        for cpu in cpus:
            if has_cx16(cpu):
                cpus[cpu] |= cx16
        ignored -= cx16
    return Table(cpus, implies, frozenset(neutral_features(arch)) | ignored)


def cpu_names(arch: str) -> tuple[str, ...]:
    """64-bit CPUs, without x86's `generic`, which is not what the word means here."""
    skipped = {"generic"} if arch == "x86_64" else set()
    return tuple(c for c in llvm_help(arch).cpus if c not in skipped and accepts(arch, c))


def reduced(features: Iterable[str], implies: Mapping[str, frozenset[str]]) -> list[str]:
    """The sorted features from which implication gives the others."""
    features = sorted(features)
    return [
        name
        for name in features
        if not any(
            name in implies[other] and (other not in implies[name] or other < name)
            for other in features
            if other != name
        )
    ]


def render(arch: str, table: Table) -> str:
    """The Python source of the table's module."""
    version = ".".join(map(str, llvm.llvm_version_info))
    lines = [
        f'"""CPUs and features of {arch}, from LLVM {version}.',
        "",
        "Written by codegen/cpu_table_generator.py; do not edit. Features that follow from others",
        'by IMPLIES are left out."""',
        "",
    ]
    for title, entries in (("CPUS", table.cpus), ("IMPLIES", table.implies)):
        lines.append(f"{title} = {{")
        for name in sorted(entries):
            lines += _entry(name, " ".join(reduced(entries[name], table.implies)))
        lines += ["}", ""]
    lines += ['NEUTRAL = """', *_wrap(" ".join(sorted(table.neutral)), 100), '"""', ""]
    return "\n".join(lines)


def _entry(name: str, text: str) -> list[str]:
    whole = f'    "{name}": "{text}",'
    if len(whole) <= 100:
        return [whole]
    # As ruff formats it: one line where there is room for one.
    parts = [text] if len(text) <= 90 else _wrap(text, 89)
    return [
        f'    "{name}": (',
        *(f'        "{part} "' for part in parts[:-1]),
        f'        "{parts[-1]}"',
        "    ),",
    ]


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 on a difference")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(cpu_tables.__path__[0]))
    options = parser.parse_args(arguments)
    differs = False
    for arch in sorted(TRIPLES):
        text = render(arch, measure(arch))
        path = options.folder / f"{arch}.py"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            differs = True
            print(f"{path} {'differs' if options.check else 'written'}")
            if not options.check:
                path.write_text(text, encoding="utf-8", newline="\n")
    return int(options.check and differs)


if __name__ == "__main__":
    sys.exit(main())
