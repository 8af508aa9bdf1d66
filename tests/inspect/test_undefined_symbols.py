"""`inspect.objects.undefined_symbols`."""

from __future__ import annotations

import pytest
from image_samples import asked, compiled, shared_objects
from packageimage.inspect.object_file import read_object
from packageimage.inspect.objects import undefined_symbols
from packageimage.model.errors import PackageImageError

PLATFORMS = (
    "linux-aarch64",
    "linux-riscv64",
    "linux-x86_64",
    "macos-arm64",
    "macos-x86_64",
    "windows-arm64",
    "windows-x86_64",
)

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


@pytest.mark.parametrize("platform", PLATFORMS)
def test_names_are_sorted_and_each_once(platform):
    found = undefined_symbols(compiled(ASKS_FOR_OTHERS, platform))
    names = ("NRT_Free", "pkgimage.obj.PyExc_ValueError", "pow", "weakling")
    underscore = "_" if platform.startswith("macos") else ""
    assert found == tuple(underscore + name for name in names)


def test_an_object_that_needs_nothing():
    assert undefined_symbols(compiled("define i64 @f() { ret i64 1 }", "linux-x86_64")) == ()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_agrees_with_llvm_nm(platform):
    content = compiled(ASKS_FOR_OTHERS, platform)
    listed = asked("llvm-nm", "--undefined-only", "--just-symbol-name", content=content).split()
    if platform.startswith("windows"):
        listed.append("weakling")  # nm counts it as defined, by the null that stands in for it
    assert undefined_symbols(content) == tuple(sorted(listed))


# Checked with lld-19: it links objects that ask for these, and refuses `_fltused`, which LLVM adds
# for Microsoft's ABI only.
LINKERS_OWN = {"linux": "_GLOBAL_OFFSET_TABLE_", "macos": "__dso_handle", "windows": "__ImageBase"}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_linkers_own_symbol_is_nobodys(platform):
    name = LINKERS_OWN[platform.partition("-")[0]]
    ir = f"""@{name} = external hidden global ptr
    define ptr @f() {{ ret ptr @{name} }}"""
    assert undefined_symbols(compiled(ir, platform)) == ()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_definitions_of_all_kinds_are_not_asked_for(platform):
    ir = """
    @common = common global i64 0
    @tentative_and_long_enough_for_the_string_table = common global i64 0
    define weak void @weak_definition() { ret void }
    define linkonce_odr void @once() { ret void }
    define void @f() {
      call void @weak_definition()
      call void @once()
      store i64 1, ptr @common
      store i64 1, ptr @tentative_and_long_enough_for_the_string_table
      ret void
    }
    """
    assert undefined_symbols(compiled(ir, platform)) == ()


def test_the_thunk_objects_of_all_platforms_define_what_they_need():
    for platform in PLATFORMS:
        thunks, data = shared_objects(platform)
        names = {name.removeprefix("_") for name in undefined_symbols(thunks)}
        assert names == {
            "pkgimage.bitcode",
            "pkgimage.entries.0.0",
            "pkgimage.header",
            "pkgimage.methods",
        }
        assert undefined_symbols(data) == ()


def test_a_big_object():
    """More than 65,279 sections, which LLVM then counts in 32 bits."""
    # Comdats get sections of their own; the names reach into the string table.
    ir = "declare void @NRT_Free()\n" + "".join(
        f"$a_long_enough_name{n} = comdat any\n@a_long_enough_name{n} = constant i8 1, comdat\n"
        for n in range(65_500)
    )
    ir += "define void @calls.t0() { call void @NRT_Free() ret void }"
    data = compiled(ir, "windows-x86_64")
    assert data.startswith(b"\0\0\xff\xff")
    read = read_object(data, "big.o", references=True)
    assert [symbol.name for symbol in read.symbols if symbol.undefined] == ["NRT_Free"]
    assert {"calls.t0", "a_long_enough_name65499"} < {symbol.name for symbol in read.symbols}
    assert "NRT_Free" in {reference.symbol for reference in read.references}


def test_an_import_librarys_member_is_no_object():
    data = b"\0\0\xff\xff\0\0\x64\x86" + bytes(60)
    with pytest.raises(PackageImageError, match="not a big object"):
        undefined_symbols(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x7f",
        b"\x7fELF",
        b"!<arch>\n",
        b"\x7fELF" + b"\0" * 60,
        b"\x64\x86",
        b"\xcf\xfa\xed\xfe",
    ],
)
def test_other_files_are_refused_in_one_line(data):
    with pytest.raises(PackageImageError) as caught:
        undefined_symbols(data, "a\nb.o")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("a\\nb.o: expected")
