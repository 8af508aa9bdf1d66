"""Genuine dylibs, made by codegen and linked by LLD, run in Linux processes of their CPU."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import llvmlite.binding as ll
import pytest
from image_build import _OBSERVER as OBSERVER
from image_build import PACKAGES, build, environment, run_plain
from packageimage.codegen.data_object import data_object, frame_bitcode
from packageimage.codegen.emit import emit_object
from packageimage.codegen.llvm import initialise
from packageimage.codegen.slots import clone_symbol
from packageimage.codegen.thunks import Table, slot_names, thunk_object
from packageimage.inspect.objects import undefined_symbols
from packageimage.model.cpu_targets import parse_cpu_targets
from packageimage.model.flags import CacheFlags
from packageimage.model.platform import PLATFORMS, Platform

from machines.machine import Machine

pytestmark = pytest.mark.machines
LIBRARY = Path(__file__).resolve().parents[2] / "site_scons"

ENTRIES = ("both", "both_floats", "clear", "environment", "fill", "mean", "quotient", "tuple")
# What LLVM itself calls on macOS: __sincos_stret, __sincosf_stret, bzero or __bzero and
# memset_pattern16; GCC's helpers for 128 bits; a variadic function with more arguments than there
# are registers.
IR = """
@_ZN08NumbaEnv4mean = external global ptr
@pkgimage.obj.PyExc_ValueError = external global ptr
declare double @llvm.sin.f64(double)
declare double @llvm.cos.f64(double)
declare float @llvm.sin.f32(float)
declare float @llvm.cos.f32(float)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare ptr @PyTuple_Pack(i64, ...)

define double @both(double %x) {
  %s = call double @llvm.sin.f64(double %x)
  %c = call double @llvm.cos.f64(double %x)
  %t = fmul double %s, 10.0
  %y = fadd double %t, %c
  ret double %y
}
define float @both_floats(float %x) {
  %s = call float @llvm.sin.f32(float %x)
  %c = call float @llvm.cos.f32(float %x)
  %t = fmul float %s, 8.0
  %y = fadd float %t, %c
  ret float %y
}
define void @clear(ptr %to, i64 %n) {
  call void @llvm.memset.p0.i64(ptr %to, i8 0, i64 %n, i1 false)
  ret void
}
define ptr @environment(i64 %which) {
  %env = load ptr, ptr @_ZN08NumbaEnv4mean
  %error = load ptr, ptr @pkgimage.obj.PyExc_ValueError
  %first = icmp eq i64 %which, 0
  %chosen = select i1 %first, ptr %env, ptr %error
  ret ptr %chosen
}
define void @fill(ptr noalias %to, i64 %n) {
entry:
  br label %body
body:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %p = getelementptr double, ptr %to, i64 %i
  store double 1.25, ptr %p
  %next = add nuw nsw i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %body, label %done
done:
  ret void
}
define double @mean(ptr noalias %in, i64 %n) {
entry:
  br label %body
body:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %sum = phi double [ 0.0, %entry ], [ %more.sum, %body ]
  %p = getelementptr double, ptr %in, i64 %i
  %x = load double, ptr %p
  %more.sum = fadd fast double %sum, %x
  %next = add nuw nsw i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %body, label %done
done:
  %count = sitofp i64 %n to double
  %y = fdiv double %more.sum, %count
  ret double %y
}
define i64 @quotient(i64 %high, i64 %low, i64 %by) {
  %a = zext i64 %high to i128
  %b = shl i128 %a, 64
  %c = zext i64 %low to i128
  %d = or i128 %b, %c
  %e = zext i64 %by to i128
  %f = udiv i128 %d, %e
  %g = trunc i128 %f to i64
  ret i64 %g
}
define ptr @tuple(ptr %o, ptr %p) {
  %t = call ptr (i64, ...) @PyTuple_Pack(i64 12, ptr %o, ptr %p, ptr %o, ptr %o, ptr %p,
       ptr %p, ptr %o, ptr %o, ptr %o, ptr %p, ptr %p, ptr %p)
  ret ptr %t
}
"""

PROGRAM = """
import ctypes, json, math, sys
from machines.dylib import Dylib
from machines import macos_names
from types import SimpleNamespace
from packageimage.load import image
from packageimage.load.methods import bound_of

