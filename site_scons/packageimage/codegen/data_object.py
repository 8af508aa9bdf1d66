"""The object that holds an image's blobs: header, methods and compressed bitcode.

`.incbin` in module assembly takes 100 MB in 0.3 s, where the same bytes as an IR constant parse
at 2.4 MB/s. llvmlite can assemble for its host's architecture only, but an object of data has no
relocations, so that only the machine fields of its file header say whose it is: they are copied
from an empty object of the platform (facts/platforms.md).
"""

from __future__ import annotations

import struct
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import llvmlite.binding as ll

from packageimage.model.errors import PackageImageError
from packageimage.model.platform import Platform

from .llvm import baseline_machine, empty_module, open_machine
from .slots import BITCODE_SYMBOL, HEADER_SYMBOL, METHODS_SYMBOL

_ALIGNMENT = {HEADER_SYMBOL: 16, METHODS_SYMBOL: 64, BITCODE_SYMBOL: 64}
_SECTION = {
    "elf": '.section .rodata.pkgimage,"a",@progbits',
    "macho": ".section __TEXT,__const",
    "coff": '.section .rdata,"dr"',
}
# Where an object file says whose code it holds: (offset, size) of ELF's e_machine and e_flags
# (RISC-V's linker wants the float ABI to agree), Mach-O's cputype and cpusubtype, COFF's Machine.
_MACHINE_FIELDS = {"elf": ((18, 2), (48, 4)), "macho": ((4, 8),), "coff": ((0, 2),)}
_HOST_ARCHITECTURES = ("x86_64", "aarch64")


def frame_bitcode(partitions: Sequence[bytes]) -> bytes:
    """The partitions' bitcode as the image keeps it: a count, sizes, then zlib streams."""
    streams = [zlib.compress(bitcode, 9) for bitcode in partitions]
    head = struct.pack("<I", len(streams)) + b"".join(
        struct.pack("<QQ", len(stream), len(bitcode))
        for stream, bitcode in zip(streams, partitions, strict=True)
    )
    return head + b"".join(streams)


def data_object(header: bytes, methods: bytes, bitcode: bytes, platform: Platform) -> bytes:
    """The object that defines `pkgimage.header`, `.methods` and `.bitcode`, hidden and aligned."""
    baseline = baseline_machine(platform)
    wanted = open_machine(baseline)
    host = open_machine(
        replace(
            baseline,
            triple="-".join([_host_architecture(), *platform.triple.split("-")[1:]]),
            cpu="",
            features="",
            abi="",
        )
    )
    blobs = {HEADER_SYMBOL: header, METHODS_SYMBOL: methods, BITCODE_SYMBOL: bitcode}
    with tempfile.TemporaryDirectory(prefix="pkgimage-") as folder:
        files = {}
        for symbol, blob in blobs.items():
            files[symbol] = Path(folder) / symbol
            files[symbol].write_bytes(blob)
        assembly = _assembly(files, platform.object_format)
        # LLVM reads the files here, while it assembles; their names do not reach the object.
        data = host.emit_object(empty_module(host, assembly))
    return _as_machine_of(
        bytes(data), bytes(wanted.emit_object(empty_module(wanted))), platform.object_format
    )


def _assembly(files: dict[str, Path], object_format: str) -> str:
    prefix = "_" if object_format == "macho" else ""
    lines = [_SECTION[object_format]]
    for symbol, path in files.items():
        name = f'"{prefix}{symbol}"'
        lines += [f".p2align {_ALIGNMENT[symbol].bit_length() - 1}", f".globl {name}"]
        if object_format == "elf":
            lines += [f".hidden {name}", f".type {name},@object"]
        elif object_format == "macho":
            lines.append(f".private_extern {name}")
        # One byte behind each blob: a symbol at its section's end is another section's start.
        lines += [f"{name}:", f'.incbin "{path.as_posix()}"', ".byte 0"]
        if object_format == "elf":
            lines.append(f".size {name}, . - {name}")
    return "".join(f'module asm "{_escape(line)}"\n' for line in lines)


def _escape(line: str) -> str:
    return "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:02X}"
        for byte in line.encode()
    )


def _host_architecture() -> str:
    """The architecture llvmlite can assemble for, as a triple names it."""
    arch: str = ll.get_process_triple().split("-")[0]
    arch = {"arm64": "aarch64", "amd64": "x86_64"}.get(arch, arch)
    if arch not in _HOST_ARCHITECTURES:
        raise PackageImageError(
            f"images can be built on {' and '.join(_HOST_ARCHITECTURES)} machines, found {arch}; "
            "build on one of those, for any platform"
        )
    return arch


def _as_machine_of(data: bytes, model: bytes, object_format: str) -> bytes:
    """*data* with the machine fields of *model*, an object file of the same format."""
    patched = bytearray(data)
    for offset, size in _MACHINE_FIELDS[object_format]:
        patched[offset : offset + size] = model[offset : offset + size]
    return bytes(patched)
