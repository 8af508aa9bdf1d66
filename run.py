#!/usr/bin/env python3
"""Set up this checkout and run its lanes. Needs Python and pip's usual access, nothing else.

    python3 run.py demo          build the examples' images, run them, show the gain
    python3 run.py test          the quick tests
    python3 run.py slow          the tests with real packages and long builds
    python3 run.py machines      images on emulated machines of other platforms
    python3 run.py lint types    style, then types
    python3 run.py setup         nothing but what is installed for all of these

Everything is installed into .venv here, once for each change of pyproject.toml; into .venv-3.13 if
that is another Python's and this is 3.13. Several lanes run in the order given; the first that
fails ends the run with its exit code.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
EXTRAS = "build,examples,lint,test"


class Lane(NamedTuple):
    """What a lane is for, and its commands: the words after the environment's Python."""

    what: str
    commands: list[list[str]]


# Two at a time, those of a file one after the other: what they build they build once.
PYTEST = ["-m", "pytest", "-n", "2", "--dist", "loadfile", "-m"]
LANES = {
    "setup": Lane("make the environment, and no more", []),
    "demo": Lane(
        "build the examples' images, run them, show the gain",
        [
            ["-m", "SCons", "-Q", f"-j{os.cpu_count() or 1}"],
            ["benchmarks/examples.py", "--depot", "build/depot"],
        ],
    ),
    "test": Lane("the quick tests", [[*PYTEST, "not slow and not machines"]]),
    "slow": Lane("the tests with real packages and long builds", [[*PYTEST, "slow"]]),
    "machines": Lane(
        "images run on emulated machines of other platforms (Debian: qemu-user, wine64)",
        [["-m", "tests.machines"], [*PYTEST, "machines"]],
    ),
    "lint": Lane(
        "ruff's checks and formatting",
        [["-m", "ruff", "check", "."], ["-m", "ruff", "format", "--check", "."]],
    ),
    "types": Lane(
        "mypy, strict for model/ and load/",
        [
            ["-m", "mypy", "--strict", "-p", "packageimage.model", "-p", "packageimage.load"],
            ["-m", "mypy", "-p", "packageimage", "-p", "site_tools.lld_flavors"],
            ["-m", "mypy", "run.py"],
        ],
    ),
}


class Mistake(Exception):
    """What a user can mend; said in one line."""


def check_python(found: tuple[int, int], pyproject: str) -> None:
    """Raises Mistake when this Python is not one that `requires-python` allows."""
    oldest, above = (
        tuple(map(int, version.split(".")))
        for version in re.findall(r'requires-python = ">=([\d.]+),<([\d.]+)"', pyproject)[0]
    )
    if not oldest <= found < above:
        raise Mistake(
            f"expected Python {oldest[0]}.{oldest[1]} or newer, below {above[0]}.{above[1]}, found "
            f"{found[0]}.{found[1]} ({sys.executable}): start run.py with another, such as "
            "python3.13 run.py"
        )


def environment_folder(folder: Path, running: str) -> Path:
    """Where the environment of a Python is: `.venv`, or beside it where another version has that.

    running: its version, such as 3.13.
    """
    try:
        config = (folder / ".venv" / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        return folder / ".venv"
    found = re.search(r"^version(?:_info)?\s*=\s*(\d+\.\d+)", config, re.MULTILINE)
    other = found is not None and found[1] != running
    return folder / (f".venv-{running}" if other else ".venv")


VENV = environment_folder(HERE, "{}.{}".format(*sys.version_info))


def check_modules() -> None:
    """Raises Mistake when Python has been installed without what makes environments."""
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise Mistake(
                f"expected Python's module {module}, found none: install it "
                "(Debian: apt install python3-venv)"
            )


def environment() -> dict[str, str]:
    """The user's environment without another Python's settings, with its own programs first."""
    left_out = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
    environ = {name: value for name, value in os.environ.items() if name not in left_out}
    environ["PATH"] = os.pathsep.join([str(python().parent), os.environ.get("PATH", os.defpath)])
    return environ


def python() -> Path:
    """The environment's interpreter."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(words: list[str], **options: Any) -> int:
    """Run the environment's Python here; the exit code. Its own words say what went wrong."""
    return subprocess.run(
        [str(python()), *words], cwd=HERE, env=environment(), **options
    ).returncode


def set_up(pyproject: str) -> None:
    """Make the environment and install this checkout into it, when that has not been done for
    `pyproject`."""
    stamp = VENV / "installed-for"
    wanted = hashlib.sha256(f"{EXTRAS}\n{pyproject}".encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted and python().exists():
        return
    if not usable():
        # --clear: of an environment whose making was interrupted, nothing is worth keeping.
        made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=False)
        if made.returncode:
            raise Mistake(f"expected to make {VENV}, found the problem above: mend it and repeat")
    print("installing this checkout and what it needs (about 1 GB)", flush=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if run([*install, "--editable", f".[{EXTRAS}]"], stdin=subprocess.DEVNULL):
        raise Mistake("expected pip to install all, found the problem above: mend it and repeat")
    stamp.write_text(wanted)


def usable() -> bool:
    """Whether the environment has an interpreter that starts and has pip."""
    silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    return python().exists() and run(["-m", "pip", "--version"], **silent) == 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Set up this checkout in .venv and run its lanes.",
        epilog="\n".join(f"  {name:10}{lane.what}" for name, lane in LANES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("lanes", nargs="+", choices=list(LANES), metavar="LANE", help="see below")
    lanes = parser.parse_args().lanes
    pyproject = (HERE / "pyproject.toml").read_text(encoding="utf-8")
    try:
        check_python(sys.version_info[:2], pyproject)
        check_modules()
        set_up(pyproject)
    except Mistake as error:
        print(f"run.py: error: {error}", file=sys.stderr)
        return 2
    for name in lanes:
        for words in LANES[name].commands:
            print(f"== {name}: python {' '.join(words)}", flush=True)
            code = run(words)
            if code:
                print(f"run.py: {name} failed with exit code {code}", file=sys.stderr)
                return code if code > 0 else 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
