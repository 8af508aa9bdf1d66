"""The little of LLVM that every module here needs: start it, read bitcode, name things in IR.

llvmlite is the only LLVM we use; its wheel holds every back end the platforms need
(facts: x86_64, aarch64, riscv64 for ELF, Mach-O and COFF), whatever the host.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import llvmlite.binding as ll

from packageimage.model.cpu_targets import CPUTarget, llvm_cpu, llvm_features
from packageimage.model.errors import PackageImageError
from packageimage.model.flags import CacheFlags
from packageimage.model.platform import Platform

# What LLVM prints for a name without quotes (AsmWriter's printLLVMNameWithoutPrefix), less the
# escapes; anything else stands in quotes.
_PLAIN_NAME = re.compile(r"[A-Za-z$._-][A-Za-z0-9$._-]*\Z")

# The calling convention of 64-bit RISC-V Linux passes doubles in registers (lp64d), which LLVM
# takes for granted only when it is told; every distribution's baseline is RV64GC.
_RISCV64_ABI = "lp64d"
_RISCV64_BASELINE = "+m,+a,+f,+d,+c"


@functools.cache
def initialise() -> None:
    """Make every back end ready; assembly can be parsed for the host only (llvmlite's build)."""
    ll.initialize_all_targets()
    ll.initialize_all_asmprinters()
    ll.initialize_native_target()
    ll.initialize_native_asmparser()


@dataclass(frozen=True)
class Machine:
    """What LLVM must know of the machine to emit for: a value, made only from validated parts."""

    triple: str
    cpu: str
    features: str
    opt_level: int
    size_level: int = 0  # 0, 1 = optsize (-Os), 2 = minsize (-Oz)
    abi: str = ""

    @property
    def hides_symbols(self) -> bool:
        """Whether its object format has hidden symbols.

        COFF exports what is named for export and nothing else. LLVM says "hidden" there through
        a directive that LLD knows only from version 15 on.
        """
        return "-windows-" not in self.triple

    @property
    def hidden(self) -> str:
        """What IR says of a symbol that stays inside the image."""
        return "hidden " if self.hides_symbols else ""


def machine_for(platform: Platform, target: CPUTarget, flags: CacheFlags) -> Machine:
    """The machine of one CPU target.

    *target* must come from `parse_cpu_targets`, which knows every CPU and feature: LLVM itself
    only prints a warning for a name it does not know and goes on with another CPU.
    """
    features = llvm_features(target)
    abi = ""
    if platform.arch == "riscv64":
        features = f"{_RISCV64_BASELINE},{features}" if features else _RISCV64_BASELINE
        abi = _RISCV64_ABI
    return Machine(
        triple=platform.triple,
        cpu=llvm_cpu(target),
        features=features,
        opt_level=flags.opt_level,
        size_level=2 if target.min_size else 1 if target.opt_size else 0,
        abi=abi,
    )


def baseline_machine(platform: Platform) -> Machine:
    """The machine every CPU of *platform* can run: for thunks and data, which need no tuning."""
    riscv = platform.arch == "riscv64"
    return Machine(
        triple=platform.triple,
        cpu="generic-rv64" if riscv else "",
        features=_RISCV64_BASELINE if riscv else "",
        opt_level=2,
        abi=_RISCV64_ABI if riscv else "",
    )


def open_machine(machine: Machine) -> ll.TargetMachine:
    """LLVM's TargetMachine: position independent, small code model (an image is below 2 GB)."""
    initialise()
    return ll.Target.from_triple(machine.triple).create_target_machine(
        cpu=machine.cpu,
        features=machine.features,
        opt=machine.opt_level,
        reloc="pic",
        codemodel="default",
        abiname=machine.abi,
    )


def read_bitcode(bitcode: bytes, what: str) -> ll.ModuleRef:
    """Parse *bitcode*.

    Raises PackageImageError naming *what* when LLVM cannot read it: a damaged file or one
    written by a newer LLVM.
    """
    initialise()
    try:
        return ll.parse_bitcode(bitcode)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise PackageImageError(
            f"{what}: expected LLVM bitcode that this llvmlite can read, found {reason}; "
            "run the serialize stage again"
        ) from error


def empty_module(machine: ll.TargetMachine, body: str = "") -> ll.ModuleRef:
    """A module with fixed names, so that no path or counter reaches an object's symbol table."""
    module = ll.parse_assembly(
        f'source_filename = "pkgimage"\n'
        f'target datalayout = "{machine.target_data}"\n'
        f'target triple = "{machine.triple}"\n' + body
    )
    module.name = "pkgimage"
    return module


def global_name(name: str) -> str:
    """*name* as textual IR refers to it: `@plain` or `@"quoted\\22"`."""
    if _PLAIN_NAME.match(name):
        return "@" + name
    escaped = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:02X}"
        for byte in name.encode()
    )
    return f'@"{escaped}"'
