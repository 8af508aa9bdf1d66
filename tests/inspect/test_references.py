"""`inspect.references` and `inspect.clones`: who uses a name, and which versions there are."""

from __future__ import annotations

import pytest
from image_samples import compiled
from packageimage.inspect.clones import clones_in
from packageimage.inspect.references import referring_functions
from packageimage.model.errors import PackageImageError

PLATFORMS = ("linux-aarch64", "linux-x86_64", "macos-arm64", "macos-x86_64", "windows-x86_64")

IR = """
declare void @NRT_Free(ptr)
declare double @llvm.pow.f64(double, double)
@variable = external global ptr
@table = constant [1 x ptr] [ptr @NRT_Free]
define internal void @inner(ptr %p) noinline {
  store i64 1, ptr %p
  call void @NRT_Free(ptr %p)
  ret void
}
define hidden void @first.t0(ptr %p) {
  %x = load ptr, ptr @variable
  call void @NRT_Free(ptr %x)
  call void @inner(ptr %p)
  ret void
}
define hidden void @second.t1(ptr %q) {
  %a = load double, ptr %q
  %b = call double @llvm.pow.f64(double %a, double %a)
  store double %b, ptr %q
  ret void
}
define hidden void @third.t1(ptr %q) {
  call void @inner(ptr %q)
  call void @elsewhere.t1()
  ret void
}
declare void @elsewhere.t1()
"""


@pytest.mark.parametrize("platform", PLATFORMS)
def test_functions_that_refer_to_a_name(platform):
    data = compiled(IR, platform)
    underscore = "_" if platform.startswith("macos") else ""

    def users(name):
        found = referring_functions(data, underscore + name)
        return tuple(function.removeprefix(underscore) for function in found)

    assert users("NRT_Free") == ("first.t0", "inner")
    assert users("pow") == ("second.t1",)
    assert users("variable") == ("first.t0",)
    assert users("nobody") == ()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_versions_are_counted(platform):
    data = compiled(IR, platform)
    assert [clones_in(data, target) for target in (0, 1, 2)] == [1, 2, 0]


def test_damaged_objects():
    assert clones_in(b"MZ", 0) is None
    assert clones_in(b"", 0) is None
    with pytest.raises(PackageImageError, match=r"^k\.o: expected"):
        referring_functions(b"\x7fELF", "x", "k.o")
