"""PE images: their facts, and the rules, each with an image that breaks it."""

from __future__ import annotations

import dataclasses
import re
import struct
import subprocess
import tempfile
from pathlib import Path

import pefile
import pytest
from image_samples import (
    BITCODE,
    HEADER,
    METHODS,
    PE,
    asked,
    compiled,
    linked,
    patched,
    platform_named,
    tool,
)
from packageimage.inspect import coff
from packageimage.inspect.coff_file import read_image
from packageimage.inspect.images import image_facts
from packageimage.inspect.verify import verify
from packageimage.model.errors import PackageImageError

ARM, INTEL = PE


def findings(data, platform=INTEL, header=HEADER):
    return verify(image_facts(data), header, platform_named(platform))


def rules(data, platform=INTEL, header=HEADER):
    return [finding.rule for finding in findings(data, platform, header)]


def field(data, offset):
    """Where the field at `offset` from the PE signature is."""
    return struct.unpack_from("<I", data, 60)[0] + offset


@pytest.mark.parametrize("platform", PE)
def test_a_good_image_keeps_all_rules(platform):
    facts = image_facts(linked(platform))
    assert verify(facts, HEADER, platform_named(platform)) == ()
    assert facts.machine == platform_named(platform).arch
    assert facts.exports == ("pkgimage",)
    assert facts.header == HEADER
    assert {part.name: part.size for part in facts.table.parts} == {
        "header": len(HEADER),
        "slots": 16,
        "entries": 8,
        "methods": len(METHODS),
        "bitcode": len(BITCODE),
    }
    assert facts.pe.name == "image.pkgimage.dll"


@pytest.mark.parametrize("linker", ["lld-14", "lld-19"])
def test_images_of_older_and_newer_lld(linker):
    assert rules(linked(INTEL, linker=linker)) == []


def test_an_image_without_an_entry_point_is_a_good_one():
    data = linked(INTEL)
    assert rules(patched(data, field(data, 40), bytes(4))) == []


CALLBACK = """
define internal void @callback(ptr %a, i32 %b, ptr %c) { ret void }
@callbacks = hidden constant [2 x ptr] [ptr @callback, ptr null]
@index = hidden global i32 0
@_tls_used = hidden constant { ptr, ptr, ptr, ptr, i32, i32 }
  { ptr null, ptr null, ptr @index, ptr @callbacks, i32 0, i32 0 }
"""
IN_CODE = """
@held = hidden constant ptr @twice.t0, section ".text"
"""
BREAKERS = {
    "second export": ({"extra": "define dllexport void @visible() { ret void }"}, ["exports"]),
    "export without a name": (
        {"add": ("-Xlink=/export:twice.t0,@7,NONAME",)},
        ["exports"],
    ),
    "forwarder": ({"add": ("-Xlink=/export:sleep=KERNEL32.Sleep",)}, ["exports", "bindings"]),
    "entry point": ({"add": ("-e", "twice.t0")}, ["initialisers"]),
    "TLS callback": ({"extra": CALLBACK}, ["initialisers"]),
    "segment": ({"add": ("-Xlink=/section:.data,rwe",)}, ["segments"]),
    "relocated code": ({"extra": IN_CODE}, ["text relocations"]),
    "time stamp": ({"drop": ("--no-insert-timestamp",)}, ["time stamps"]),
    "name": ({"output": "image.pkgimage.so"}, ["name"]),
    "fixed": ({"add": ("--disable-dynamicbase",)}, ["dynamic base"]),
    "NX": ({"add": ("--disable-nxcompat",)}, ["NX"]),
    "debug file": ({"add": ("--pdb=image.pdb", "-Xlink=/pdbaltpath:C:\\work\\k.pdb")}, ["paths"]),
}


@pytest.mark.parametrize("platform", PE)
@pytest.mark.parametrize("case", BREAKERS)
def test_an_image_that_breaks_a_rule(case, platform):
    options, expected = BREAKERS[case]
    if case == "fixed" and platform == ARM:
        expected = []  # there are no others, and LLD makes none
    assert rules(linked(platform, **options), platform) == expected


def import_library(platform):
    """One for `other.dll` with the function `imported`."""
    machine = {INTEL: "i386:x86-64", ARM: "arm64"}[platform]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "k.def").write_text("LIBRARY other.dll\nEXPORTS\nimported\n")
        words = ["-m", machine, "-d", "k.def", "-l", "k.lib"]
        subprocess.run([tool("llvm-dlltool"), *words], cwd=folder, check=True)
        return Path(folder, "k.lib").read_bytes()


IMPORTS = """
declare dllimport void @imported()
define hidden void @calls() {
  call void @imported()
  ret void
}
"""


@pytest.mark.parametrize("platform", PE)
@pytest.mark.parametrize("delayed", [False, True])
def test_an_import(platform, delayed):
    library = import_library(platform)
    helper = "define hidden i64 @__delayLoadHelper2(ptr, ptr) { ret i64 0 }" if delayed else ""
    data = linked(
        platform,
        extra=IMPORTS + helper,
        libraries=(("k.lib", library),),
        add=("-Xlink=/delayload:other.dll",) if delayed else (),
    )
    facts = image_facts(data)
    assert facts.libraries == ("other.dll",)
    assert facts.undefined == ("imported",)
    assert facts.bindings == ("imported of other.dll",)
    assert rules(data, platform) == ["undefined symbols", "needed libraries", "bindings"]


