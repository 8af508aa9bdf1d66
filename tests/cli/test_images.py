"""`pkgimage list`, `verify` and `explain` on a depot with one image, as it is and damaged."""

from __future__ import annotations

import json

import pytest
from image_build import pkgimage
from packageimage.model import header as headers
from packageimage.model.platform import host_platform

HERE = host_platform().name


def change_header(place, **changes):
    """The header beside the library with some fields changed, as another build would write it."""
    sidecar = headers.decode_sidecar(place.header.read_bytes())
    encoded = headers.encode(sidecar.header.replace(**changes))
    size, digest = sidecar.image_size, sidecar.image_sha256
    place.header.write_bytes(headers.encode_sidecar(encoded, size, digest, sidecar.includes))


def damage_library(place):
    data = bytearray(place.image.read_bytes())
    data[len(data) // 2] ^= 1
    place.image.write_bytes(bytes(data))


def cut_library(place):
    place.image.write_bytes(place.image.read_bytes()[:-1])


def edit_source(place):
    file = place.source / "tiny" / "constants.py"
    file.write_text(file.read_text().replace("2.5", "3.5"))


def run(place, *words, code=0, **settings):
    settings = {"PKGIMAGE_DEPOT_PATH": str(place.depot), **settings}
    done = pkgimage(place.home, *words, paths=(place.source,), **settings)
    assert (done.returncode, done.stderr) == (code, ""), done.stdout + done.stderr
    return done.stdout


def as_json(place, *words, code=0, **settings):
    return json.loads(run(place, *words, "--json", code=code, **settings))


def test_list(place):
    said = as_json(place, "list")
    (row,) = said["images"]
    assert said["depots"] == [row["depot"]] == [str(place.depot)]
    assert (row["package"], row["platform"], row["cpu_targets"]) == ("tiny", HERE, ["generic"])
    assert (row["fits"], row["why"], row["size"]) == (True, "", place.image.stat().st_size)
    assert row["methods"] >= 3
    shown = run(place, "list").splitlines()
    assert shown[0] == str(place.depot)
    assert shown[1].split() == ["package", "platform", "CPU", "targets", "flags", "size",
                                "methods", "fits"]  # fmt: skip
    assert shown[2].split()[:4] == ["tiny", HERE, "generic", "default"]
    assert shown[2].split()[-1] == "yes"


LIST = {
    "other flags": (lambda place: None, {"PKGIMAGE_FLAGS": "inline=no"}, "flags: expected"),
    "a cut library": (cut_library, {}, "image-size: expected"),
    "no library": (lambda place: place.image.unlink(), {}, "image-missing: expected"),
    "another platform": (lambda p: change_header(p, platform="macos-arm64"), {}, "platform: expec"),
    "no header": (lambda place: place.header.write_bytes(b"x"), {}, "header: header needs at le"),
}


@pytest.mark.parametrize("case", LIST)
def test_list_says_why_one_does_not_fit(place, case):
    change, settings, why = LIST[case]
    change(place)
    (row,) = as_json(place, "list", **settings)["images"]
    assert row["fits"] is False and row["why"].startswith(why)
    assert why.partition(":")[0] in run(place, "list", **settings)
    assert as_json(place, "list", "--fitting", **settings)["images"] == []


def test_list_of_nothing(place, tmp_path):
    assert "tiny" in run(place, "list", "tiny", "other")
    assert "other: no image in" in run(place, "list", "other")
    empty = str(tmp_path / "empty")
    assert "no image in" in run(place, "list", "--depot", empty)
    assert as_json(place, "list", "--depot", empty)["images"] == []


def test_verify(place):
    assert run(place, "verify", "tiny").startswith(f"ok   {place.image} (")
    for name in (str(place.image), str(place.header)):
        (found,) = as_json(place, "verify", name, "tiny")["images"]
        assert found["problems"] == [] and found["image"] == str(place.image)


DAMAGE = {
    "a flipped bit": (damage_library, "contents: "),
    "a cut library": (cut_library, "contents: "),
    "no library": (lambda place: place.image.unlink(), "image: expected"),
    "no header": (lambda place: place.header.unlink(), "header: expected one, found"),
    "a damaged header": (lambda place: place.header.write_bytes(b"x"), "header: header needs"),
    "another header": (lambda place: change_header(place, methods=99), "header: expected the one"),
    "no image at all": (lambda place: place.image.write_bytes(b"hello"), "expected an ELF"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_verify_finds_damage(place, case):
    change, problem = DAMAGE[case]
    name = str(place.image if place.image.exists() else place.header)
    change(place)
    (found,) = as_json(place, "verify", name, code=1)["images"]
    assert any(problem in text for text in found["problems"]), found
    assert "bad  " in run(place, "verify", name, code=1)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("./absent.so", "expected an image, a header or a package"),
        ("absent", "absent: no image in"),
    ],
)
def test_verify_of_what_is_not_there(place, name, error):
    settings = {"PKGIMAGE_DEPOT_PATH": str(place.depot)}
    done = pkgimage(place.home, "verify", name, **settings)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"pkgimage: error: {error}")