dylib = Dylib(sys.argv[1])
names, entries = json.loads(sys.argv[2]), json.loads(sys.argv[3])
values = image.TABLE.unpack(ctypes.string_at(dylib.address("pkgimage"), image.TABLE.size))
table = SimpleNamespace(**dict(zip(image.TABLE_FIELDS, values, strict=True)))
assert table.magic.to_bytes(8, "little") == b"PKGIMAGE" and table.n_slots == len(names)

class Opened:
    bound_slots = tuple(bound_of(names))
    slots = (ctypes.c_void_p * len(names)).from_address(table.slots)

missing = image.fill_slots(Opened, lambda name: macos_names.address_of(name, image.process_address))
assert [name for _, name in missing] == [], missing
Opened.slots[names.index("_ZN08NumbaEnv4mean")] = 0x1234

def entry(target, name, result, *arguments):
    tables = (ctypes.c_void_p * table.n_targets).from_address(table.entries)
    addresses = (ctypes.c_void_p * len(entries)).from_address(tables[target])
    return ctypes.PYFUNCTYPE(result, *arguments)(addresses[entries.index(name)])

double, float_, int64, pointer = ctypes.c_double, ctypes.c_float, ctypes.c_int64, ctypes.c_void_p
shown = {"header": ctypes.string_at(table.header, table.header_size).decode()}
shown["methods aligned"] = table.methods % 64
values = (double * 37)(*range(37))
bits = ctypes.c_uint64
for target in range(table.n_targets):
    filled = (double * 9)()
    entry(target, "fill", None, pointer, int64)(filled, 8)
    cleared = (ctypes.c_char * 300)(*b"x" * 300)
    entry(target, "clear", None, pointer, int64)(cleared, 299)
    environment = entry(target, "environment", pointer, int64)
    shown[f"target {target}"] = [
        entry(target, "both", double, double)(0.5) == math.sin(0.5) * 10.0 + math.cos(0.5),
        round(entry(target, "both_floats", float_, float_)(0.5), 5),
        entry(target, "mean", double, pointer, int64)(values, 37),
        list(filled), cleared.raw.count(b"x"),
        environment(0), environment(1) == id(ValueError),
        entry(target, "quotient", bits, bits, bits, bits)(5, 7, 1 << 33),
        entry(target, "tuple", ctypes.py_object, ctypes.py_object, ctypes.py_object)("o", "p"),
    ]
