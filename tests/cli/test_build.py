"""`pkgimage build` as a user types it, with the real stages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from packageimage.cli import main
from scons_project import SITE, Outcome, isolated

FILES = {
    "code/adder/__init__.py": "from numba import njit\n\n@njit\ndef add(a, b):\n    return a + b\n",
    "code/plain/__init__.py": "def add(a, b):\n    return a + b\n",
    "code/wrong/__init__.py": "from numba import njit\nraise RuntimeError('it is Monday')\n",
    "work.py": "import adder\n\nprint('hello')\nassert adder.add(1, 2) == 3\n",
    "fails.py": "import adder\n\nadder.add(1, 'a')\n",
}
GENERIC = ["--cpu-targets", "generic"]


@dataclass(frozen=True)
class User:
    """Someone in a folder with a package, a workload and nothing set up."""

    folder: Path

    def pkgimage(self, *words: str, environ: dict[str, str] | None = None) -> Outcome:
        home = isolated(self.folder / "home") | {"PYTHONPATH": str(SITE)} | (environ or {})
        done = subprocess.run(
            [sys.executable, "-m", "packageimage", *words],
            cwd=self.folder,
            env=home,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def images(self) -> list[Path]:
        return sorted(self.folder.glob("depot/*/*/*"))


@pytest.fixture
def user(tmp_path: Path) -> User:
    folder = tmp_path / "ärger $HOME 'n spaces"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return User(folder)


BUILD = ["build", "adder", "--path", "code", "--workload", "work.py", "--depot", "depot"]
ADDER = [
    "adder: run it and its workload",
    "adder: list its functions",
    "adder: compile for generic",
    "adder: lay out data",
    "adder: link",
    "adder: verify and publish",
]


def test_builds_once(user: User) -> None:
    first = user.pkgimage(*BUILD, *GENERIC)
    assert (first.code, first.err) == (0, "")
    header, image = sorted(user.images(), key=lambda path: path.suffix)
    assert (header.suffix, image.suffixes) == (".pki", [".pkgimage", ".so"])
    assert first.lines == [*ADDER, f"adder: {image}"]
    again = user.pkgimage(*BUILD, *GENERIC)
    assert again == Outcome(0, f"adder is up to date: {image}\n", "")
    said = json.loads(user.pkgimage(*BUILD, *GENERIC, "--json").out)
    assert said["images"] == [{"package": "adder", "image": str(image)}]
    assert (said["succeeded"], said["up_to_date"]) == (True, True)
    # What was captured serves other flags and CPU targets as well.
    # One stage after the other: of two at once, either may be told first.
    words = ["--flags", "opt-level=1", "--cpu-targets", "generic;haswell", "-j", "1"]
    more = user.pkgimage(*BUILD, *words)
    assert more.lines[:-1] == [ADDER[2], "adder: compile for haswell", *ADDER[3:]]
    assert len(user.images()) == 4


def test_two_packages_of_which_one_is_a_path(user: User) -> None:
    words = [word if word != "adder" else "code/adder" for word in BUILD]
    (user.folder / "code/timer.py").write_text(
        "from numba import njit\n\n@njit('f8(f8)')\ndef twice(x):\n    return 2 * x\n"
    )
    done = user.pkgimage(*words, "timer", *GENERIC, "-j", "2")
    assert (done.code, done.err) == (0, "")
    assert len(user.images()) == 4
    assert [line.split(":")[0] for line in done.lines[-2:]] == ["adder", "timer"]


@pytest.mark.slow
def test_packages_that_import_each_others_functions(user: User) -> None:
    (user.folder / "code/zero.py").write_text(
        "from numba import njit\nfrom adder import add\n\n@njit('f8(f8)')\ndef twice(x):\n"
        "    return add(x, x)\n",
        encoding="utf-8",
    )
    words = ["build", "zero", "adder", "--path", "code", "--depot", "depot", *GENERIC]
    done = user.pkgimage(*words, "--partitions", "2", "--summary", "-j", "2")
    # Alone, adder compiles nothing; so nothing of zero may have been begun before.
    assert done.code == 2 and "expected package 'adder' to compile" in done.err
    assert not any(line.startswith("zero: ") for line in done.lines)
    assert any(line.startswith("adder for linux-") for line in done.lines)

    done = user.pkgimage(*words, "--partitions", "2", "--summary", "--workload", "work.py")
    assert (done.code, done.err) == (0, "")
    steps = [line for line in done.lines if line.startswith(("zero: ", "adder: "))]
    runs = [line for line in steps if line.endswith(": run it and its workload")]
    assert [line.split(":")[0] for line in runs] == ["adder", "zero"]
    assert steps.count("zero: compile for generic") == 2
    assert len(re.findall(r"(?m)^  codegen +2 +0 +0 +0 ", done.out)) == 2
    (user.folder / "code/adder/__init__.py").write_text("import zero\n", encoding="utf-8")
    done = user.pkgimage(*words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "packages of this build import each other: adder -> zero -> adder; " in done.err


MISTAKES = {
    "unknown package": (
        ["build", "nothing_here"],
        "no package called 'nothing_here': it is",
    ),
    "no such workload": ([*BUILD, "--workload", "no.py"], "no.py does not exist; name a Python"),
    "a CPU": ([*BUILD, "--cpu-targets", "generic;z"], "CPU targets, column 9: 'z' is not a"),
    "a flag": ([*BUILD, "--flags", "opt-level=7"], "flags: opt-level must be one of 0, 1, 2, 3"),
    "a package twice": ([*BUILD, "adder", *GENERIC], "two images of adder for linux-x86_64 with"),
    "partitions": ([*BUILD, "--partitions", "0"], "PKGIMAGE_PARTITIONS must be 1 or more, or au"),
    "jobs": ([*BUILD, "-j", "0"], "-j must be 1 or more, found 0"),
    "no package": (
        ["build"],
        "the following arguments are required: PACKAGE; see pkgimage build --",
    ),
    "an option": ([*BUILD, "--fast"], "unrecognized arguments: --fast; see pkgimage build --help"),
    "a command": (["bild"], "expected a command, found 'bild' (did you mean build?)"),
    "nothing compiled": (
        ["build", "plain", "--path", "code", *GENERIC],
        "expected package 'plain' to compile at least one function, found none",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_said_in_one_line(user: User, mistake: str) -> None:
    words, expected = MISTAKES[mistake]
    done = user.pkgimage(*words)
    assert done.err.startswith("pkgimage: error: ") and expected in done.err, done.err
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert user.images() == []


def test_no_lld(user: User) -> None:
    done = user.pkgimage(*BUILD, *GENERIC, environ={"PKGIMAGE_LLD": "no-such-lld"})
    assert done.err.startswith("pkgimage: error: PKGIMAGE_LLD is 'no-such-lld': expected an")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(
    ("words", "shown", "error"),
    [
        (
            ["build", "wrong", "--path", "code"],
            "it is Monday",
            "expected package 'wrong' to import",
        ),
        (["build", "adder", "--path", "code", "--workload", "fails.py"], "fails.py", "to end"),
    ],
)
def test_an_exception_is_shown_as_the_users(
    user: User, words: list[str], shown: str, error: str
) -> None:
    done = user.pkgimage(*words, *GENERIC, "--depot", "depot")
    *traceback, last = done.err.splitlines()
    assert done.code == 2 and user.images() == []
    assert traceback[0].startswith("Traceback ") and any(shown in line for line in traceback)
    assert not any("packageimage" in line for line in traceback)
    assert last.startswith("pkgimage: error: ") and error in last


def test_a_cache_that_cannot_be_written(user: User) -> None:
    (user.folder / "file").write_text("")
    done = user.pkgimage(*BUILD, environ={"XDG_CACHE_HOME": str(user.folder / "file")})
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert ": Not a directory; builds are kept in " in done.err


def test_help_for_cpu_targets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "adder", "--cpu-targets", "help"]) == 0
    assert "haswell" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--platform", "beos"], "platform must be one of linux-aarch64, "),
        (["--cpu-targets", "x86_64="], "expected one string for all platforms, or one for each"),
        (["--cpu-targets", "generic", "--cpu-targets", "aarch64=generic"], "found 'aarch64=gen"),
        (
            ["--platform", "macos-arm64", "--cpu-targets", "x86_64=haswell"],
            "of a platform that is built for (macos-arm64), found 'x86_64'",
        ),
        (["--platform", "macos-arm64", "--cpu-targets", "haswell"], "haswell is an x86_64 CPU"),
    ],
)
def test_platforms_and_targets_that_do_not_fit(user: User, words: list[str], expected: str) -> None:
    done = user.pkgimage("build", "adder", "--path", "code", "--depot", "depot", *words)
    assert done.err.startswith("pkgimage: error: ")
    assert expected in done.err
    assert (done.code, done.err.count("\n"), user.images()) == (2, 1, [])
