"""`inspect.objects.undefined_symbols`."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from elf_samples import compile_ir
from packageimage.inspect.objects import undefined_symbols
from packageimage.model.errors import PackageImageError

ASKS_FOR_OTHERS = """
declare void @NRT_Free(ptr)
declare extern_weak void @weakling()
declare double @llvm.pow.f64(double, double)
@pkgimage.obj.PyExc_ValueError = external hidden global ptr
define void @defined(ptr %p, ptr %q) {
  call void @NRT_Free(ptr %p)
  call void @weakling()
  %x = load ptr, ptr @pkgimage.obj.PyExc_ValueError
  call void @NRT_Free(ptr %x)
  %a = load double, ptr %q
  %b = call double @llvm.pow.f64(double %a, double %a)
  store double %b, ptr %q
  call void @own(ptr %p)
  ret void
}
define internal void @own(ptr %p) noinline {
  store i64 1, ptr %p
  ret void
}
"""


@pytest.mark.parametrize("platform", ["linux-x86_64", "linux-aarch64"])
def test_names_are_sorted_and_each_once(platform):
    found = undefined_symbols(compile_ir(ASKS_FOR_OTHERS, platform))
    assert found == ("NRT_Free", "pkgimage.obj.PyExc_ValueError", "pow", "weakling")


def test_an_object_that_needs_nothing():
    assert undefined_symbols(compile_ir("define i64 @f() { ret i64 1 }")) == ()


def test_agrees_with_llvm_nm(tmp_path):
    nm = shutil.which("llvm-nm-19") or shutil.which("llvm-nm-14")
    if nm is None:
        pytest.skip("llvm-nm is not installed")
    path = tmp_path / "x.o"
    path.write_bytes(compile_ir(ASKS_FOR_OTHERS))
    listed = subprocess.run(
        [nm, "--undefined-only", "--just-symbol-name", path],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert undefined_symbols(path.read_bytes()) == tuple(sorted(listed))


def test_the_linkers_own_symbol_is_nobodys():
    ir = """@_GLOBAL_OFFSET_TABLE_ = external global ptr
    define ptr @f() { ret ptr @_GLOBAL_OFFSET_TABLE_ }"""
    assert undefined_symbols(compile_ir(ir)) == ()


@pytest.mark.parametrize("platform", ["macos-arm64", "windows-x86_64"])
def test_formats_to_come_are_named(platform):
    data = compile_ir("define i64 @f() { ret i64 1 }", platform)
    with pytest.raises(PackageImageError, match=r"^a\.o: expected .* found (macho|coff), which"):
        undefined_symbols(data, "a.o")


@pytest.mark.parametrize("data", [b"", b"\x7f", b"\x7fELF", b"!<arch>\n", b"\x7fELF" + b"\0" * 60])
def test_other_files_are_refused_in_one_line(data):
    with pytest.raises(PackageImageError) as caught:
        undefined_symbols(data, "a\nb.o")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("a\\nb.o: expected")


def test_truncated_and_flipped_objects_never_raise_anything_else():
    whole = compile_ir(ASKS_FOR_OTHERS)
    for size in range(0, len(whole), 7):
        _read(whole[:size])
    for position in range(len(whole)):
        for bits in (0x01, 0xFF):
            damaged = bytearray(whole)
            damaged[position] ^= bits
            _read(bytes(damaged))


def _read(data):
    try:
        undefined_symbols(data)
    except PackageImageError as error:
        assert "\n" not in str(error)
