"""Small objects for the tests, compiled from IR with llvmlite."""

from __future__ import annotations

import functools
import os
import shutil
import struct
import subprocess
from pathlib import Path

TRIPLES = {
    "linux-x86_64": "x86_64-unknown-linux-gnu",
    "linux-aarch64": "aarch64-unknown-linux-gnu",
    "macos-arm64": "arm64-apple-macosx11.0.0",
    "macos-x86_64": "x86_64-apple-macosx11.0.0",
    "windows-x86_64": "x86_64-w64-windows-gnu",
}

HEADER = b"PKI header of a test\x00\x01\x02 that is not empty"


@functools.cache
def compile_ir(ir: str, platform: str = "linux-x86_64") -> bytes:
    """`ir` as a relocatable object for `platform`."""
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    llvm.initialize_native_asmparser()  # for `module asm`
    module = llvm.parse_assembly(ir)
    module.triple = TRIPLES[platform]
    target = llvm.Target.from_triple(module.triple)
    machine = target.create_target_machine(reloc="pic", codemodel="default")
    module.data_layout = str(machine.target_data)
    module.verify()
    return bytes(machine.emit_object(module))


def bytes_constant(data: bytes) -> str:
    """`data` as an IR constant."""
    return f'[{len(data)} x i8] c"{"".join(f"{chr(92)}{byte:02X}" for byte in data)}"'


def image_ir(header: bytes = HEADER, extra: str = "", slots: int = 2) -> str:
    """IR of an object that, linked alone, is a valid image: one table, one entry, some slots.

    `extra` is appended: what a test adds to break a rule.
    """
    magic = struct.unpack("<Q", b"PKGIMAGE")[0]
    return f"""
@.header = internal constant {bytes_constant(header)}, align 8
@.methods = internal constant {bytes_constant(b"methods")}, align 8
@.bitcode = internal constant {bytes_constant(b"bitcode!")}, align 8
@.slots = hidden global [{slots} x ptr] zeroinitializer
@.entries.0.0 = hidden constant [1 x ptr] [ptr @twice.t0]
@.entries = internal constant [1 x ptr] [ptr @.entries.0.0]
@pkgimage = constant {{
  i64, i32, i32, i32, i32, ptr, i64, ptr, ptr, ptr, i64, ptr, i64, ptr, i64, ptr }} {{
  i64 {magic}, i32 3, i32 1, i32 1, i32 {slots},
  ptr @.header, i64 {len(header)}, ptr @.slots, ptr @.entries,
  ptr @.methods, i64 7, ptr @.bitcode, i64 8, ptr null, i64 0, ptr null }}
define hidden i64 @twice.t0(i64 %x) {{
  %slot = load ptr, ptr @.slots
  %y = shl i64 %x, 1
  ret i64 %y
}}
{extra}
"""


LINKERS = ("lld", "ld.lld-14", "lld-19", "ziglang")
"""What tests link with, where it is there: values of $PKGIMAGE_LLD."""


@functools.cache
def linker_named(name: str):
    """That LLD, or None when this machine has none of that name."""
    from packageimage.model.errors import PackageImageError
    from site_tools.lld_flavors import kinds_for
    from site_tools.lld_flavors.detect import find_linker

    try:
        return find_linker({**os.environ, "PKGIMAGE_LLD": name}, kinds_for("elf"))
    except PackageImageError:
        if name == "ziglang" or shutil.which(name) is None:
            return None
        raise


def link(
    folder: Path,
    objects: dict[str, bytes],
    linker: str = "ziglang",
    platform: str = "linux-x86_64",
    add: tuple[str, ...] = (),
    drop: tuple[str, ...] = (),
) -> Path:
    """Link `objects` (name: content) with the ELF flavor; the image's path.

    add and drop change the flavor's arguments, for images that break a rule; of contradicting
    ones LLD takes the last, which is the added.
    """
    import pytest
    from packageimage.model.platform import PLATFORMS
    from site_tools.lld_flavors import flavor_named

    found = linker_named(linker)
    if found is None:
        pytest.skip(f"{linker} is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in objects.items():
        (folder / name).write_bytes(content)
    output = folder / "image.so"
    command = flavor_named("elf").command(found, PLATFORMS[platform], list(objects), str(output))
    command = [word for word in command if word not in drop]
    subprocess.run([*command, *add], cwd=folder, check=True, capture_output=True)
    return output
