"""Windows' stack probes, against what LLVM's own assembler makes of compiler-rt's chkstk.S."""

from __future__ import annotations

import subprocess

import pytest
from image_samples import tool
from packageimage.codegen.windows import _STACK_PROBES, bodies, called_names, provided_names

SOURCES = {
    "x86_64": """
        push %rcx
        push %rax
        cmp $0x1000, %rax
        lea 24(%rsp), %rcx
        jb 1f
    2:  sub $0x1000, %rcx
        test %rcx, (%rcx)
        sub $0x1000, %rax
        cmp $0x1000, %rax
        ja 2b
    1:  sub %rax, %rcx
        test %rcx, (%rcx)
        pop %rax
        pop %rcx
        ret
    """,
    "aarch64": """
        lsl x16, x15, #4
        mov x17, sp
    1:  sub x17, x17, #4096
        subs x16, x16, #4096
        ldr xzr, [x17]
        b.gt 1b
        ret
    """,
}


@pytest.mark.parametrize("arch", SOURCES)
def test_probes_are_compiler_rts(arch, tmp_path):
    source, made, text = (tmp_path / name for name in ("probe.s", "probe.o", "probe.bin"))
    source.write_text(SOURCES[arch])
    assembler, copier = tool("llvm-mc"), tool("llvm-objcopy")
    subprocess.run(
        [assembler, f"-triple={arch}-linux", "-filetype=obj", source, "-o", made], check=True
    )
    subprocess.run([copier, "-O", "binary", "-j", ".text", made, text], check=True)
    assert _STACK_PROBES[arch][1] == text.read_bytes()


def test_sincos_is_there_where_its_parts_are():
    assert called_names(["sincos", "exp"]) == {"sin", "cos"}
    assert {"sincos", "sincosf", "__chkstk"} <= provided_names("aarch64")
    with_parts = "\n".join(bodies("x86_64", ["cos", "sin"], lambda name: f"load {name}"))
    assert "define void @sincos(double %x" in with_parts
    assert "@sincosf" not in with_parts