def test_another_machine():
    assert rules(linked(ARM), INTEL) == ["machine"]
    assert rules(linked(INTEL), "linux-x86_64") == ["machine"]


def test_other_entry_code_is_shown():
    data = linked(INTEL)
    at = data.index(bytes.fromhex("b801000000c3"))
    (finding,) = findings(patched(data, at + 1, b"\0"))
    assert finding.rule == "initialisers"
    assert "(b800000000c3)" in finding.message


@pytest.mark.parametrize("platform", PE)
def test_entry_code_that_is_not_executable(platform):
    data = linked(platform)
    at = data.index(b".text\0\0\0")
    (flags,) = struct.unpack_from("<I", data, at + 36)
    changed = patched(data, at + 36, struct.pack("<I", flags & ~0x2000_0000))
    assert rules(changed, platform) == ["initialisers"]


def test_an_executable_instead_of_a_dll():
    data = linked(INTEL)
    at = field(data, 22)
    (flags,) = struct.unpack_from("<H", data, at)
    changed = patched(data, at, struct.pack("<H", flags & ~0x2000))
    assert rules(changed) == ["shared library"]
    stripped = patched(data, at, struct.pack("<H", flags | 1))
    assert rules(stripped) == ["dynamic base"]


def test_a_dotnet_header():
    data = linked(INTEL)
    assert rules(patched(data, field(data, 24 + 112 + 14 * 8), b"\1")) == ["initialisers"]


def test_the_checksum():
    data = linked(INTEL)
    at = field(data, 88)
    right = coff.checksum(data, at)
    assert right == pefile.PE(data=data, fast_load=True).generate_checksum()
    assert rules(patched(data, at, struct.pack("<I", right))) == []
    (finding,) = findings(patched(data, at, struct.pack("<I", right ^ 1)))
    assert str(finding) == f"checksum: expected {right:#x}, found {right ^ 1:#x}"
    odd = data + b"\xff"
    assert coff.checksum(odd, at) == pefile.PE(data=odd, fast_load=True).generate_checksum()


@pytest.mark.parametrize("name", ["k.so", "folder/k.dll", "folder\\k.dll", "C:k.dll"])
def test_names_that_are_not_a_files_own(name):
    facts = image_facts(linked(INTEL))
    changed = dataclasses.replace(facts, pe=dataclasses.replace(facts.pe, name=name))
    assert [f.rule for f in verify(changed, HEADER, platform_named(INTEL))] == ["name"]


def test_a_changed_header_byte():
    data = linked(INTEL)
    at = data.index(HEADER)
    assert rules(patched(data, at + 3, b"!")) == ["header"]


def test_a_table_that_leads_nowhere():
    (finding,) = findings(linked(INTEL, methods_size=70_000_000))
    assert finding.rule == "table"
    assert "methods, 70000000 bytes at 0x" in finding.message


def test_an_object_instead_of_an_image():
    with pytest.raises(PackageImageError, match="64-bit PE image"):
        image_facts(compiled("define void @f() { ret void }", INTEL))


@pytest.mark.parametrize("platform", PE)
def test_facts_agree_with_llvm_readobj(platform):
    data = linked(
        platform,
        extra=IMPORTS + "define dllexport void @visible() { ret void }",
        libraries=(("k.lib", import_library(platform)),),
    )
    facts = image_facts(data)
    said = asked("llvm-readobj", "--file-headers", "--sections", content=data)
    assert re.search(r"Arch: (\w+)", said)[1] == facts.machine
    base = int(re.search(r"ImageBase: (\w+)", said)[1], 16)
    sections = re.findall(
        r"Name: (\S+) \(.*?VirtualSize: (\w+)\s+VirtualAddress: (\w+)\s+RawDataSize: (\d+)"
        r".*?Characteristics \[ (.*?)\]",
        said,
        re.DOTALL,
    )
    assert [
        (c.name, c.address, c.size, s.readable, s.writable, s.executable)
        for c, s in zip(facts.sections, facts.segments, strict=True)
    ] == [
        (
            name,
            int(address, 16),
            int(size, 16),
            "MEM_READ" in flags,
            "MEM_WRITE" in flags,
            "MEM_EXECUTE" in flags,
        )
        for name, size, address, _, flags in sections
    ]
    said = asked("llvm-readobj", "--coff-exports", "--coff-imports", content=data)
    assert sorted(re.findall(r"Export \{\s+Ordinal: \d+\s+Name: (\S+)", said)) == list(
        facts.exports
    )
    assert re.findall(r"Import \{\s+Name: (\S+)", said) == list(facts.libraries)
    assert re.findall(r"Symbol: (\S+)", said) == list(facts.undefined)
    said = asked("llvm-readobj", "--coff-basereloc", content=data)
    image = read_image(data, "image")
    assert image.image_base == base
    assert [place for place, _ in image.relocations] == [
        int(place, 16) for place in re.findall(r"Type: DIR64\s+Address: (\w+)", said)
    ]


def test_facts_agree_with_all_of_pefile():
    data = linked(INTEL, extra=IMPORTS, libraries=(("k.lib", import_library(INTEL)),))
    whole = pefile.PE(data=data)
    facts = image_facts(data)
    exports = whole.DIRECTORY_ENTRY_EXPORT
    assert [symbol.name.decode() for symbol in exports.symbols] == list(facts.exports)
    assert exports.name.decode() == facts.pe.name
    assert [entry.dll.decode() for entry in whole.DIRECTORY_ENTRY_IMPORT] == list(facts.libraries)
