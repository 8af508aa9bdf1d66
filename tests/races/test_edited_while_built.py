"""Sources that are edited while a capture is taken: no image says that it was made from others."""

from __future__ import annotations

from pathlib import Path

import edited_package
import pytest
from image_build import build, pkgimage, run_restored

# Edits the package once it has been imported, as a user may at that moment.
EDITING = """
import atexit, pathlib, sys
import changing
changing.answer(1)
done = pathlib.Path({done!r})
times = len(done.read_text()) if done.exists() else 0
if times < {times}:
    done.write_text("x" * (times + 1))
    sys.path.append({tests!r})
    import edited_package
    edited_package.write(pathlib.Path({source!r}), 2 + times, *{modules!r})
elif {undone!r}:
    # The capture has been written by then.
    sys.path.append({tests!r})
    import edited_package
    atexit.register(edited_package.write, pathlib.Path({source!r}), 1, *{modules!r})
"""


def editing(
    folder: Path, times: int, modules: tuple[str, ...], *, undone: bool = False
) -> tuple[Path, Path]:
    """A workload that edits these modules the first times that it runs, and undoes that when it
    has been captured, if asked to; the sources' folder."""
    source = edited_package.set_up(folder)
    workload = folder / "editing.py"
    workload.write_text(
        EDITING.format(
            done=str(folder / "done"), times=times, tests=str(Path(edited_package.__file__).parent),
            source=str(source), modules=modules, undone=undone,
        )
    )  # fmt: skip
    return workload, source


@pytest.mark.parametrize("modules", [("second",)])
def test_the_capture_is_taken_again(tmp_path, modules):
    workload, source = editing(tmp_path, 1, modules)
    build(tmp_path, tmp_path / "depot", "changing", workload, source, "--restore")
    seen = run_restored(tmp_path, tmp_path / "depot", tmp_path / "program.py", source)
    assert (seen.output, seen.seen["rejections"]) == ("1 2\n", []), seen.error
    assert "changing.second" in seen.seen["restored"]


@pytest.mark.slow
def test_sources_that_never_stay_are_a_mistake(tmp_path):
    workload, source = editing(tmp_path, 100, ("first", "second"))
    done = pkgimage(
        tmp_path, "build", "changing", "--workload", str(workload), "--path", str(source),
        "--depot", str(tmp_path / "depot"), "--restore",
    )  # fmt: skip
    assert done.returncode == 2
    assert "expected the sources of 'changing' to stay as they are" in done.stderr
    assert not list(tmp_path.glob("depot/**/*.pki"))


@pytest.mark.slow
def test_an_edit_that_the_capture_saw_and_scons_did_not_is_undone(tmp_path):
    """SCons has hashed the sources before the stage read them: what it records is not what ran."""
    workload, source = editing(tmp_path, 1, ("second",))
    depot, program = tmp_path / "depot", tmp_path / "program.py"
    build(tmp_path, depot, "changing", workload, source, "--restore")
    edited_package.write(source, 1, "second")
    build(tmp_path, depot, "changing", workload, source, "--restore")
    seen = run_restored(tmp_path, depot, program, source)
    assert (seen.output, seen.seen["rejections"]) == ("1 1\n", []), seen.error


def test_an_edit_that_only_the_capture_saw(tmp_path):
    """Undone before SCons looks again: what it sees is what it has recorded."""
    workload, source = editing(tmp_path, 1, ("second",), undone=True)
    depot, program = tmp_path / "depot", tmp_path / "program.py"
    build(tmp_path, depot, "changing", workload, source, "--restore")
    build(tmp_path, depot, "changing", workload, source, "--restore")
    seen = run_restored(tmp_path, depot, program, source)
    assert (seen.output, seen.seen["rejections"]) == ("1 1\n", []), seen.error
