"""Images of every platform for the tests: codegen's own objects, linked by this machine's LLD."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

from packageimage.codegen.data_object import data_object
from packageimage.codegen.llvm import baseline_machine, empty_module, open_machine
from packageimage.codegen.thunks import Table, slot_names, thunk_object
from packageimage.model.platform import PLATFORMS, Platform

HEADER = b"PKI header of a test\x00\x01\x02 that is not empty"
METHODS = b"methods"
BITCODE = b"bitcode!"
SLOTS = slot_names(["NRT_Free", "_ZN08NumbaEnvA"])

MACHO = ("macos-arm64", "macos-x86_64")
PE = ("windows-arm64", "windows-x86_64")

CODE = """
@_ZN08NumbaEnvA = external hidden global ptr
@"pkgimage.entries.0.0" = hidden constant [1 x ptr] [ptr @twice.t0]
declare hidden void @NRT_Free(ptr)
define hidden i64 @twice.t0(i64 %x) {
  %e = load ptr, ptr @_ZN08NumbaEnvA
  call void @NRT_Free(ptr %e)
  %y = shl i64 %x, 1
  ret i64 %y
}
"""


def platform_named(name: str) -> Platform:
    return PLATFORMS[name]


@functools.cache
def compiled(ir: str, platform: str) -> bytes:
    """`ir` as a relocatable object."""
    target = platform_named(platform)
    if target.object_format == "coff":
        # Names of a DLL are hidden by themselves, and LLD 14 refuses what LLVM makes of the word.
        ir = ir.replace("hidden ", "dso_local ")
    machine = open_machine(baseline_machine(target))
    module = empty_module(machine, ir)
    module.verify()
    return bytes(machine.emit_object(module))


@functools.cache
def shared_objects(
    platform: str, header: bytes = HEADER, methods_size: int = len(METHODS)
) -> tuple[bytes, bytes]:
    """The objects of thunks and of data, as the data stage makes them."""
    table = Table(1, 1, len(header), methods_size, len(BITCODE))
    target = platform_named(platform)
    return thunk_object(SLOTS, table, target), data_object(header, METHODS, BITCODE, target)


def lld(name: str = "lld-19") -> str | None:
    """The multi-flavor driver; the default one when this machine has no other."""
    return shutil.which(name) or (shutil.which("lld") if name == "lld-19" else None)


@functools.cache
def linked(
    platform: str,
    extra: str = "",
    add: tuple[str, ...] = (),
    drop: tuple[str, ...] = (),
    header: bytes = HEADER,
    methods_size: int = len(METHODS),
    output: str = "",
    linker: str = "lld-19",
    libraries: tuple[tuple[str, bytes], ...] = (),
) -> bytes:
    """An image. What breaks a rule: `extra` IR, arguments to add or to drop, files to link with.

    Skips the test where there is no such LLD.
    """
    import pytest

    driver = lld(linker)
    if driver is None:
        pytest.skip(f"{linker} is not installed")
    target = platform_named(platform)
    thunks, data = shared_objects(platform, header, methods_size)
    objects = {"t.o": thunks, "d.o": data, "c.o": compiled(CODE + extra, platform)}
    name = output or f"image{target.image_suffix}"
    with tempfile.TemporaryDirectory(prefix="image-samples-") as folder:
        for file, content in (*objects.items(), *libraries):
            Path(folder, file).write_bytes(content)
        words = [*arguments(target), "-o", name]
        words = [word for word in words if word not in drop]
        done = subprocess.run(
            [driver, *words, *objects, *(file for file, _ in libraries), *add],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return Path(folder, name).read_bytes()


def arguments(platform: Platform) -> list[str]:
    """The words that make a good image (facts/platforms.md)."""
    if platform.object_format == "macho":
        arch = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.arch]
        words = ["-flavor", "darwin", "-arch", arch, "-platform_version", "macos", "11.0", "11.0"]
        words += ["-dylib", "-fixup_chains", "-undefined", "dynamic_lookup"]
        return [*words, "-install_name", "@rpath/image.pkgimage.dylib"]
    if platform.object_format == "coff":
        emulation = {"x86_64": "i386pep", "aarch64": "arm64pe"}[platform.arch]
        words = ["-flavor", "gnu", "-m", emulation, "-shared", "--no-insert-timestamp"]
        return [*words, "-e", "_DllMainCRTStartup"]
    emulation = {"x86_64": "elf_x86_64", "aarch64": "aarch64elf", "riscv64": "elf64lriscv"}
    words = ["-flavor", "gnu", "-m", emulation[platform.arch], "-shared", "--build-id=none"]
    return [*words, "-z", "now", "-z", "relro", "-z", "noexecstack"]


def tool(name: str) -> str:
    """LLVM's tool of that name, in any version that reads as 19 does; skips without one."""
    import pytest

    found = shutil.which(f"{name}-19")
    if found is None:
        pytest.skip(f"{name}-19 is not installed")
    return found


def asked(name: str, *words: str, content: bytes) -> str:
    """What LLVM's tool prints about a file of that content."""
    with tempfile.NamedTemporaryFile(prefix="image-samples-") as file:
        file.write(content)
        file.flush()
        done = subprocess.run(
            [tool(name), *words, file.name], capture_output=True, text=True, check=True
        )
    return done.stdout


def patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]
