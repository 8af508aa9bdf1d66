"""Images linked by every LLD here: their facts, the rules, and that the system can open them."""

from __future__ import annotations

import ctypes
import dataclasses
import hashlib
import json
import shutil
import subprocess
import sys
from platform import machine

import pytest
from elf_samples import HEADER, LINKERS, compile_ir, image_ir, link
from packageimage.inspect.images import image_facts
from packageimage.inspect.verify import verify
from packageimage.model.errors import PackageImageError
from packageimage.model.platform import PLATFORMS

PLATFORM = PLATFORMS["linux-x86_64"]
PLATFORM_NAMES = ("linux-x86_64", "linux-aarch64")


def build(folder, *, platform="linux-x86_64", extra="", linker="ziglang", **arguments):
    objects = {"a.o": compile_ir(image_ir(extra=extra), platform)}
    return link(folder, objects, linker, platform, **arguments).read_bytes()


def rules(data, header=HEADER, platform=PLATFORM):
    return [finding.rule for finding in verify(image_facts(data), header, platform)]


@pytest.mark.parametrize("platform", PLATFORM_NAMES)
@pytest.mark.parametrize("linker", LINKERS)
def test_a_good_image_keeps_all_rules(tmp_path, linker, platform):
    facts = image_facts(build(tmp_path, platform=platform, linker=linker))
    assert verify(facts, HEADER, PLATFORMS[platform]) == ()
    assert facts.machine == PLATFORMS[platform].arch
    assert facts.exports == ("pkgimage",)
    assert facts.header == HEADER
    assert {part.name: part.size for part in facts.table.parts} == {
        "header": len(HEADER),
        "slots": 16,
        "entries": 8,
        "methods": 7,
        "bitcode": 8,
    }


@pytest.mark.skipif(sys.platform != "linux", reason="opens an ELF library")
@pytest.mark.parametrize("linker", LINKERS)
def test_the_system_opens_it_and_its_code_runs(tmp_path, linker):
    from packageimage.model.platform import host_platform

    platform = host_platform().name
    objects = {"a.o": compile_ir(image_ir(), platform)}
    library = ctypes.CDLL(str(link(tmp_path, objects, linker, platform)))
    words = (ctypes.c_uint64 * 11).in_dll(library, "pkgimage")
    assert bytes(words)[:8] == b"PKGIMAGE"
    assert ctypes.string_at(words[3], words[4]) == HEADER
    slots = (ctypes.c_uint64 * 2).from_address(words[5])
    slots[0] = slots[1] = 7  # they can be filled
    per_target = ctypes.cast(words[6], ctypes.POINTER(ctypes.c_uint64))
    entry = ctypes.cast(per_target[0], ctypes.POINTER(ctypes.c_uint64))[0]
    assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(entry)(21) == 42


@pytest.mark.parametrize("linker", LINKERS)
def test_neither_folder_nor_file_name_changes_a_byte(tmp_path, linker):
    objects = {"a.o": compile_ir(image_ir())}
    first = link(tmp_path / "one", objects, linker)
    second = link(tmp_path / "another folder", objects, linker)
    third = link(tmp_path / "third", objects, linker, add=("-v",))
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (first, second, third)}
    assert len(digests) == 1
    renamed = link(tmp_path / "renamed", {"other-name.o": objects["a.o"]}, linker)
    assert renamed.read_bytes() == first.read_bytes()


USES_ANOTHER = """
declare void @NRT_Free(ptr)
define hidden void @frees(ptr %p) {
  call void @NRT_Free(ptr %p)
  ret void
}
"""

