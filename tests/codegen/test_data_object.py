import io
import re
import struct
import subprocess
import zlib

import pytest
from elftools.elf.elffile import ELFFile
from image_samples import tool
from packageimage.codegen.data_object import (
    NO_SLOT,
    data_in,
    data_object,
    frame_bitcode,
    frame_methods,
    package_object,
)
from packageimage.model.errors import PackageImageError
from packageimage.model.platform import PLATFORMS

RISCV = PLATFORMS["linux-riscv64"]
ALL = tuple(PLATFORMS.values())
BLOBS = (b"HEADER" * 5, bytes(range(256)) * 3, b"\0BITCODE")


@pytest.mark.parametrize(
    ("platform", "machine", "flags"),
    [
        (PLATFORMS["linux-x86_64"], "EM_X86_64", 0),
        (PLATFORMS["linux-aarch64"], "EM_AARCH64", 0),
        (RISCV, "EM_RISCV", 5),  # compressed instructions, doubles in registers
    ],
)
def test_elf_symbols_and_contents(platform, machine, flags):
    elf = ELFFile(io.BytesIO(data_object(*BLOBS, platform)))
    assert elf.header["e_machine"] == machine
    assert elf.header["e_flags"] == flags
    symbols = {
        s.name: s
        for s in elf.get_section_by_name(".symtab").iter_symbols()
        if s.name.startswith("pkgimage.")
    }
    for name, blob in zip(("header", "methods", "bitcode"), BLOBS, strict=True):
        symbol = symbols[f"pkgimage.{name}"]
        assert symbol["st_other"]["visibility"] == "STV_HIDDEN"
        section = elf.get_section(symbol["st_shndx"])
        start = symbol["st_value"]
        assert section.data()[start : start + len(blob)] == blob
        assert start % (16 if name == "header" else 64) == 0
        assert section["sh_addralign"] == 64
        assert section["sh_flags"] == 2  # SHF_ALLOC: neither written nor run
    assert not [s for s in elf.iter_sections() if s["sh_type"] in ("SHT_REL", "SHT_RELA")]


@pytest.mark.parametrize("platform", ALL, ids=str)
def test_llvms_own_reader_finds_what_was_written(platform, tmp_path):
    file = tmp_path / "data.o"
    file.write_bytes(data_object(*BLOBS, platform))
    words = [tool("llvm-readobj"), "--symbols", "--sections", "--section-data", file]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    prefix = "_" if platform.object_format == "macho" else ""
    for name in ("header", "methods", "bitcode"):
        assert re.search(rf"Name: {prefix}pkgimage\.{name}\b", done.stdout)
    hidden = {"elf": "STV_HIDDEN", "macho": "PrivateExtern", "coff": "StorageClass: External"}
    assert done.stdout.count(hidden[platform.object_format]) == 3
    assert "HEADERHEADERHEAD" in done.stdout.replace("|\n", "|")


@pytest.mark.parametrize("platform", ALL, ids=str)
def test_every_platform_twice_the_same_without_paths(platform):
    data = data_object(*BLOBS, platform)
    assert data == data_object(*BLOBS, platform)
    assert b"pkgimage-" not in data
    assert all(blob in data for blob in BLOBS)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("macos-arm64", struct.pack("<III", 0xFEEDFACF, 0x0100000C, 0)),
        ("macos-x86_64", struct.pack("<III", 0xFEEDFACF, 0x01000007, 3)),
        ("windows-x86_64", struct.pack("<H", 0x8664)),
    ],
)
def test_machine_of_other_formats(name, start):
    assert data_object(*BLOBS, PLATFORMS[name]).startswith(start)


def test_empty_blobs():
    data_object(b"", b"", b"", PLATFORMS["linux-x86_64"])


def test_bitcode_frame():
    parts = [b"one" * 100, b"", b"three"]
    framed = frame_bitcode(parts)
    assert framed == frame_bitcode(parts)
    (count,) = struct.unpack_from("<I", framed)
    sizes = [struct.unpack_from("<QQ", framed, 4 + 16 * i) for i in range(count)]
    at = 4 + 16 * count
    found = []
    for compressed, raw in sizes:
        found.append(zlib.decompress(framed[at : at + compressed]))
        assert len(found[-1]) == raw
        at += compressed
    assert found == parts
    assert at == len(framed)


def test_frame_of_a_method_table():
    slots = ("_ZN08NumbaEnvA", "_ZN08NumbaEnvC", "sin")
    framed = frame_methods(b"table", ["_ZN08NumbaEnvA", "_ZN08NumbaEnvB", "_ZN08NumbaEnvC"], slots)
    count, size = struct.unpack_from("<QQ", framed)
    assert struct.unpack_from(f"<{count}I", framed, 16) == (0, NO_SLOT, 1)
    at = 16 + 4 * count
    assert tuple(framed[at : at + size].decode().split("\0")) == slots
    assert framed[at + size :] == b"table"


def test_frame_of_a_method_table_without_slots():
    assert frame_methods(b"table", [], ()) == bytes(16) + b"table"


@pytest.mark.parametrize("platform", ALL, ids=str)
def test_the_packages_data_is_writable_and_aligned(platform, tmp_path):
    file = tmp_path / "package.o"
    parts = [b"ARRAYS" * 20, memoryview(bytes(64))]
    with open(file, "wb") as written:
        written.writelines(package_object(parts, platform))
    words = [tool("llvm-readobj"), "--symbols", "--sections", "--section-data", file]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    prefix = "_" if platform.object_format == "macho" else ""
    assert re.search(rf"Name: {prefix}pkgimage\.data\b", done.stdout)
    assert "ARRAYSARRAYSARRA" in done.stdout.replace("|\n", "|")
    writable = {"elf": "SHF_WRITE", "macho": "Segment: __DATA", "coff": "IMAGE_SCN_MEM_WRITE"}
    assert writable[platform.object_format] in done.stdout
    aligned = {
        "elf": "AddressAlignment: 64", "macho": "Alignment: 6", "coff": "IMAGE_SCN_ALIGN_64BYTES",
    }  # fmt: skip
    assert aligned[platform.object_format] in done.stdout


@pytest.mark.parametrize("platform", [p for p in ALL if p.object_format == "elf"], ids=str)
@pytest.mark.parametrize("size", [0, 1, 64, 1000])
def test_the_data_can_be_taken_out_again(platform, size):
    parts = [b"ARRAYS" * 20, memoryview(bytes(range(250)) * 4)[:size]]
    whole = b"".join(package_object(parts, platform))
    assert bytes(data_in(whole, platform)) == b"".join(parts)
    other = next(p for p in ALL if p.object_format == "elf" and p != platform)
    for damaged in (b"", whole[:-1], whole + b"\0", b"\0" + whole[1:], whole[: len(whole) // 2]):
        with pytest.raises(PackageImageError, match="expected a package's data"):
            data_in(damaged, platform)
    with pytest.raises(PackageImageError, match="another object"):
        data_in(whole, other)