def test_explain_an_image_that_fits(place):
    said = as_json(place, "explain", "tiny")
    (image,) = said["packages"][0]["images"]
    assert said["packages"][0]["fits"] and image["fits"] and image["taken"]
    checks = {check["kind"]: check for check in image["checks"]}
    assert {check["outcome"] for check in image["checks"]} == {"ok"}
    assert {"platform", "base-image", "flags", "cpu-target", "include-changed", "requires",
            "preferences"} <= set(checks)  # fmt: skip
    assert checks["platform"]["found"] == HERE
    assert image["advice"] == []
    (row,) = image["cpu_targets"]
    assert (row["target"], row["chosen"]) == ("generic", True)
    shown = run(place, "explain", "tiny")
    assert "tiny: 1 image, 1 fits" in shown and f"- taken: {place.header}" in shown


def test_explain_names_every_reason_at_once(place):
    edit_source(place)
    cut_library(place)
    change_header(place, requires=(headers.Require("other", "c" * 64),))
    said = as_json(place, "explain", "tiny", code=1, PKGIMAGE_FLAGS="inline=no")
    (image,) = said["packages"][0]["images"]
    failed = [check["kind"] for check in image["checks"] if check["outcome"] == "failed"]
    assert failed == ["flags", "include-changed", "requires", "image-size"]
    advice = "\n".join(image["advice"])
    assert "inline=no" in advice and "build both: pkgimage build other tiny" in advice
    shown = run(place, "explain", "tiny", code=1, PKGIMAGE_FLAGS="inline=no")
    assert "- rejected: tiny: flags" in shown
    for word in ("constants.py", "expected", "found", "to make it fit: "):
        assert word in shown


def test_explain_takes_the_better_of_two(place):
    """A copy in a second depot: the nearer one is taken."""
    second = place.depot.with_name("second")
    name = place.header.relative_to(place.depot)
    (second / name).parent.mkdir(parents=True)
    for file in (place.header, place.image):
        (second / file.relative_to(place.depot)).write_bytes(file.read_bytes())
    path = f"{place.depot}:{second}"
    said = as_json(place, "explain", "tiny", PKGIMAGE_DEPOT_PATH=path)
    first, other = said["packages"][0]["images"]
    assert (first["taken"], other["taken"], other["fits"]) == (True, False, True)
    assert "fits, but another is better" in run(place, "explain", "tiny", PKGIMAGE_DEPOT_PATH=path)


def test_explain_a_damaged_header(place):
    place.header.write_bytes(b"PKGIMGHD")
    (image,) = as_json(place, "explain", "tiny", code=1)["packages"][0]["images"]
    first, *rest = image["checks"]
    assert (first["kind"], first["outcome"]) == ("header", "failed")
    assert {check["outcome"] for check in rest} == {"not reached"}


def test_explain_an_absent_package(place):
    assert "absent: no image in" in run(place, "explain", "absent", code=1)
    said = as_json(place, "explain", "absent", "tiny", code=1)
    assert [package["fits"] for package in said["packages"]] == [False, True]