BREAKERS = {
    "undefined symbol": (
        {"extra": USES_ANOTHER, "drop": ("--no-undefined", "--gc-sections")},
        ["undefined symbols", "bindings"],
    ),
    "second export": ({"extra": "define void @visible() { ret void }"}, ["exports"]),
    "executable stack": ({"add": ("-z", "execstack")}, ["stack"]),
    "initialiser": ({"add": ("-init=twice.t0",)}, ["initialisers"]),
    "bound export": (
        {"extra": "@own = global i32 1\n@to_own = hidden global ptr @own"},
        ["exports", "bindings"],
    ),
    "thread-local": (
        {
            "extra": "@t = internal thread_local global i32 1\n"
            "define hidden ptr @address() { ret ptr @t }",
            "drop": ("--no-undefined", "--gc-sections"),
        },
        ["undefined symbols", "bindings"],
    ),
}


@pytest.mark.parametrize("case", BREAKERS)
def test_an_image_that_breaks_a_rule(tmp_path, case):
    arguments, expected = BREAKERS[case]
    assert rules(build(tmp_path, **arguments)) == expected


def test_a_needed_library(tmp_path):
    objects = {"lib.o": compile_ir("define void @other() { ret void }")}
    library = link(tmp_path / "lib", objects, add=("-soname", "libother.so.1"))
    data = build(tmp_path / "image", add=("--no-as-needed", str(library)))
    assert rules(data) == ["needed libraries"]
    (finding,) = verify(image_facts(data), HEADER, PLATFORM)
    assert str(finding) == "needed libraries: expected none, found libother.so.1"


@pytest.mark.skipif(machine() != "x86_64", reason="llvmlite assembles for its own machine only")
def test_text_relocations(tmp_path):
    extra = """
    module asm ".pushsection .text.held,\\22ax\\22,@progbits"
    module asm ".globl held"
    module asm ".hidden held"
    module asm "held: .quad held"
    module asm ".popsection"
    """
    data = link(
        tmp_path,
        {"a.o": compile_ir(image_ir(extra=extra))},
        drop=("--gc-sections",),
        add=("-z", "notext"),
    ).read_bytes()
    assert rules(data) == ["text relocations"]


def test_a_segment_that_is_writable_and_executable(tmp_path):
    data = build(tmp_path, add=("--omagic",))
    assert "segments" in rules(data)


def test_another_machine(tmp_path):
    data = build(tmp_path, platform="linux-aarch64")
    assert rules(data) == ["machine"]


def test_a_platform_of_another_format(tmp_path):
    assert rules(build(tmp_path), platform=PLATFORMS["macos-x86_64"]) == ["machine"]


def test_an_object_instead_of_an_image():
    with pytest.raises(PackageImageError, match="no dynamic segment"):
        image_facts(compile_ir(image_ir()))


def test_no_table(tmp_path):
    objects = {"a.o": compile_ir("define void @something() { ret void }")}
    assert rules(link(tmp_path, objects).read_bytes()) == ["exports", "table"]


@pytest.mark.parametrize(
    ("name", "ir", "message"),
    [
        ("magic", image_ir().replace("i32 3, i32 1, i32 1", "i32 4, i32 1, i32 1"), "version 4"),
        ("cut", "@pkgimage = constant i64 1", "bytes at 0x"),
        ("null", image_ir().replace("ptr @.header,", "ptr null,"), "its header pointer leads to"),
        ("long", image_ir().replace("i64 7", "i64 70000"), "methods, 70000 bytes at 0x"),
        ("fixed", image_ir().replace("hidden global [2", "hidden constant [2"), "stay writable"),
        ("state", image_ir().replace("i64 0, ptr null", "i64 0, ptr @.entries"), "first_calls"),
    ],
)
def test_a_damaged_table(tmp_path, name, ir, message):
    findings = verify(
        image_facts(link(tmp_path, {"a.o": compile_ir(ir)}).read_bytes()), HEADER, PLATFORM
    )
    assert [finding.rule for finding in findings] == ["table"], findings
    assert message in findings[0].message


def test_a_changed_header_byte(tmp_path):
    data = build(tmp_path)
    at = data.index(HEADER)
    changed = data[: at + 3] + b"!" + data[at + 4 :]
    (finding,) = verify(image_facts(changed), HEADER, PLATFORM)
    assert str(finding) == (
        f"header: expected the one beside the image ({len(HEADER)} bytes), "
        "found one that differs from byte 3 on"
    )
    assert rules(data, HEADER + b"!") == ["header"]


