"""Mach-O images: their facts, and the rules, each with an image that breaks it."""

from __future__ import annotations

import dataclasses
import re
import struct
import subprocess
import sys

import pytest
from image_samples import (
    BITCODE,
    CODE,
    HEADER,
    MACHO,
    METHODS,
    asked,
    compiled,
    linked,
    patched,
    platform_named,
    shared_objects,
)
from packageimage.inspect.facts import Signature
from packageimage.inspect.images import image_facts
from packageimage.inspect.macho_file import read_image
from packageimage.inspect.verify import verify
from packageimage.model.errors import PackageImageError
from packageimage.model.platform import PLATFORMS

ARM, INTEL = MACHO
LIBSYSTEM = """--- !tapi-tbd
tbd-version: 4
targets: [ x86_64-macos, arm64-macos ]
install-name: '/usr/lib/libSystem.B.dylib'
exports:
  - targets: [ x86_64-macos, arm64-macos ]
    symbols: [ _malloc ]
...
"""
# Lazy binding by opcodes asks for one more name; LLD then lists it as undefined, used or not.
LAZY_LIBSYSTEM = LIBSYSTEM.replace("_malloc", "dyld_stub_binder")


def findings(data, platform=ARM, header=HEADER):
    return verify(image_facts(data), header, platform_named(platform))


def rules(data, platform=ARM, header=HEADER):
    return [finding.rule for finding in findings(data, platform, header)]


@pytest.mark.parametrize("platform", MACHO)
@pytest.mark.parametrize("fixups", ["-fixup_chains", "-no_fixup_chains"])
def test_a_good_image_keeps_all_rules(platform, fixups):
    data = linked(platform, add=(fixups,))
    facts = image_facts(data)
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
    assert facts.macho.install_name == "@rpath/image.pkgimage.dylib"
    signature = Signature("image.pkgimage.dylib", "")
    assert facts.macho.signature == (signature if platform == ARM else None)


@pytest.mark.parametrize("linker", ["lld-14", "lld-19"])
def test_images_of_older_and_newer_lld(linker):
    drop = ("-fixup_chains",) if linker == "lld-14" else ()
    assert rules(linked(ARM, linker=linker, drop=drop)) == []


@pytest.mark.parametrize("platform", MACHO)
def test_both_kinds_of_fixups_lead_to_the_same(platform):
    chained = image_facts(linked(platform))
    opcodes = image_facts(linked(platform, add=("-no_fixup_chains",)))
    assert chained.table.parts[0].size == opcodes.table.parts[0].size
    assert chained.header == opcodes.header == HEADER


def test_an_intel_image_may_be_signed_and_then_must_be_right():
    data = linked(INTEL, add=("-adhoc_codesign",))
    assert rules(data, INTEL) == []
    assert image_facts(data).macho.signature.problem == ""
    at = data.index(BITCODE)
    assert rules(patched(data, at, b"B"), INTEL) == ["code signature"]


USES_ANOTHER = """
declare void @NRT_Other(ptr)
define hidden void @frees(ptr %p) {
  call void @NRT_Other(ptr %p)
  ret void
}
"""
CONSTRUCTOR = """
@llvm.global_ctors = appending global [1 x { i32, ptr, ptr }]
  [{ i32, ptr, ptr } { i32 65535, ptr @first, ptr null }]
define internal void @first() { ret void }
"""
THREAD_LOCAL = """
@t = internal thread_local global i32 1
define hidden ptr @address() { ret ptr @t }
"""
DEBUG = """
define hidden void @lined() !dbg !4 { ret void, !dbg !6 }
!llvm.dbg.cu = !{!0}
!llvm.module.flags = !{!2, !3}
!0 = distinct !DICompileUnit(language: DW_LANG_C, file: !1, producer: "p", emissionKind: FullDebug)
!1 = !DIFile(filename: "k.py", directory: "/home/me/project")
!2 = !{i32 2, !"Debug Info Version", i32 3}
!3 = !{i32 2, !"Dwarf Version", i32 4}
!4 = distinct !DISubprogram(name: "lined", file: !1, line: 1, type: !5, unit: !0,
  spFlags: DISPFlagDefinition)
!5 = !DISubroutineType(types: !{})
!6 = !DILocation(line: 1, scope: !4)
"""