print(json.dumps(shown))
"""


def targets_of(platform: Platform):
    names = {"x86_64": "generic;haswell", "aarch64": "generic;apple-m1"}
    return parse_cpu_targets(names[platform.arch], platform.arch)


def bitcode(ir: str) -> bytes:
    initialise()
    return ll.parse_assembly(ir).as_bitcode()


def make_dylib(folder: Path, platform: Platform, *words: str) -> tuple[Path, tuple[str, ...]]:
    """An image of IR and the names of its slots; `words` tell LLD how to do fixups."""
    lld = shutil.which("lld-19") or shutil.which("lld")
    if lld is None:
        pytest.skip("found no lld: install it (Debian: apt install lld-19)")
    targets, source = targets_of(platform), bitcode(IR)
    code = [
        emit_object(source, ENTRIES, 0, t, targets, platform, CacheFlags())
        for t in range(len(targets))
    ]
    own = {clone_symbol(entry, t) for entry in ENTRIES for t in range(len(targets))}
    wanted = {name.removeprefix("_") for data in code for name in undefined_symbols(data)}
    slots = slot_names(wanted - own)
    header, methods, framed = b"header", b"methods", frame_bitcode([source])
    table = Table(len(targets), 1, len(header), len(methods), len(framed))
    objects = [
        *code,
        thunk_object(slots, table, platform),
        data_object(header, methods, framed, platform),
    ]
    for number, data in enumerate(objects):
        (folder / f"{number}.o").write_bytes(data)
    arch = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.arch]
    output = folder / f"image{platform.image_suffix}"
    done = subprocess.run(
        [
            lld, "-flavor", "darwin", "-arch", arch, "-platform_version", "macos", "11.0", "11.0",
            *words, "-dylib", "-undefined", "dynamic_lookup", "-adhoc_codesign",
            "-install_name", "@rpath/image", "-o", output,
            *(folder / f"{number}.o" for number in range(len(objects))),
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return output, slots


@pytest.fixture(params=["macos_arm64", "macos_x86_64"])
def machine(request: pytest.FixtureRequest) -> Machine:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("fixups", ["-fixup_chains", "-no_fixup_chains"])
def test_an_image_runs(machine, fixups, tmp_path):
    dylib, slots = make_dylib(tmp_path, PLATFORMS[machine.platform], fixups)
    assert {"__sincos_stret", "__sincosf_stret", "memset_pattern16", "__udivti3"} <= {*slots}
    result = machine.python(
        "-c", PROGRAM, dylib, json.dumps(slots), json.dumps(ENTRIES),
        env={"PYTHONPATH": LIBRARY},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    shown = json.loads(result.stdout)
    quotient = ((5 << 64) + 7) // (1 << 33)
    answers = [
        True, 4.71299, 18.0, [1.25] * 8 + [0.0], 1, 0x1234, True, quotient, list("opooppoooppp"),
    ]  # fmt: skip
    assert shown == {
        "header": "header", "methods aligned": 0, "target 0": answers, "target 1": answers
    }  # fmt: skip


def refused(machine: Machine, dylib: Path) -> str:
    program = "import sys; from machines.dylib import Dylib; Dylib(sys.argv[1])"
    result = machine.python("-c", program, dylib)
    assert result.returncode == 1
    return result.stderr.rpartition("DylibError: ")[2].strip()


def test_the_older_fixups_are_what_is_tested(tmp_path):
    dylib, _ = make_dylib(tmp_path, PLATFORMS["macos-x86_64"], "-no_fixup_chains")
    assert (0x80000022).to_bytes(4, "little") in dylib.read_bytes()[:4096]  # LC_DYLD_INFO_ONLY


def test_memory_both_written_and_run_is_refused(macos_x86_64, tmp_path):
    dylib, _ = make_dylib(tmp_path, PLATFORMS["macos-x86_64"], "-segprot", "__DATA", "rwx", "rwx")
    assert refused(macos_x86_64, dylib) == "its segment __DATA can be both written and run"


def test_a_dylib_for_another_cpu_is_refused(macos_x86_64, tmp_path):
    dylib, _ = make_dylib(tmp_path, PLATFORMS["macos-arm64"])
    assert refused(macos_x86_64, dylib) == (
        "expected a dylib (file type 6) for x86_64, found file type 6 for aarch64"
    )


def test_the_code_of_an_image_cannot_be_written(macos_x86_64, tmp_path):
    dylib, _ = make_dylib(tmp_path, PLATFORMS["macos-x86_64"])
    program = """
import sys
from machines.dylib import Dylib
dylib = Dylib(sys.argv[1])
table = dylib.address("pkgimage")
maps = [line.split() for line in open("/proc/self/maps")]
spans = [([int(end, 16) for end in words[0].split("-")], words[1]) for words in maps]
ours = [modes for (start, end), modes in spans if start <= table < end]
print(ours, [s.protection for s in dylib.segments if s.name == "__TEXT"])
assert not [modes for _, modes in spans if "wx" in modes]
"""
    result = macos_x86_64.python("-c", program, dylib)
    assert (result.returncode, result.stdout) == (0, "['r--p'] [5]\n"), result.stderr


def test_the_loader_and_numba_use_an_image(machine, tmp_path):
    """The whole package of the tests: equal results and nothing compiled."""
    workload, depot = PACKAGES / "everything_workload.py", tmp_path / "depot"
    build(tmp_path, depot, "everything", workload, PACKAGES, "--platform", machine.platform)
    result = machine.python(
        "-c", "import machines.macos_process as m; m.pretend()\n" + OBSERVER, workload,
        env=environment(tmp_path, PACKAGES, PKGIMAGE_DEPOT_PATH=str(depot)),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stderr.splitlines()[-1])
    assert (seen["compiled"], seen["misses"], seen["rejections"]) == ([], [], [])
    assert seen["answered"] > 60
    assert result.stdout == run_plain(tmp_path, workload, PACKAGES)
