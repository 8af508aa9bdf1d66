"""The graph with the stages that users run: what changes, and that nothing runs for nothing."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import pytest
from packageimage.model.platform import PLATFORMS
from scons_project import FAKED, SCONSTRUCT, Project

SOURCE = '''"""Two functions."""

from numba import njit


@njit("f8(f8[::1])")
def total(values):
    result = 0.0
    for value in values:
        result += value
    return result


@njit
def double(value):
    return value * 2
'''
FILES = {
    "SConstruct": SCONSTRUCT.replace(FAKED, ""),
    "src/kernels/__init__.py": SOURCE,
    "src/workload.py": "import helper\n",
    "src/helper.py": "import kernels\n\nkernels.double(1)\n",
}
CAPTURE = ["serialize kernels", "entries kernels"]
CODEGEN = [f"codegen kernels 0 {target}" for target in ("generic", "haswell", "x86-64-v4")]
REST = ["data kernels", "link kernels", "verify kernels"]


@pytest.fixture
def real(project: Project) -> Project:
    project.write(FILES)
    return project


@pytest.mark.slow
def test_changes_rebuild_what_depends_on_them(real: Project) -> None:
    assert real.build() == [*CAPTURE, *CODEGEN, *REST]
    assert len(real.files("depot/*/kernels/*")) == 2

    # Source lines have moved; every source's hash is beside the image, the code is the same.
    real.edit("src/kernels/__init__.py", "from numba", "# A comment.\nfrom numba")
    assert real.build() == ["serialize kernels", "verify kernels"]

    real.edit("src/kernels/__init__.py", "value * 2", "value * 2.5")
    assert real.build() == [*CAPTURE, *CODEGEN, *REST]

    real.edit("src/helper.py", "double(1)", "double(1.5)")
    assert real.build() == [*CAPTURE, *CODEGEN, *REST]

    assert real.build("flags=opt-level=2") == [*CODEGEN, *REST]


@pytest.fixture
def large(real: Project) -> Project:
    """A package with so much data that the stages and SCons take care how often they read it."""
    real.write({"src/kernels/__init__.py": f"{SOURCE}\nTABLE = bytes(1 << 24)\n"})
    real.edit("SConstruct", "PKGIMAGE_CPU_TARGETS", "PKGIMAGE_RESTORE=True, PKGIMAGE_CPU_TARGETS")
    assert real.build() == [*CAPTURE, *CODEGEN, *REST]
    return real


def only(project: Project, pattern: str) -> Path:
    (name,) = project.files(pattern)
    return project.folder / name


def write_into(path: Path, later: int) -> None:
    """Change a byte in the middle of a file, and its time by `later` seconds."""
    found = path.stat()
    with open(path, "r+b") as file:
        file.seek(found.st_size // 2)
        file.write(b"x")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + later * 1_000_000_000))


def test_large_outputs_are_known_by_time_and_size(large: Project) -> None:
    """They are ours, and hashing them would be all that a build does that has nothing to do."""
    data = only(large, "**/*.package.bin")
    write_into(data, later=0)
    assert large.build() == []
    os.utime(data)
    assert large.build() == REST[1:]


def test_what_is_said_of_large_outputs_is_what_they_are(large: Project) -> None:
    """SCons takes the stages' word for a hash. With another time it hashes the files itself: it
    would make anew what comes after a file of which something else was said."""
    for pattern in ("**/*.package.bin", "**/*.linked.so", "depot/**/*.so"):
        os.utime(only(large, pattern))
        assert large.build() == []
    said = json.loads(only(large, "**/*.digest").read_text(encoding="utf-8"))
    content = only(large, "**/*.linked.so").read_bytes()
    assert said == {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


@pytest.mark.slow
def test_a_large_image_is_the_linked_library(large: Project) -> None:
    linked, image = only(large, "**/*.linked.so"), only(large, "depot/**/*.so")
    content = linked.read_bytes()
    assert linked.samefile(image)
    large.edit("src/kernels/__init__.py", "TABLE = bytes(1 << 24)", "TABLE = bytes(1 << 24)  # !")
    assert large.build() == ["serialize kernels", "verify kernels"]
    assert linked.samefile(image)
    assert not [name for name in os.listdir(image.parent) if name.endswith(".tmp")]

    write_into(image, later=1)  # which loaders find out by the header beside it
    done = large.scons("--debug=explain")
    assert "linked.so' because it was written to after it was made" in done.out
    assert [line for line in done.lines if line in (*CAPTURE, *REST)] == ["link kernels"]
    assert linked.read_bytes() == content
    image.unlink()
    assert large.build() == ["verify kernels"]
    assert image.read_bytes() == content


@pytest.mark.slow
def test_large_data_for_every_platform(large: Project) -> None:
    """The capture's data is an object for one of them."""
    large.edit("SConstruct", 'platforms="linux-x86_64"', 'platforms="all"')
    ran = large.build("targets=generic")
    assert ran.count("link kernels") == ran.count("verify kernels") == len(PLATFORMS)
    assert not large.files("kernels.pkgimage/*/*.package*")


