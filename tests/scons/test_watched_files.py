"""Files that only the capture itself knows of: SCons watches their content, wherever they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from scons_project import SCONSTRUCT, Project

SERIALIZE = ["serialize kernels"]


@pytest.fixture
def reading(project: Project) -> Project:
    """A built project whose workload reads a file beside the project, and one inside."""
    project.write({"../table.csv": "1\n", "src/data/inside.csv": "1\n"})
    project.write(
        {"src/helper.py": "__pkgimage_reads__ = ['../../table.csv', 'data/inside.csv']\n"}
    )
    project.build()
    return project


@pytest.mark.parametrize("name", ["../table.csv", "src/data/inside.csv"])
def test_a_changed_file_counts_and_a_touched_one_does_not(reading: Project, name: str) -> None:
    file = reading.folder / name
    os.utime(file, (1, 1))
    assert reading.build() == []
    file.write_text("2\n", encoding="utf-8")
    assert reading.build() == SERIALIZE
    file.write_text("1\n", encoding="utf-8")
    assert reading.build() == SERIALIZE


def test_it_is_named(reading: Project) -> None:
    outside = Path(os.path.normpath(reading.folder / "../table.csv"))
    outside.write_text("2\n", encoding="utf-8")
    (told, _) = reading.scons("--debug=explain").lines
    assert told.startswith(
        f"scons: rebuilding `kernels.pkgimage/kernels.capture.json' because {outside} changed ("
    )


def test_one_that_goes_is_a_reason(reading: Project) -> None:
    (reading.folder / "src/data/inside.csv").unlink()
    reading.edit("src/helper.py", ", 'data/inside.csv'", "")
    told, _ = reading.scons("--debug=explain").lines
    assert "src/helper.py changed" in told and "src/data/inside.csv is gone" in told
    assert reading.build() == []


def test_one_that_changes_while_it_is_read_counts_again(reading: Project) -> None:
    # The stage has just read 1, for the first time, when the file becomes 3.
    reading.write({"src/data/late.csv": "1\n"})
    reading.edit("src/helper.py", "'data/inside.csv'", "'data/late.csv'")
    late = "import atexit, pathlib\nfile = pathlib.Path(__file__).parent / 'data/late.csv'\n"
    late += "atexit.register(lambda: file.read_text() == '1\\n' and file.write_text('3\\n'))\n"
    reading.write({"src/workload.py": f"import helper\n{late}"})
    assert reading.scons().lines == SERIALIZE
    assert reading.scons().lines == SERIALIZE
    assert reading.build() == []


def test_a_dry_run_leaves_them_as_they_are(reading: Project) -> None:
    (reading.folder / "../table.csv").write_text("2\n", encoding="utf-8")
    assert reading.scons("-n").lines[:1] == SERIALIZE
    assert reading.build() == SERIALIZE


def test_a_failed_capture_keeps_them(reading: Project) -> None:
    (reading.folder / "../table.csv").write_text("2\n", encoding="utf-8")
    reading.edit("src/kernels/one.py", "x + 1", "'BROKEN'")
    assert reading.scons().code == 2
    reading.edit("src/kernels/one.py", "'BROKEN'", "x + 1")
    assert "serialize kernels" in reading.build()
    assert reading.build() == []


def test_ninja_knows_them(reading: Project) -> None:
    pytest.importorskip("ninja")
    text = SCONSTRUCT.replace('"pkgimage"', '"ninja", "pkgimage"')
    reading.write({"SConstruct": f'SetOption("experimental", "ninja")\n{text}'})
    assert reading.scons("--disable-execute-ninja").code == 0
    assert reading.ninja().code == 0
    assert "no work to do" in reading.ninja().out
    table = reading.folder / "../table.csv"
    table.write_text("2\n", encoding="utf-8")
    later = table.stat().st_mtime + 10
    os.utime(table, (later, later))
    assert " serialize " in reading.ninja().out
