import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from ir_samples import CLONED, HEAD, KERNEL_ENTRIES, KERNELS, RECURSION, bitcode
from packageimage.codegen.emit import emit_assembly, emit_object
from packageimage.model.cpu_targets import parse_cpu_targets
from packageimage.model.errors import PackageImageError
from packageimage.model.flags import CacheFlags
from packageimage.model.platform import PLATFORMS, Platform

LINUX = PLATFORMS["linux-x86_64"]
RISCV = Platform(
    "linux-riscv64", "riscv64-unknown-linux-gnu", "elf", "riscv64", "linux", ".pkgimage.so"
)
TARGETS = "generic;haswell;x86-64-v4"


def emit(
    ir=KERNELS, entries=KERNEL_ENTRIES, index=0, targets=TARGETS, platform=LINUX, flags=None, **kw
):
    return emit_object(
        bitcode(ir),
        entries,
        0,
        index,
        parse_cpu_targets(targets, platform.arch),
        platform,
        flags or CacheFlags(),
        **kw,
    )


def assembly(index, targets=TARGETS, platform=LINUX, flags=None, ir=KERNELS):
    return emit_assembly(
        bitcode(ir),
        KERNEL_ENTRIES,
        0,
        index,
        parse_cpu_targets(targets, platform.arch),
        platform,
        flags or CacheFlags(),
    )


def symbols(data):
    """Global symbols: those defined and those wanted, each with its visibility."""
    defined, undefined = {}, {}
    for symbol in ELFFile(io.BytesIO(data)).get_section_by_name(".symtab").iter_symbols():
        if symbol["st_info"]["bind"] != "STB_LOCAL":
            where = undefined if symbol["st_shndx"] == "SHN_UNDEF" else defined
            where[symbol.name] = symbol["st_other"]["visibility"]
    return defined, undefined


def relocation_symbols(data, section):
    elf = ELFFile(io.BytesIO(data))
    table = elf.get_section_by_name(".symtab")
    relocations = elf.get_section_by_name(f".rela{section}")
    return [table.get_symbol(r["r_info_sym"]).name for r in relocations.iter_relocations()]


def test_target_0_holds_every_entry_hidden():
    defined, undefined = symbols(emit())
    assert set(defined) == {f"{e}.t0" for e in KERNEL_ENTRIES} | {"pkgimage.entries.0.0"}
    assert set(defined.values()) == {"STV_HIDDEN"}
    slots = {"_ZN08NumbaEnv4shift", "pkgimage.obj.PyExc_ValueError"}
    slots |= {"pkgimage.call.NRT_Allocate", "pkgimage.call.NRT_Free"}
    assert set(undefined) == slots | {"sin"}
    # Hidden: reached without a global offset table.
    assert {undefined[slot] for slot in slots} == {"STV_HIDDEN"}


@pytest.mark.parametrize(
    ("targets", "index", "base"),
    [
        (TARGETS, 1, 0),
        (TARGETS, 2, 0),
        ("generic;haswell,clone_all;x86-64-v4,base(1)", 2, 1),
    ],
)
def test_a_later_target_points_to_its_base_for_the_rest(targets, index, base):
    data = emit(index=index, targets=targets)
    defined, undefined = symbols(data)
    assert set(defined) == {f"{e}.t{index}" for e in CLONED} | {f"pkgimage.entries.0.{index}"}
    assert {f"shift.t{base}", f"math (quoted).t{base}"} <= set(undefined)
    assert relocation_symbols(data, ".data.rel.ro") == [
        f"scale.t{index}",
        f"shift.t{base}",
        f"calls.t{index}",
        f"math (quoted).t{base}",
    ]


def test_clone_all_holds_every_entry():
    defined, _ = symbols(emit(index=1, targets="generic;haswell,clone_all"))
    assert {f"{e}.t1" for e in KERNEL_ENTRIES} < set(defined)


def test_a_partition_without_entries_has_a_table_of_one_null():
    defined, undefined = symbols(emit(entries=()))
    assert set(defined) == {"pkgimage.entries.0.0"}
    assert not undefined


@pytest.mark.parametrize(
    ("index", "register", "absent"),
    [(0, "%xmm", "%ymm"), (1, "%ymm", "%zmm"), (2, "%ymm", "%xmm31")],
)
def test_vector_registers_of_the_target(index, register, absent):
    text = assembly(index)
    assert re.search(rf"mulpd.*{register}|addpd.*{register}", text)
    assert absent not in text


@pytest.mark.parametrize("level", [0, 1])
def test_no_vectorising_below_opt_level_2(level):
    assert "mulpd" not in assembly(1, flags=CacheFlags(opt_level=level))


@pytest.mark.parametrize("option", ["opt_size", "min_size"])
def test_size_options_make_code_smaller(option):
    def size(targets):
        text = ELFFile(io.BytesIO(emit(targets=targets))).get_section_by_name(".text")
        return text.data_size

    assert size(f"haswell,{option}") < size("haswell")


