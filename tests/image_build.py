"""Builds images for tests as a user would, and runs programs with and without them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import plain_programs

TESTS = Path(__file__).parent
PACKAGES = TESTS / "packages"
LIBRARY = TESTS.parent / "site_scons"

# Runs a program with images enabled and tells what happened on the last line of standard error.
_OBSERVER = """
import json, runpy, sys, warnings
import packageimage
warnings.simplefilter("ignore")
session = packageimage.enable()
from numba.core import event
compiled, passes = event.RecordingListener(), event.RecordingListener()
event.register("numba:compile", compiled)
event.register("numba:run_pass", passes)
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    shown = {
        "answered": session.answered,
        "compiled": [str(e.data["dispatcher"]) for _, e in compiled.buffer if e.is_start],
        "passes": len(passes.buffer) // 2,
        "loaded": sorted(session.loaded),
        "targets": {n: o.spec for n, o in session.loaded.items()},
        "rejections": [[r.kind.value, str(r)] for r in session.rejections],
        "misses": session.misses,
    }
    print("\\n" + json.dumps(shown), file=sys.stderr)
"""


@dataclass(frozen=True)
class Observed:
    """One run of a program with images: what it printed and what the session saw."""

    output: str
    error: str
    returncode: int
    seen: dict


def environment(home: Path, *paths: Path, **settings: str) -> dict[str, str]:
    """The environment of a fresh user: no settings of the caller, a home of its own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NUMBA_", "PKGIMAGE", "PYTHON", "XDG_", "SCONS"))
    }
    kept.update(
        HOME=str(home),
        PYTHONPATH=os.pathsep.join(map(str, (LIBRARY, *paths))),
        PYTHONWARNINGS="ignore",
        **settings,
    )
    return kept


def pkgimage(home: Path, *arguments: str, paths: tuple[Path, ...] = (), **settings: str):
    """Run the command line."""
    return subprocess.run(
        [sys.executable, "-m", "packageimage", *arguments],
        env=environment(home, *paths, **settings),
        capture_output=True,
        text=True,
        check=False,
    )


def build(home: Path, depot: Path, package: str, workload: Path, path: Path, *more: str) -> None:
    """Build one image into `depot`; fails the test with the build's own output."""
    result = pkgimage(
        home, "build", package, "--workload", str(workload), "--path", str(path),
        "--depot", str(depot), *more,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr


# Not `python program`: its folder would come before `paths`, with the packages that lie there.
_PLAIN = "import runpy, sys; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"


def run_plain(home: Path, program: Path, *paths: Path, **settings: str) -> str:
    """A program's output under plain Numba."""
    # Settings are read when Numba is imported, and its extensions are when it first compiles.
    extended = any(next(path.glob("*.dist-info"), None) for path in paths)
    settled = settings or extended or "environ" in program.read_text()
    if hasattr(os, "fork") and not settled:
        return plain_programs.run(
            program, (str(LIBRARY), *map(str, paths)), environment(home, *paths)
        )
    result = subprocess.run(
        [sys.executable, "-c", _PLAIN, str(program)],
        env=environment(home, *paths, **settings),
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


# For programs that are held against plain Numba: a call and what it gives, or raises, in a line.
SHOW = """
def show(call):
    try:
        print(call, eval(call))
    except Exception as error:
        print(call, type(error).__name__, str(error).splitlines()[:1])

"""

# `_OBSERVER` without importing Numba.
_QUIET_OBSERVER = """
import json, runpy, sys, warnings
import packageimage
warnings.simplefilter("ignore")
session = packageimage.enable()
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    shown = {
        "answered": session.answered,
        "numba": "numba" in sys.modules,
        "restored": session.restored,
        "rejections": [[r.kind.value, str(r)] for r in session.rejections],
        "misses": session.misses,
    }
    print("\\n" + json.dumps(shown), file=sys.stderr)
"""


def run_restored(home: Path, depot: Path, program: Path, *paths: Path, **settings) -> Observed:
    """As `run_with_images`, for images that restore: nothing but the program imports Numba."""
    return _run(_QUIET_OBSERVER, home, depot, program, *paths, **settings)


def run_with_images(home: Path, depot: Path, program: Path, *paths: Path, **settings) -> Observed:
    """A program's output with the images of `depot`, and what the session saw."""
    return _run(_OBSERVER, home, depot, program, *paths, **settings)


def _run(
    observer: str, home: Path, depot: Path, program: Path, *paths: Path, **settings
) -> Observed:
    # In one line: since Python 3.13 tracebacks show lines of it for all code that says "<string>".
    code = f"exec(compile({observer!r}, 'observer', 'exec'))"
    result = subprocess.run(
        [sys.executable, "-c", code, str(program)],
        env=environment(home, *paths, PKGIMAGE_DEPOT_PATH=str(depot), **settings),
        capture_output=True,
        text=True,
        check=False,
    )
    *error, last = result.stderr.rstrip().rsplit("\n", 1)
    try:
        seen = json.loads(last)
    except ValueError:
        seen, error = {}, [result.stderr]
    return Observed(result.stdout, "\n".join(error), result.returncode, seen)
