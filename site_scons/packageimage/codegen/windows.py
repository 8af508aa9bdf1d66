"""What MinGW's runtime would link into a DLL, with bodies of our own: no such runtime is needed.

An entry point, the stack probe that LLVM calls for frames above a page, and `sincos`, which LLVM
takes for granted on MinGW and no DLL of Windows has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .llvm import global_name

ENTRY = "_DllMainCRTStartup"

# The probes take their size in a register that a thunk would overwrite (rax, x15), so they have
# bodies: what compiler-rt's chkstk.S do, as bytes, since llvmlite can only assemble for its host.
_STACK_PROBES = {
    "x86_64": (
        "___chkstk_ms",
        bytes.fromhex(
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
        ),
    ),
    "aarch64": (
        "__chkstk",
        bytes.fromhex(
            "f0ed7cd3"  # lsl x16, x15, #4
            "f1030091"  # mov x17, sp
            "310640d1"  # page: sub x17, x17, #4096
            "100640f1"  # subs x16, x16, #4096
            "3f0240f9"  # ldr xzr, [x17]
            "acffff54"  # b.gt page
            "c0035fd6"  # ret
        ),
    ),
}

# sincos and sincosf: their type, and what they call.
_SINCOS = {"sincos": ("double", "sin", "cos"), "sincosf": ("float", "sinf", "cosf")}


def provided_names(arch: str) -> frozenset[str]:
    """Names that `bodies` defines."""
    return frozenset({_STACK_PROBES[arch][0], *_SINCOS})


def called_names(wanted: Iterable[str]) -> frozenset[str]:
    """What the bodies of the `wanted` names call, so that there are slots for it."""
    return frozenset(name for known in wanted for name in _SINCOS.get(known, ())[1:])


def bodies(arch: str, slots: Iterable[str], load: Callable[[str], str]) -> list[str]:
    """IR of the definitions; `load` gives the IR that loads a function's address from its slot."""
    name, code = _STACK_PROBES[arch]
    text = "".join(f"\\{byte:02X}" for byte in code)
    lines = [
        f"define i32 @{ENTRY}(ptr, i32, ptr) {{\n  ret i32 1\n}}",
        f'@{name} = constant [{len(code)} x i8] c"{text}", section ".text", align 16',
    ]
    known = set(slots)
    for name, (kind, sine, cosine) in _SINCOS.items():
        if known.issuperset((sine, cosine)):
            # Through the slots' pointers: of calls by name LLVM would make a call of sincos.
            lines.append(
                f"define void {global_name(name)}({kind} %x, ptr %s, ptr %c) {{\n"
                f"  %sine = {load(sine)}\n  %cosine = {load(cosine)}\n"
                f"  %a = call {kind} %sine({kind} %x)\n  %b = call {kind} %cosine({kind} %x)\n"
                f"  store {kind} %a, ptr %s\n  store {kind} %b, ptr %c\n  ret void\n}}"
            )
    return lines