def test_the_summary_counts_functions_and_versions(real: Project) -> None:
    done = real.scons("--pkgimage-summary", "targets=generic;haswell;skylake,clone_all")
    # `total` has a loop, `double` has none: only with clone_all it gets another version.
    counts = re.search(
        r"  functions (\d+); entries compiled: generic (\d+), haswell (\d+), skylake,\w+ (\d+)",
        done.out,
    )
    assert counts, done.out
    functions, generic, haswell, skylake = map(int, counts.groups())
    assert functions == 2
    assert 0 < haswell < generic == skylake


USER = """
from numba import njit
from kernels import double, total

@njit("f8(f8[::1])")
def twice(values):
    return total(values) + double(values[0])
"""


@pytest.mark.slow
def test_an_image_that_is_built_upon_another(real: Project) -> None:
    real.write({"src/user/__init__.py": USER})
    two = 'env.PackageImage("user", "src/user", platforms="linux-x86_64")\n'
    real.write(
        {"SConstruct": FILES["SConstruct"].replace("env.PackageImage(", f"{two}env.PackageImage(")}
    )
    ran = real.build("-j2", "targets=generic")
    assert ran.index("serialize kernels") < ran.index("serialize user")
    assert ran.count("verify kernels") == ran.count("verify user") == 1

    real.edit("src/kernels/__init__.py", "from numba", "# A comment.\nfrom numba")
    assert real.build("targets=generic") == ["serialize kernels", "verify kernels"]

    real.edit("src/kernels/__init__.py", "value * 2", "value * 2.5")
    ran = real.build("targets=generic")
    assert {"serialize user", "codegen user 0 generic", "verify user"} <= set(ran)


@pytest.mark.slow
def test_ninja_makes_the_same_image(real: Project) -> None:
    pytest.importorskip("ninja")
    assert real.scons("depot=first").code == 0
    sconstruct = FILES["SConstruct"].replace('"pkgimage"', '"ninja", "pkgimage"')
    real.write({"SConstruct": f'SetOption("experimental", "ninja")\n{sconstruct}'})
    for file in real.files("kernels.pkgimage/**/*"):
        (real.folder / file).unlink()
    assert real.scons("--disable-execute-ninja").code == 0
    done = real.ninja()
    assert done.code == 0, done.out + done.err
    first, second = (real.files(f"{depot}/*/kernels/*") for depot in ("first", "depot"))
    assert [name.removeprefix("first") for name in first] == [
        name.removeprefix("depot") for name in second
    ]
    for one, other in zip(first, second, strict=True):
        assert (real.folder / one).read_bytes() == (real.folder / other).read_bytes()


def test_a_workload_that_raises_leaves_its_log_alone(real: Project) -> None:
    real.edit("src/helper.py", "double(1)", "double(None)")
    done = real.scons()
    *_, error, stopped = done.err.splitlines()
    assert (done.code, error.startswith("pkgimage: error: ")) == (2, True)
    assert stopped == "scons: *** [kernels.pkgimage/kernels.capture.json] Error 2"
    assert real.files("depot/**/*") == []
    assert real.files("kernels.pkgimage/**/*") == [
        "kernels.pkgimage/kernels.build.json",
        "kernels.pkgimage/kernels.workload.log",
    ]
