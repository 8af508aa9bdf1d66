"""Two packages with images, and data files: what is built again, and what the loader accepts."""

import shutil
import sys

import pytest
from image_build import run_plain, run_with_images
from scons_project import SHOWN, Project

FILES = {
    "SConstruct": f"""
env = Environment(
    tools=["pkgimage"], PKGIMAGE_DEPOT="depot", PKGIMAGE_CPU_TARGETS="generic",
    PKGIMAGE_PYTHON={sys.executable!r}, {SHOWN}
)
env.PackageImage("upper", "src/upper")
env.PackageImage("lower", "src/lower")
""",
    "src/lower/__init__.py": """
from numba import njit
STEP = 1.0

@njit("float64(float64)")
def add(x):
    return x + STEP
""",
    "src/upper/__init__.py": """
import lower
import numpy as np
import packageimage
from numba import njit

packageimage.include_dependency("factor.txt")
with open(__file__.replace("__init__.py", "factor.txt")) as file:
    FACTOR = float(file.read())

@njit("float64(float64)")
def both(x):
    return lower.add(x) * FACTOR
""",
    "src/upper/factor.txt": "2.0",
    "program.py": "import upper\nprint(upper.both(1.0))\n",
}
LOWER = ["serialize lower", "entries lower", "codegen lower 0 generic", "data lower", "link lower",
         "verify lower"]  # fmt: skip
UPPER = [line.replace("lower", "upper") for line in LOWER]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("two"))
    project.write(FILES)
    # In the order of the imports, not of the SConstruct.
    assert project.build() == [*LOWER, *UPPER]
    return project


@pytest.fixture
def project(built, tmp_path):
    return Project(shutil.copytree(built.folder, tmp_path / "two"))


def run(project):
    folder = project.folder
    seen = run_with_images(folder, folder / "depot", folder / "program.py", folder / "src")
    assert seen.returncode == 0, seen.error
    assert seen.output == run_plain(folder, folder / "program.py", folder / "src")
    return seen.seen


def rejections(seen):
    return [kind for kind, _ in seen["rejections"]]


def test_both_are_used(project):
    seen = run(project)
    assert (seen["loaded"], seen["compiled"], rejections(seen)) == (["lower", "upper"], [], [])


def test_a_comment_below_rebuilds_nothing_above(project):
    project.edit("src/lower/__init__.py", "@njit", "# new\n@njit")
    assert rejections(run(project)) == ["requires", "include-changed"]
    assert project.build() == ["serialize lower", "verify lower"]
    seen = run(project)
    assert (seen["loaded"], seen["compiled"], rejections(seen)) == (["lower", "upper"], [], [])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x + STEP", "x - STEP"),
        pytest.param("STEP = 1.0", "STEP = 5.0", marks=pytest.mark.slow),
    ],
)
def test_an_edit_below_rebuilds_above(project, old, new):
    project.edit("src/lower/__init__.py", old, new)
    assert rejections(run(project)) == ["requires", "include-changed"]
    assert project.build() == [*LOWER, *UPPER]
    seen = run(project)
    assert (seen["loaded"], seen["compiled"], rejections(seen)) == (["lower", "upper"], [], [])


def test_an_image_above_needs_the_one_below(project):
    shutil.rmtree(next((project.folder / "depot").glob("*/lower")))
    seen = run(project)
    assert (seen["loaded"], rejections(seen)) == ([], ["requires"])
    assert "lower as in its capture" in seen["rejections"][0][1]


def test_a_declared_data_file_is_a_source(project):
    project.write({"src/upper/factor.txt": "3.0"})
    assert rejections(run(project)) == ["include-changed"]
    assert project.build() == UPPER
    assert rejections(run(project)) == []


def test_a_declared_data_file_must_be_there(project):
    project.edit("src/upper/__init__.py", '"factor.txt")\n', '"factors.txt")\n')
    outcome = project.scons()
    assert outcome.code == 2
    assert "include_dependency in upper: expected a file that can be read at" in outcome.err
    assert "factors.txt" in outcome.err