BREAKERS = {
    "undefined symbol": ({"extra": USES_ANOTHER}, ["undefined symbols", "bindings"]),
    "undefined, opcodes": (
        {
            "extra": USES_ANOTHER,
            "drop": ("-fixup_chains",),
            "libraries": (("libSystem.tbd", LAZY_LIBSYSTEM.encode()),),
        },
        ["undefined symbols", "bindings"],
    ),
    "second export": ({"extra": "define void @visible() { ret void }"}, ["exports"]),
    "weak export": ({"extra": "define weak void @shared() { ret void }"}, ["exports", "bindings"]),
    "initialiser": ({"extra": CONSTRUCTOR}, ["initialisers"]),
    "initialiser, opcodes": (
        {"extra": CONSTRUCTOR, "drop": ("-fixup_chains",)},
        ["initialisers"],
    ),
    "thread-local": ({"extra": THREAD_LOCAL}, ["undefined symbols", "bindings"]),
    "segment": ({"add": ("-segprot", "__DATA", "rwx", "rwx")}, ["segments"]),
    "relocated constants": (
        {"add": ("-segprot", "__DATA_CONST", "r", "r")},
        ["text relocations"],
    ),
    "newer system": ({"add": ("-platform_version", "macos", "12.0", "12.0")}, ["build version"]),
    "newer SDK": ({"add": ("-platform_version", "macos", "11.0", "13.0")}, ["build version"]),
    "no signature": ({"add": ("-no_adhoc_codesign",)}, ["code signature"]),
    "install name": ({"add": ("-install_name", "/home/me/build/image.dylib")}, ["paths"]),
    "rpath": ({"add": ("-rpath", "/home/me/build")}, ["paths"]),
    "debug map": ({"extra": DEBUG}, ["paths"]),
    "bundle": (
        {"add": ("-bundle",), "drop": ("-dylib", "-install_name", "@rpath/image.pkgimage.dylib")},
        ["shared library", "install name"],
    ),
}


@pytest.mark.parametrize("platform", MACHO)
@pytest.mark.parametrize("case", BREAKERS)
def test_an_image_that_breaks_a_rule(case, platform):
    options, expected = BREAKERS[case]
    if case == "no signature" and platform == INTEL:
        expected = []
    assert rules(linked(platform, **options), platform) == expected


@pytest.mark.parametrize("platform", MACHO)
def test_needed_libraries(platform):
    other = LIBSYSTEM.replace("/usr/lib/libSystem.B.dylib", "/usr/lib/libother.dylib").encode()
    system = ("libSystem.tbd", LIBSYSTEM.encode())
    data = linked(platform, libraries=(system,), add=("-needed-lSystem", "-L."))
    assert image_facts(data).libraries == ("/usr/lib/libSystem.B.dylib",)
    assert rules(data, platform) == []
    data = linked(platform, libraries=(("libother.tbd", other),), add=("-needed-lother", "-L."))
    (finding,) = findings(data, platform)
    assert str(finding) == (
        "needed libraries: expected none or /usr/lib/libSystem.B.dylib, "
        "found /usr/lib/libother.dylib"
    )


def test_another_machine():
    assert rules(linked(ARM), "macos-x86_64") == ["machine"]
    assert rules(linked(INTEL), "macos-arm64") == ["machine", "code signature"]
    assert rules(linked(INTEL), "linux-x86_64") == ["machine"]


