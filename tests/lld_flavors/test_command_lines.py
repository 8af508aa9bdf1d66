"""Each flavor's command line, for each form of LLD and each machine."""

from __future__ import annotations

import pytest
from packageimage.model.errors import PackageImageError
from packageimage.model.platform import PLATFORMS
from site_tools.lld_flavors import (
    flavor_for,
    flavor_named,
    flavors_for,
    kinds_for,
    known_flavors,
    object_formats,
)
from site_tools.lld_flavors.linker import Linker

LLD = Linker("lld", ("/opt/lld",), (19, 1, 7))
LD_LLD = Linker("ld.lld", ("/opt/ld.lld-14",), (14, 0, 6))
LD64 = Linker("ld64.lld", ("/opt/ld64.lld",), (15, 0, 7))
LLD_LINK = Linker("lld-link", ("/opt/lld-link",), (19, 1, 7))
ZIG = Linker("zig", ("python", "-m", "ziglang"), (22, 1, 8))

ELF_FLAGS = (
    "-shared --build-id=none -nostdlib --no-undefined -z now -z relro -z noexecstack -z text "
    "--hash-style=gnu --eh-frame-hdr --gc-sections"
)


def command_of(linker, platform):
    _, flavor = flavor_for(PLATFORMS[platform].object_format, linker)
    return flavor.command(linker, PLATFORMS[platform], ["D/a.o", "D/b c.o"])


@pytest.mark.parametrize(
    ("linker", "platform", "start"),
    [
        (LLD, "linux-x86_64", "/opt/lld -flavor gnu -m elf_x86_64"),
        (LLD, "linux-aarch64", "/opt/lld -flavor gnu -m aarch64elf"),
        (LLD, "linux-riscv64", "/opt/lld -flavor gnu -m elf64lriscv"),
        (LD_LLD, "linux-x86_64", "/opt/ld.lld-14 -m elf_x86_64"),
        (LD_LLD, "linux-aarch64", "/opt/ld.lld-14 -m aarch64elf"),
        (ZIG, "linux-x86_64", "python -m ziglang ld.lld -m elf_x86_64"),
        (ZIG, "linux-aarch64", "python -m ziglang ld.lld -m aarch64elf"),
    ],
)
def test_elf(linker, platform, start):
    assert command_of(linker, platform) == [
        *f"{start} {ELF_FLAGS} -o {{output}}".split(),
        "D/a.o",
        "D/b c.o",
    ]


def test_the_output_can_be_named():
    command = flavor_named("elf").command(LLD, PLATFORMS["linux-x86_64"], ["a.o"], output="x y.so")
    assert command[-3:] == ["-o", "x y.so", "a.o"]


MACHO = "-dylib -install_name @rpath/{name} -oso_prefix . -undefined dynamic_lookup"
MINGW = "-shared -e _DllMainCRTStartup --no-insert-timestamp --dynamicbase --high-entropy-va"
LINK = (
    "-lldmingw -dll -entry:_DllMainCRTStartup -timestamp:0 -nodefaultlib -dynamicbase "
    "-highentropyva -nxcompat -debug:dwarf -out:{output}"
)


@pytest.mark.parametrize(
    ("linker", "platform", "command"),
    [
        (
            LLD,
            "macos-arm64",
            "/opt/lld -flavor darwin -arch arm64 -platform_version macos 11.0 11.0 "
            f"{MACHO} -fixup_chains -adhoc_codesign -o {{output}}",
        ),
        (
            LD64,
            "macos-x86_64",
            "/opt/ld64.lld -arch x86_64 -platform_version macos 11.0 11.0 "
            f"{MACHO} -adhoc_codesign -o {{output}}",
        ),
        (
            ZIG,
            "macos-arm64",
            "python -m ziglang cc -target aarch64-macos.11.0 -shared "
            "-Wl,-install_name,@rpath/{name} -nostdlib -Wl,-undefined,dynamic_lookup -o {output}",
        ),
        (
            LLD,
            "windows-x86_64",
            f"/opt/lld -flavor gnu -m i386pep {MINGW} --nxcompat -o {{output}}",
        ),
        (LD_LLD, "windows-arm64", f"/opt/ld.lld-14 -m arm64pe {MINGW} --nxcompat -o {{output}}"),
        (LLD_LINK, "windows-x86_64", f"/opt/lld-link {LINK}"),
        (ZIG, "windows-arm64", f"python -m ziglang lld-link {LINK}"),
    ],
)
def test_other_formats(linker, platform, command):
    machine = {"windows-x86_64": ["-machine:x64"], "windows-arm64": ["-machine:arm64"]}
    words = command.split()
    if "-lldmingw" in words:
        at = words.index("-lldmingw")
        words[at:at] = machine[platform]
    assert command_of(linker, platform) == [*words, "D/a.o", "D/b c.o"]


def test_flavors_are_found_by_their_files():
    assert known_flavors() == ("coff", "coff_link", "elf", "macho", "macho_zig")
    # Every flavor links some platform: a helper module that is taken for one would show here.
    formats = {platform.object_format for platform in PLATFORMS.values()}
    assert set(object_formats()) == formats
    for name in formats:
        assert name in flavors_for(name)


def test_every_platform_can_be_linked_with_the_wheel_alone():
    for platform in PLATFORMS.values():
        assert "zig" in kinds_for(platform.object_format)
        assert command_of(ZIG, platform.name)[:3] == list(ZIG.command)


@pytest.mark.parametrize("name", ["", "xcoff", "detect", "flavor", "../elf", "elf.x"])
def test_an_unknown_object_format_lists_the_known(name):
    with pytest.raises(PackageImageError, match=r"found none for .*; this version links .*elf"):
        flavors_for(name)


def test_an_unknown_machine_is_refused():
    odd = PLATFORMS["linux-x86_64"].replace(arch="ppc64le")
    with pytest.raises(PackageImageError, match=r"knows the machines x86_64, .*, found ppc64le"):
        flavor_named("elf").command(LLD, odd, ["a.o"])


def test_a_form_of_lld_that_cannot_is_refused_by_name():
    elf = type(flavor_named("elf"))
    only_lld = type("OnlyLld", (elf,), {"forms": {"lld": ("-flavor", "gnu")}})()
    with pytest.raises(PackageImageError) as caught:
        only_lld.command(ZIG, PLATFORMS["linux-x86_64"], ["a.o"])
    assert str(caught.value) == (
        "linking elf needs LLD as lld, found LLD 22.1.8 (python -m ziglang); "
        "install LLVM's lld or set PKGIMAGE_LLD to its path"
    )


def test_a_form_that_no_flavor_of_the_format_has():
    with pytest.raises(PackageImageError) as caught:
        flavor_for("macho", LLD_LINK)
    assert str(caught.value) == (
        "linking macho needs LLD as lld or ld64.lld or zig, found LLD 19.1.7 (/opt/lld-link); "
        "install LLVM's lld or set PKGIMAGE_LLD to its path"
    )