def test_findings_are_one_line_whatever_the_names_are(tmp_path):
    facts = image_facts(build(tmp_path))
    names = tuple(f"bad\nname{number}" for number in range(9))
    bad = dataclasses.replace(
        facts, machine="a\nb", undefined=names, libraries=names, bindings=names, exports=()
    )
    findings = verify(bad, HEADER, PLATFORM)
    assert [f.rule for f in findings] == [
        "machine",
        "exports",
        "undefined symbols",
        "needed libraries",
        "bindings",
    ]
    assert not any("\n" in str(finding) for finding in findings)
    assert "and 4 more" in str(findings[2])


@pytest.mark.parametrize("platform", PLATFORM_NAMES)
@pytest.mark.parametrize("linker", LINKERS)
def test_facts_agree_with_llvm_readobj(tmp_path, linker, platform):
    readobj = shutil.which("llvm-readobj-19")
    if readobj is None:
        pytest.skip("llvm-readobj-19 is not installed")
    path = link(
        tmp_path,
        {"a.o": compile_ir(image_ir(extra=USES_ANOTHER + "@also = global i32 3"), platform)},
        linker,
        platform,
        drop=("--no-undefined", "--gc-sections"),
    )
    facts = image_facts(path.read_bytes())
    options = "--elf-output-style=JSON --file-header --sections --segments --dyn-symbols"
    done = subprocess.run(
        [readobj, *options.split(), "--needed-libs", path],
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(done.stdout)[0]
    arch = said["ElfHeader"]["Machine"]["Name"].lower().removeprefix("em_")
    assert facts.machine == arch
    sections = [entry["Section"] for entry in said["Sections"]][1:]
    assert [(s.name, s.address, s.size) for s in facts.sections] == [
        (s["Name"]["Name"], s["Address"], s["Size"]) for s in sections
    ]
    segments = [entry["ProgramHeader"] for entry in said["ProgramHeaders"]]
    assert [
        (s.address, s.memory_size, s.file_size, s.readable, s.writable, s.executable)
        for s in facts.segments
    ] == [
        (
            s["VirtualAddress"],
            s["MemSize"],
            s["FileSize"],
            bool(s["Flags"]["Value"] & 4),
            bool(s["Flags"]["Value"] & 2),
            bool(s["Flags"]["Value"] & 1),
        )
        for s in segments
        if s["Type"]["Name"] == "PT_LOAD"
    ]
    symbols = [entry["Symbol"] for entry in said["DynamicSymbols"]]
    names = [(s["Name"]["Name"], s["Section"]["Name"]) for s in symbols]
    assert facts.exports == tuple(sorted(n for n, where in names if n and where != "Undefined"))
    assert facts.undefined == tuple(sorted(n for n, where in names if n and where == "Undefined"))
    assert list(facts.libraries) == said["NeededLibraries"]


def test_truncated_and_flipped_images_never_raise_anything_else(tmp_path):
    whole = build(tmp_path)
    for size in range(0, len(whole), 11):
        _judge(whole[:size])
    for position in range(0, len(whole), 2):
        damaged = bytearray(whole)
        damaged[position] ^= (0x01, 0x80, 0xFF)[position % 3]
        _judge(bytes(damaged))


def test_huge_fields_neither_hang_nor_escape(tmp_path):
    whole = build(tmp_path)
    # Every aligned word of the file header, the program headers, the dynamic section and the
    # section headers becomes huge in turn.
    for position in range(0, len(whole) - 8, 8):
        for value in (0xFFFF_FFFF_FFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF, 0x0010_0000):
            damaged = whole[:position] + value.to_bytes(8, "little") + whole[position + 8 :]
            _judge(damaged)


def _judge(data):
    try:
        findings = verify(image_facts(data), HEADER, PLATFORM)
    except PackageImageError as error:
        assert "\n" not in str(error)
    else:
        assert not any("\n" in str(finding) for finding in findings)