def test_another_system():
    data = linked(INTEL)
    at = data.index(struct.pack("<IIIII", 0x32, 32, 1, 0xB0000, 0xB0000))
    assert rules(patched(data, at + 8, b"\x02"), INTEL) == ["build version"]  # iOS
    assert rules(patched(data, at, b"\x2a"), INTEL) == ["build version"]  # not there at all


def test_two_commands_of_one_purpose():
    data = linked(INTEL)
    at = data.index(struct.pack("<II", 0x26, 16))  # LC_FUNCTION_STARTS
    for number in (0x8000_0034, 0x8000_0033):
        changed = patched(data, at, struct.pack("<I", number))
        with pytest.raises(PackageImageError, match="several load commands"):
            image_facts(changed)


def test_an_executable_stack():
    data = linked(INTEL)
    (flags,) = struct.unpack_from("<I", data, 24)
    assert rules(patched(data, 24, struct.pack("<I", flags | 0x2_0000)), INTEL) == ["stack"]


def test_a_table_that_leads_nowhere():
    (finding,) = findings(linked(ARM, methods_size=70_000_000))
    assert finding.rule == "table"
    assert "methods, 70000000 bytes at 0x" in finding.message


def test_an_object_instead_of_an_image():
    with pytest.raises(PackageImageError, match="header"):
        image_facts(compiled("define void @f() { ret void }", ARM))


class TestCodeSignature:
    data = property(lambda self: linked(ARM))

    def blob(self):
        return self.data.index(bytes.fromhex("fade0cc0"))

    def directory(self):
        return self.data.index(bytes.fromhex("fade0c02"))

    def problem(self, at, new):
        (finding,) = findings(patched(self.data, at, new))
        assert finding.rule == "code signature"
        return finding.message

    def test_each_page_counts(self):
        for at in range(self.data.index(BITCODE), self.blob(), 0x1000):
            changed = patched(self.data, at, bytes([self.data[at] ^ 0x80]))
            try:
                assert "code signature" in rules(changed), hex(at)
            except PackageImageError:  # some bytes are ones that the reader needs
                continue

    def test_the_page_is_named(self):
        at = self.data.index(BITCODE)
        page = at // 0x1000
        message = self.problem(at, b"B")
        assert message == f"the hash of page {page} differs from the page's content"

    def test_the_fields(self):
        directory = self.directory()
        assert "begins with" in self.problem(self.blob(), b"\xfa\xde\x0c\xc1")
        assert "expected one code directory" in self.problem(directory, b"\xfa\xde\x0c\x03")
        assert "it to cover" in self.problem(directory + 32, bytes(4))
        assert "found type 1" in self.problem(directory + 37, b"\x01")
        assert "4 to 64 KB" in self.problem(directory + 39, b"\x00")
        assert "a hash for each of" in self.problem(directory + 28, b"\xff\xff\xff\xff")
        assert "reach beyond" in self.problem(directory + 16, b"\xff\xff\xff\xff")

    def test_of_several_identifiers_none_may_be_a_path(self):
        facts = image_facts(self.data)
        names = (*facts.macho.names, ("signature's identifier", r"C:\build\image.dylib"))
        changed = dataclasses.replace(facts, macho=dataclasses.replace(facts.macho, names=names))
        (finding,) = verify(changed, HEADER, platform_named(ARM))
        assert "signature's identifier C:\\build" in finding.message


