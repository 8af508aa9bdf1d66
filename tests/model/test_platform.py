from __future__ import annotations

import pytest
from packageimage.model.errors import PackageImageError
from packageimage.model.platform import PLATFORMS, host_platform, platform_named, platform_of


def test_names_are_sorted_and_known() -> None:
    assert list(PLATFORMS) == sorted(PLATFORMS)
    for name, platform in PLATFORMS.items():
        assert platform_named(name) is platform
        assert str(platform) == name
        assert platform.image_suffix.startswith(".pkgimage.")


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(PackageImageError, match=r"linux-x86_64.*found 'linux-sparc'"):
        platform_named("linux-sparc")


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("linux", "x86_64", "linux-x86_64"),
        ("linux", "aarch64", "linux-aarch64"),
        ("darwin", "arm64", "macos-arm64"),
        ("darwin", "x86_64", "macos-x86_64"),
        ("win32", "AMD64", "windows-x86_64"),
    ],
)
def test_platform_of(system: str, machine: str, name: str) -> None:
    assert platform_of(system, machine).name == name


@pytest.mark.parametrize(
    ("system", "machine", "bits"),
    [("linux", "x86_64", 32), ("linux", "ppc64le", 64), ("freebsd", "x86_64", 64)],
)
def test_other_machines(system: str, machine: str, bits: int) -> None:
    with pytest.raises(PackageImageError, match="known platforms are"):
        platform_of(system, machine, bits)


def test_host() -> None:
    try:
        assert host_platform() in PLATFORMS.values()
    except PackageImageError:
        pytest.skip("tests run on a machine that is no platform")
