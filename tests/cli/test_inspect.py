"""`pkgimage inspect` on images of every format."""

from __future__ import annotations

import json

import pytest
from image_samples import SLOTS, linked, platform_named
from packageimage.cli import main
from packageimage.depot import HEADER_SUFFIX
from packageimage.model import header as headers
from packageimage.model.base_image import BaseImage
from packageimage.model.cpu_targets import parse_cpu_targets, target_records
from packageimage.model.flags import CacheFlags
from packageimage.model.platform import PLATFORMS


def encoded(platform: str) -> bytes:
    return headers.encode(
        headers.Header(
            package="kernels",
            build_id="1" * 64,
            capture="2" * 64,
            base=BaseImage("cpython-311", "0.68.1", "0.50.0", "", "2.4.6"),
            platform=platform,
            flags=CacheFlags(),
            targets=target_records(parse_cpu_targets("generic", platform_named(platform).arch)),
            partitions=(1,),
            slots=SLOTS,
            methods=7,
        )
    )


def image(folder, platform):
    file = folder / f"k{platform_named(platform).image_suffix}"
    file.write_bytes(linked(platform, header=encoded(platform), output=file.name))
    return file


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_good_image_of_each_platform(platform, tmp_path, capsys):
    assert main(["inspect", str(image(tmp_path, platform))]) == 0
    shown = capsys.readouterr().out
    for line in (
        f"  format: {platform_named(platform).object_format}",
        "  exports: pkgimage",
        "  libraries: none",
        f"  platform: {platform}",
        "  methods: 7",
        "  keeps every rule",
    ):
        assert line in shown.splitlines()


def test_json_says_all_of_it(tmp_path, capsys):
    files = [image(tmp_path, "macos-arm64"), image(tmp_path, "windows-x86_64")]
    assert main(["inspect", "--json", *map(str, files)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["format"], said["command"]) == (1, "inspect")
    first, second = said["files"]
    assert (first["image"]["machine"], second["image"]["machine"]) == ("aarch64", "x86_64")
    assert first["header"]["platform"] == "macos-arm64"
    assert first["header"]["build_id"] == "1" * 64
    assert first["problems"] == second["problems"] == []


def test_a_broken_rule(tmp_path, capsys):
    file = tmp_path / "k.pkgimage.so"
    platform = "linux-x86_64"
    extra = "define i32 @stray() {\n  ret i32 1\n}\n"
    file.write_bytes(linked(platform, extra=extra, header=encoded(platform)))
    assert main(["inspect", str(file)]) == 1
    shown = capsys.readouterr().out
    assert "  breaks 1 rules:" in shown
    assert "    exports: expected the one name pkgimage, found pkgimage, stray" in shown


def test_a_header_beside_it_that_is_another_ones(tmp_path, capsys):
    file = image(tmp_path, "linux-x86_64")
    beside = headers.decode(encoded("linux-x86_64")).replace(methods=8)
    sidecar = headers.encode_sidecar(headers.encode(beside), 1, "0" * 64, ())
    (tmp_path / f"k{HEADER_SUFFIX}").write_bytes(sidecar)
    assert main(["inspect", str(file)]) == 1
    assert "header: expected the one beside the image" in capsys.readouterr().out


def test_a_header_alone(tmp_path, capsys):
    file = tmp_path / f"k{HEADER_SUFFIX}"
    file.write_bytes(headers.encode_sidecar(encoded("linux-x86_64"), 1, "0" * 64, ()))
    assert main(["inspect", str(file)]) == 0
    assert "  package: kernels" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("absent.so", None, "expected an image or a header, found No such file or directory"),
        ("x.so", b"hello", "expected an ELF, Mach-O or COFF file"),
        ("x.pki", b"hello", "build the image again"),
        ("x.so", b"\x7fELF" + bytes(60), "build it again"),
    ],
)
def test_what_is_no_image(name, content, expected, tmp_path, capsys):
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    assert main(["inspect", str(file)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("pkgimage: error: ")
    assert expected in error
    assert error.count("\n") == 1
