"""What a build tells: the summary at its end, and progress on a terminal."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys

import pytest
from packageimage.status_line import StatusLine
from packageimage.summary import ImageSummary, Step, summary
from scons_project import FILES, SCONSTRUCT, SITE, Project, isolated

IMAGE = ImageSummary(
    name="kernels for linux-x86_64",
    flags="opt-level=3",
    targets=(("generic", 1200), ("haswell", 34), ("skylake", None)),
    steps=(
        Step("serialize", "skipped", 0.0),
        Step("codegen", "run", 1.25),
        Step("codegen", "run", 12.5),
        Step("codegen", "cached", 0.0),
        Step("link", "failed", 0.125),
        Step("verify", "", 0.0),
    ),
    functions=1200,
    image_size=1234567,
    header_size=None,
)
TOLD = """\
kernels for linux-x86_64, opt-level=3
  stage      run  skipped  cached  failed  seconds
  serialize    0        1       0       0     0.00
  codegen      2        0       1       0    13.75
  link         0        0       0       1     0.12
  verify       0        0       0       0     0.00
  all          2        1       1       1    13.88
  functions 1,200; entries compiled: generic 1,200, haswell 34, skylake unknown
  image 1,234,567 bytes, header unknown bytes"""


def test_the_summary_of_an_image() -> None:
    assert summary([IMAGE]) == TOLD.splitlines()


def test_an_image_that_the_build_did_not_come_to_is_left_out() -> None:
    steps = (Step("serialize", "", 0.0), Step("verify", "", 0.0))
    nothing = ImageSummary("other", "", (), steps, None, None, None)
    assert summary([nothing, IMAGE, nothing]) == TOLD.splitlines()


def test_an_image_without_native_code_has_no_versions() -> None:
    image = ImageSummary("a", "native-code=no", (), (Step("link", "run", 1.0),), 2, 3, 4)
    assert summary([image])[-2] == "  functions 2; entries compiled: none"


def counts(text: str) -> dict[str, str]:
    """What ran, was skipped, came from a cache and failed, by stage."""
    rows = re.findall(r"^  (\w+) +(\d+) +(\d+) +(\d+) +(\d+) +\d+\.\d\d$", text, re.MULTILINE)
    return {stage: " ".join(numbers) for stage, *numbers in rows}


RAN = {
    "serialize": "1 0 0 0",
    "entries": "1 0 0 0",
    "codegen": "3 0 0 0",
    "data": "1 0 0 0",
    "link": "1 0 0 0",
    "verify": "1 0 0 0",
    "all": "8 0 0 0",
}


def test_scons_tells_at_the_end_when_asked(project: Project) -> None:
    assert project.scons("-n", "--pkgimage-summary").lines[-1] == "verify kernels"
    first = project.scons("--pkgimage-summary", "-j2")
    assert (first.code, first.err) == (0, "")
    assert sum(line.endswith("kernels") for line in first.lines) == 5
    assert counts(first.out) == RAN
    assert (
        "  functions 1; entries compiled: generic unknown, " in first.out
    )  # the objects are no objects
    image, header = (project.files(f"depot/**/*{suffix}")[0] for suffix in (".so", ".pki"))
    sizes = [(project.folder / name).stat().st_size for name in (image, header)]
    assert first.lines[-1] == f"  image {sizes[0]:,} bytes, header {sizes[1]:,} bytes"

    second = project.scons("--pkgimage-summary")
    assert second.lines[0] == "scons: `.' is up to date."
    assert counts(second.out)["all"] == "0 8 0 0"
    project.edit("src/kernels/one.py", "def", "# A comment.\ndef")
    third = project.scons("--pkgimage-summary")
    assert (counts(third.out)["verify"], counts(third.out)["all"]) == ("1 0 0 0", "2 6 0 0")
    assert project.scons("-s", "--pkgimage-summary").out == ""
    assert "stage" not in project.scons().out
    assert project.scons("-c", "--pkgimage-summary").lines[-1].startswith("Removed ")


def test_a_failed_build_tells_what_it_did(built: Project) -> None:
    built.edit("src/kernels/one.py", "x + 1", "'BROKEN'")
    failed = built.scons("--pkgimage-summary")
    assert failed.code == 2
    assert counts(failed.out)["serialize"] == "0 0 0 1"
    assert counts(failed.out)["codegen"] == "0 0 0 0"


def test_the_summary_as_a_construction_variable(project: Project) -> None:
    two = SCONSTRUCT.replace("env.PackageImage", "env['PKGIMAGE_SUMMARY'] = 1\nenv.PackageImage")
    two = two.replace("platforms=", "flags=['', 'opt-level=1'], platforms=")
    cache = "CacheDir(Dir('#cache').abspath)\n"
    # A second environment with the tool: the option is there once.
    project.write({"SConstruct": f"{two}\n{cache}Environment(tools=['pkgimage'])\n"})
    lines = project.scons().lines
    flags = [line.rpartition(",")[2] for line in lines if line.startswith("kernels for ")]
    assert flags == ["opt-level=3", "opt-level=1"]
    for file in project.files("kernels.pkgimage/linux-x86_64/*"):
        (project.folder / file).unlink()
    assert counts(project.scons().out)["codegen"] == "0 0 3 0"


def on_a_terminal(project: Project, *words: str) -> str:
    """What SCons writes to a terminal, each line as it is left standing."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "SCons", "-Q", f"--site-dir={SITE}", *words]
    home = project.folder / "home"
    home.mkdir(exist_ok=True)
    with subprocess.Popen(
        command, cwd=project.folder, env=isolated(home), stdout=theirs, stderr=theirs
    ) as child:
        os.close(theirs)
        said = b""
        try:
            while data := os.read(ours, 4096):
                said += data
        except OSError:  # Linux says so when the other end is closed
            pass
        os.close(ours)
    assert child.returncode == 0, said
    return said.decode("utf-8")


def left_standing(said: str) -> list[str]:
    """The lines of a terminal: a return goes to the start, ESC [K erases from there."""
    lines = []
    for text in said.replace("\r\n", "\n").split("\n"):
        *_, last = text.split("\r\x1b[K")
        lines.append(last.replace("\r", ""))
    return lines


def test_a_terminal_shows_progress_and_keeps_none_of_it(project: Project) -> None:
    said = on_a_terminal(project)
    assert "[0/8] serialize kernels" in said and "[7/8] verify kernels" in said
    stages = [*(f"codegen kernels 0 {cpu}" for cpu in ("generic", "haswell", "x86-64-v4"))]
    stages = ["serialize kernels", "entries kernels", *stages, "data kernels", "link kernels"]
    assert left_standing(said) == [*stages, "verify kernels", ""]


def test_silence_on_a_terminal(project: Project) -> None:
    assert on_a_terminal(project, "-s") == ""
    project.edit("src/kernels/one.py", "x + 1", "x + 2")
    assert "\x1b" not in on_a_terminal(project, "-n")


def test_progress_can_be_switched_off(project: Project) -> None:
    project.write(
        {"SConstruct": FILES["SConstruct"].replace("LLDV", "PKGIMAGE_PROGRESS='no', LLDV")}
    )
    assert "\x1b" not in on_a_terminal(project)


def test_a_status_line_fits_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    stream = io.StringIO()
    line = StatusLine(stream)
    line.clear()
    assert stream.getvalue() == ""
    line.show("a" * 20)
    line.clear()
    line.clear()
    assert stream.getvalue() == "\r\x1b[K" + "a" * 9 + "\r" + "\r\x1b[K"