@pytest.mark.parametrize("platform", MACHO)
@pytest.mark.parametrize("fixups", ["-fixup_chains", "-no_fixup_chains"])
def test_facts_agree_with_llvms_readers(platform, fixups):
    system = ("libSystem.tbd", LAZY_LIBSYSTEM.encode())
    data = linked(platform, extra=USES_ANOTHER, add=(fixups,), libraries=(system,))
    facts = image_facts(data)
    said = asked("llvm-readobj", "--file-headers", "--sections", content=data)
    assert re.search(r"Arch: (\w+)", said)[1] == facts.machine
    sections = re.findall(
        r"Name: (\w+) .*?Segment: (\w+) .*?Address: (\w+)\s+Size: (\w+)", said, re.DOTALL
    )
    assert [(s.name, s.address, s.size) for s in facts.sections] == [
        (f"{segment},{name}", int(address, 16), int(size, 16))
        for name, segment, address, size in sections
    ]
    said = asked("llvm-objdump", "--macho", "--private-headers", content=data)
    segments = re.findall(
        r"vmaddr (\w+)\s+vmsize (\w+)\s+fileoff \d+\s+filesize (\d+)\s+"
        r"maxprot ...\s+initprot (...)",
        said,
    )
    assert [(s.address, s.memory_size, s.file_size, f"{s}"[-4:-1]) for s in facts.segments] == [
        (int(a, 16), int(m, 16), int(f), access) for a, m, f, access in segments
    ]
    said = asked("llvm-objdump", "--macho", "--exports-trie", content=data)
    assert re.findall(r"^0x\w+\s+_(\w+)$", said, re.MULTILINE) == list(facts.exports)
    said = asked("llvm-nm", "--undefined-only", "--just-symbol-name", content=data)
    assert sorted(said.split()) == list(facts.undefined)


@pytest.mark.parametrize("platform", MACHO)
def test_fixups_agree_with_llvm_objdump(platform):
    data = linked(platform, extra=USES_ANOTHER)
    fixups = read_image(data, "image").fixups
    said = asked("llvm-objdump", "--macho", "--dyld-info", content=data)
    rebases = re.findall(r"(0x\w+)\s+0x\w+\s+rebase\s+(0x\w+)$", said, re.MULTILINE)
    assert len(rebases) >= 6
    assert fixups.pointers == {int(place, 16): int(target, 16) for place, target in rebases}
    binds = re.findall(r"(0x\w+)\s+0x\w+\s+bind .* (\S+)$", said, re.MULTILINE)
    assert [(sorted(fixups.bound), list(fixups.symbols))] == [
        ([int(place, 16) for place, _ in binds], [name for _, name in binds])
    ]
    data = linked(platform, add=("-no_fixup_chains",))
    fixups = read_image(data, "image").fixups
    said = asked("llvm-objdump", "--macho", "--rebase", content=data)
    places = re.findall(r"(0x\w+)\s+pointer$", said, re.MULTILINE)
    assert len(places) >= 6
    assert sorted(fixups.pointers) == [int(place, 16) for place in places]


def test_an_image_of_zigs_linker_is_read(tmp_path):
    """It exports and binds names of its own, which the rules allow where libSystem is needed."""
    pytest.importorskip("ziglang")
    thunks, data = shared_objects(ARM)
    for name, content in (("t.o", thunks), ("d.o", data), ("c.o", compiled(CODE, ARM))):
        (tmp_path / name).write_bytes(content)
    words = "cc -shared -target aarch64-macos.11.0 -nostdlib -Wl,-undefined,dynamic_lookup"
    done = subprocess.run(
        [sys.executable, "-m", "ziglang", *words.split(), "-o", "z.dylib", "t.o", "d.o", "c.o"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    facts = image_facts((tmp_path / "z.dylib").read_bytes())
    assert facts.header == HEADER
    assert facts.table_problem == ""
    assert "pkgimage" in facts.exports
    assert facts.macho.signature.problem == ""
    assert facts.libraries == ("/usr/lib/libSystem.B.dylib",)
    assert set(facts.exports) > {"pkgimage"}
    # Nothing said how it is to be called, so the install name is missing or a path.
    assert {finding.rule for finding in verify(facts, HEADER, PLATFORMS[ARM])} <= {
        "install name",
        "paths",
    }
    alone = dataclasses.replace(facts, libraries=())
    assert {finding.rule for finding in verify(alone, HEADER, PLATFORMS[ARM])} >= {
        "exports", "undefined symbols", "bindings", "build version",
    }  # fmt: skip
