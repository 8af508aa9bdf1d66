"""Each flavor's command line, for each form of LLD and each machine."""

from __future__ import annotations

import pytest
from packageimage.model.errors import PackageImageError
from packageimage.model.platform import PLATFORMS
from site_tools.lld_flavors import flavor_for, known_flavors
from site_tools.lld_flavors.linker import Linker

LLD = Linker("lld", ("/opt/lld",), (19, 1, 7))
LD_LLD = Linker("ld.lld", ("/opt/ld.lld-14",), (14, 0, 6))
ZIG = Linker("zig", ("python", "-m", "ziglang"), (22, 1, 8))

ELF_FLAGS = (
    "-shared --build-id=none -nostdlib --no-undefined -z now -z relro -z noexecstack -z text "
    "--hash-style=gnu --eh-frame-hdr --gc-sections"
)


@pytest.mark.parametrize(
    ("linker", "platform", "start"),
    [
        (LLD, "linux-x86_64", "/opt/lld -flavor gnu -m elf_x86_64"),
        (LLD, "linux-aarch64", "/opt/lld -flavor gnu -m aarch64elf"),
        (LD_LLD, "linux-x86_64", "/opt/ld.lld-14 -m elf_x86_64"),
        (LD_LLD, "linux-aarch64", "/opt/ld.lld-14 -m aarch64elf"),
        (ZIG, "linux-x86_64", "python -m ziglang ld.lld -m elf_x86_64"),
        (ZIG, "linux-aarch64", "python -m ziglang ld.lld -m aarch64elf"),
    ],
)
def test_elf(linker, platform, start):
    command = flavor_for("elf").command(linker, PLATFORMS[platform], ["D/a.o", "D/b c.o"])
    assert command == [*f"{start} {ELF_FLAGS} -o {{output}}".split(), "D/a.o", "D/b c.o"]


def test_the_output_can_be_named():
    command = flavor_for("elf").command(LLD, PLATFORMS["linux-x86_64"], ["a.o"], output="x y.so")
    assert command[-3:] == ["-o", "x y.so", "a.o"]


def test_flavors_are_found_by_their_files():
    assert "elf" in known_flavors()
    assert known_flavors() == tuple(sorted(known_flavors()))
    for name in known_flavors():
        assert flavor_for(name).object_format == name
    # Every flavor links some platform: a helper module that is taken for one would show here.
    assert set(known_flavors()) <= {platform.object_format for platform in PLATFORMS.values()}


@pytest.mark.parametrize("name", ["", "xcoff", "detect", "flavor", "../elf", "elf.x"])
def test_an_unknown_object_format_lists_the_known(name):
    with pytest.raises(PackageImageError, match=r"found none for .*; this version links .*elf"):
        flavor_for(name)


def test_an_unknown_machine_is_refused():
    odd = PLATFORMS["linux-x86_64"].replace(arch="riscv64")
    with pytest.raises(PackageImageError, match="knows the machines x86_64, aarch64, found riscv6"):
        flavor_for("elf").command(LLD, odd, ["a.o"])


def test_a_form_of_lld_that_cannot_is_refused_by_name():
    elf = type(flavor_for("elf"))
    only_lld = type("OnlyLld", (elf,), {"forms": {"lld": ("-flavor", "gnu")}})()
    with pytest.raises(PackageImageError) as caught:
        only_lld.command(ZIG, PLATFORMS["linux-x86_64"], ["a.o"])
    assert str(caught.value) == (
        "linking elf needs LLD as lld, found LLD 22.1.8 (python -m ziglang); "
        "install LLVM's lld or set PKGIMAGE_LLD to its path"
    )