@pytest.mark.parametrize(
    ("platform", "targets", "vectors"),
    [
        (PLATFORMS["linux-aarch64"], "generic", r"v\d+\.2d"),
        (PLATFORMS["macos-arm64"], "apple-m1", r"fm[a-z]+[.\s]"),
        (PLATFORMS["macos-x86_64"], "haswell", r"%ymm"),
        (PLATFORMS["windows-x86_64"], "haswell", r"%ymm"),
        (RISCV, "generic", r"fmul\.d|fadd\.d"),
    ],
)
def test_every_platform(platform, targets, vectors):
    assert re.search(vectors, assembly(0, targets, platform))
    data = emit(targets=targets, platform=platform)
    magic = {"elf": b"\x7fELF", "macho": b"\xcf\xfa\xed\xfe", "coff": b"\x64\x86"}
    assert data.startswith(magic[platform.object_format])


def test_riscv_passes_doubles_in_registers():
    header = ELFFile(io.BytesIO(emit(targets="generic", platform=RISCV))).header
    assert header["e_machine"] == "EM_RISCV"
    assert header["e_flags"] & 0x6 == 0x4  # EF_RISCV_FLOAT_ABI_DOUBLE


def test_mutual_recursion_becomes_direct_calls():
    data = emit(RECURSION, ("even",), targets="generic")
    defined, undefined = symbols(data)
    assert set(defined) == {"even.t0", "pkgimage.entries.0.0"}
    assert not undefined
    # Through the recursion the entry leads to itself; both are entries when asked for.
    defined, undefined = symbols(emit(RECURSION, ("even", "odd"), 1, "generic;haswell"))
    assert not {name for name in undefined if "odd.t1" in name or "even.t1" in name}


def test_equal_in_other_processes():
    program = (
        "import sys, hashlib; sys.path[:0] = sys.argv[1:]; import test_emit\n"
        "print(hashlib.sha256(b''.join(test_emit.emit(index=i) for i in range(3))).hexdigest())"
    )
    here = Path(__file__).parent
    found = {
        subprocess.run(
            [sys.executable, "-c", program, str(here), str(here.parents[1] / "site_scons")],
            check=True,
            capture_output=True,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_no_name_of_this_machine_in_the_object():
    assert b"<string>" not in emit()


@pytest.mark.parametrize(
    ("ir", "entries", "message"),
    [
        (
            HEAD + "@stray = external global i32\n"
            "define internal ptr @inner() {\n  ret ptr @stray\n}\n"
            "define ptr @f() {\n  %p = call ptr @inner()\n  ret ptr %p\n}\n",
            ("f",),
            "pkg.mod.f(int64): expected only variables .* external variable 'stray'",
        ),
        (
            HEAD + '@".numba.unresolved$gone" = external global ptr\n'
            'define ptr @f() {\n  %p = load ptr, ptr @".numba.unresolved$gone"\n  ret ptr %p\n}\n',
            ("f",),
            "pkg.mod.f(int64): expected the function 'gone'",
        ),
        (KERNELS, ("scale", "f"), "no definition of pkg.mod.f(int64)"),
    ],
)
def test_mistakes_are_one_line_that_names_the_function(ir, entries, message):
    with pytest.raises(PackageImageError) as caught:
        emit(ir, entries, owners={"f": "pkg.mod.f(int64)"})
    text = str(caught.value)
    assert re.search(message.replace("(int64)", r"\(int64\)"), text)
    assert "\n" not in text


def test_damaged_bitcode():
    targets = parse_cpu_targets("generic", "x86_64")
    with pytest.raises(PackageImageError, match="bitcode of partition 0") as caught:
        emit_object(b"BC\xc0\xdeoops", (), 0, 0, targets, LINUX, CacheFlags())
    assert "\n" not in str(caught.value)


def test_debug_information_is_kept():
    ir = KERNELS.replace(
        "define i32 @scale(ptr noalias %out, ptr noalias %in, i64 %n) {",
        "define i32 @scale(ptr noalias %out, ptr noalias %in, i64 %n) !dbg !4 {",
    ).replace("store double %z, ptr %q", "store double %z, ptr %q, !dbg !6")
    ir += """
!llvm.dbg.cu = !{!0}
!llvm.module.flags = !{!7, !8}
!0 = distinct !DICompileUnit(language: DW_LANG_C_plus_plus, file: !1, producer: "Numba", isOptimized: true, emissionKind: FullDebug)
!1 = !DIFile(filename: "mod.py", directory: "pkg")
!2 = !DISubroutineType(types: !3)
!3 = !{null}
!4 = distinct !DISubprogram(name: "scale", scope: !1, file: !1, line: 3, type: !2, unit: !0, spFlags: DISPFlagDefinition)
!6 = !DILocation(line: 5, column: 1, scope: !4)
!7 = !{i32 2, !"Debug Info Version", i32 3}
!8 = !{i32 2, !"Dwarf Version", i32 4}
"""  # noqa: E501
    elf = ELFFile(io.BytesIO(emit(ir)))
    assert elf.get_section_by_name(".debug_info") is not None
    assert elf.get_section_by_name(".debug_line") is not None
