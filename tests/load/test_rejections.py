"""An image that does not fit costs a reason, never the program (design.md, D5)."""

import shutil

import pytest
from image_build import PACKAGES, build, pkgimage, run_plain, run_with_images

OUTPUT = "25.0 5.0 9.0\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def built(tmp_path_factory, home):
    """A depot and the folder that holds the package it was built from."""
    folder = tmp_path_factory.mktemp("built with ä space")
    shutil.copytree(PACKAGES / "tiny", folder / "src" / "tiny")
    shutil.copy(PACKAGES / "tiny_workload.py", folder / "src" / "workload.py")
    build(
        home, folder / "depot", "tiny", folder / "src" / "workload.py", folder / "src",
        "--cpu-targets", "generic;native",
    )  # fmt: skip
    return folder


@pytest.fixture
def place(built, tmp_path):
    """A private copy of depot and package; file times differ from those at build."""
    shutil.copytree(built / "src", tmp_path / "src")
    shutil.copytree(built / "depot", tmp_path / "depot")
    return tmp_path


def run(home, place, **settings):
    return run_with_images(
        home, place / "depot", place / "src" / "workload.py", place / "src", **settings
    )


def image_of(place):
    (image,) = place.glob("depot/*/tiny/*.pkgimage.so")
    return image


def header_of(place):
    (header,) = place.glob("depot/*/tiny/*.pki")
    return header


def test_moved_depot_and_package_load(home, place):
    seen = run(home, place)
    assert (seen.output, seen.seen["compiled"], seen.seen["passes"]) == (OUTPUT, [], 0)
    assert seen.seen["rejections"] == []
    assert seen.seen["answered"] == 3


def test_plain_numba_agrees(home, place):
    assert run_plain(home, place / "src" / "workload.py", place / "src") == OUTPUT


def test_off(home, place):
    seen = run(home, place, PKGIMAGE="no")
    assert seen.output == OUTPUT
    assert seen.seen["loaded"] == []
    assert seen.seen["compiled"]


def edit_source(place):
    file = place / "src" / "tiny" / "constants.py"
    file.write_text(file.read_text().replace("2.5", "3.5"))


def append_source(place):
    with (place / "src" / "tiny" / "__init__.py").open("a") as file:
        file.write("# more\n")


def truncate_image(place):
    image_of(place).write_bytes(image_of(place).read_bytes()[:-100])


def flip_image(place):
    data = bytearray(image_of(place).read_bytes())
    data[len(data) // 2] ^= 1
    image_of(place).write_bytes(data)


def remove_image(place):
    image_of(place).unlink()


def flip_header(place):
    data = bytearray(header_of(place).read_bytes())
    data[100] ^= 1
    header_of(place).write_bytes(data)


def empty_header(place):
    header_of(place).write_bytes(b"")


@pytest.mark.parametrize(
    ("change", "settings", "kind"),
    [
        (edit_source, {}, "include-changed"),
        (append_source, {}, "include-changed"),
        (truncate_image, {}, "image-size"),
        (flip_image, {}, "checksum"),
        (remove_image, {}, "image-missing"),
        (flip_header, {}, "header"),
        (empty_header, {}, "header"),
        (None, {"PKGIMAGE_FLAGS": "check-bounds=yes"}, "flags"),
        (None, {"PKGIMAGE_FLAGS": "inline=no"}, "flags"),
        (None, {"NUMBA_BOUNDSCHECK": "1"}, "flags"),
        (None, {"NUMBA_DEBUGINFO": "1"}, "flags"),
        (None, {"PKGIMAGE_CPU": "nehalem"}, "cpu-target"),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(value),
)
def test_rejected_and_the_program_runs(home, place, change, settings, kind):
    if change:
        change(place)
    seen = run(home, place, **settings)
    assert seen.returncode == 0, seen.error
    assert seen.output == run_plain(home, place / "src" / "workload.py", place / "src")
    assert [rejection[0] for rejection in seen.seen["rejections"]] == [kind]
    assert seen.seen["compiled"]
    strict = run(home, place, PKGIMAGE="strict", **settings)
    assert strict.returncode != 0
    assert f"tiny: {kind}: " in strict.error


def test_lower_opt_level_is_satisfied(home, place):
    seen = run(home, place, NUMBA_OPT="1")
    assert seen.seen["rejections"] == []
    assert seen.seen["compiled"] == []


@pytest.mark.parametrize("target", ["generic", "x86-64"])
def test_forced_target(home, place, target):
    seen = run(home, place, PKGIMAGE_CPU=target)
    assert seen.output == OUTPUT
    assert seen.seen["targets"] == {"tiny": "generic"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PKGIMAGE", "maybe"),
        ("PKGIMAGE_FLAGS", "speed=9"),
        ("NUMBA_OPT", "7"),
    ],
)
def test_bad_setting_is_one_line(home, place, name, value):
    result = pkgimage(
        home, "run", str(place / "src" / "workload.py"), paths=(place / "src",), **{name: value}
    )
    assert result.returncode == 2
    assert result.stderr.startswith("pkgimage: error: ")
    assert result.stderr.count("\n") == 1


CHANGED_GLOBAL = """
import numpy as np
import tiny
tiny.LIMIT = 3
tiny.FACTOR = 10.0
print(tiny.scaled(2), tiny.squared(3.0))
"""


def test_changed_global_is_compiled_again(home, place, tmp_path):
    """What Numba's own cache gets wrong (numba issue 1833): a frozen value of another module."""
    program = tmp_path / "changed.py"
    program.write_text(CHANGED_GLOBAL)
    seen = run_with_images(home, place / "depot", program, place / "src")
    assert seen.output == "20.0 9.0\n"
    assert len(seen.seen["compiled"]) == 1
    assert [method for method, _ in seen.seen["misses"]] == ["tiny.scaled"]


OTHER_CLOSURE = """
import tiny
print(tiny.make(3)(2.0), tiny.make(2)(3.0))
"""


def test_closures_are_told_apart(home, place, tmp_path):
    program = tmp_path / "closure.py"
    program.write_text(OTHER_CLOSURE)
    seen = run_with_images(home, place / "depot", program, place / "src")
    assert seen.output == "8.0 9.0\n"
    assert len(seen.seen["compiled"]) == 1  # the cube; the square is in the image


def test_explain(home, place):
    settings = {"PKGIMAGE_DEPOT_PATH": str(place / "depot")}
    result = pkgimage(home, "explain", "tiny", paths=(place / "src",), **settings)
    assert result.returncode == 0, result.stderr
    assert "tiny: 1 image, 1 fit" in result.stdout
    assert "generic" in result.stdout
    edit_source(place)
    result = pkgimage(home, "explain", "tiny", "absent", paths=(place / "src",), **settings)
    assert result.returncode == 1
    assert "rejected: tiny: include-changed" in result.stdout
    assert "absent: no image in " in result.stdout
