"""The examples: their stored output, and that an image changes nothing but the time.

Each application runs through plain Numba and from its image, built with the command of its README;
both have to print what is stored. Their results are compared as well: bit for bit, because the
image is made for this machine's CPU. Counted with Numba's events, the image compiles nothing.
"""

from __future__ import annotations

import importlib.util
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples"
BENCHMARKS = REPOSITORY / "benchmarks"
LIBRARY = REPOSITORY / "site_scons"


@dataclass(frozen=True)
class Example:
    """name: of the folder and of the package. workload, source: relative to the folder."""

    name: str
    workload: str
    source: str | None = None

    @property
    def folder(self) -> Path:
        return EXAMPLES / self.name


pytestmark = pytest.mark.slow  # they take minutes
INSTALLED = [Example("pymatting", "workload.py"), Example("stumpy", "workload.py")]
ALL = [Example("kernels", "src/workload.py", "src"), *INSTALLED]
NAMES = [example.name for example in ALL]


def python(example: Example, folder: Path, *arguments: str, **environment: str) -> str:
    """Standard output of a Python process with nothing of this one's settings."""
    if importlib.util.find_spec(example.name) is None and example.source is None:
        pytest.skip(f"{example.name} is not installed")
    path = [str(LIBRARY)] + ([str(example.folder / example.source)] if example.source else [])
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "PYTHON"))}
    kept = {k: v for k, v in kept.items() if not k.startswith("PKGIMAGE") or k == "PKGIMAGE_LLD"}
    cache = {"NUMBA_CACHE_DIR": str(folder / "numba"), "XDG_CACHE_HOME": str(folder / "home")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**kept, **cache, "PYTHONPATH": os.pathsep.join(path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def expected(example: Example) -> str:
    return (example.folder / "expected.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def depots(tmp_path_factory):
    """A function from an example to a depot with its image, built once."""
    made: dict[tuple[str, ...], Path] = {}

    def depot_of(example: Example, *more: str) -> Path:
        key = (example.name, *more)
        if key not in made:
            folder = tmp_path_factory.mktemp(example.name)
            depot = folder / "depot"
            workload = str(example.folder / example.workload)
            command = ["build", example.name, "--workload", workload, "--depot", str(depot)]
            command += ["--cpu-targets", "native", *more]
            python(example, folder, "-m", "packageimage", *command)
            made[key] = depot
        return made[key]

    return depot_of


@pytest.mark.parametrize("example", ALL, ids=NAMES)
def test_plain_numba_prints_what_is_stored(example, tmp_path):
    app = str(example.folder / "app.py")
    assert python(example, tmp_path, app, PKGIMAGE="no") == expected(example)


@pytest.mark.parametrize("example", ALL, ids=NAMES)
def test_the_image_prints_what_is_stored(example, tmp_path, depots):
    app = str(example.folder / "app.py")
    images = {"PKGIMAGE": "strict", "PKGIMAGE_DEPOT_PATH": str(depots(example))}
    assert python(example, tmp_path, "-m", "packageimage", "run", app, **images) == expected(
        example
    )


@pytest.mark.parametrize("example", ALL, ids=NAMES)
def test_the_image_gives_the_same_bits_and_compiles_nothing(example, tmp_path, depots, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from compare import differences

    app, observe = str(example.folder / "app.py"), str(BENCHMARKS / "observe.py")
    images = {"PKGIMAGE": "existing", "PKGIMAGE_DEPOT_PATH": str(depots(example))}
    reports = {}
    for name, flags, environment in (("plain", [], {}), ("image", ["--image"], images)):
        report = tmp_path / name
        python(example, tmp_path, observe, str(report), app, *flags, **environment)
        reports[name] = pickle.loads(report.read_bytes())
    assert reports["image"]["rejections"] == []
    assert reports["plain"]["compiled"]
    assert (reports["image"]["compiled"], reports["image"]["passes"]) == ([], 0)
    assert differences(reports["plain"]["results"], reports["image"]["results"]) == []


RESTORED = """
import packageimage, runpy, sys
session = packageimage.enable()
sys.path.insert(0, {folder!r})
runpy.run_path({app!r}, run_name="__main__")
ran = [name for name in sys.modules if name.partition(".")[0] == {name!r}]
assert sorted(ran) == session.restored, set(ran) ^ set(session.restored)
assert (session.misses, "numba" in sys.modules) == ([], False), session.misses
"""


# kernels has universal functions of Numba, with which its modules run from source.
@pytest.mark.parametrize("example", INSTALLED, ids=NAMES[1:])
def test_restored_it_prints_what_is_stored_without_numba(example, tmp_path, depots):
    """Strict: all modules that an image has are restored."""
    app = str(example.folder / "app.py")
    program = tmp_path / "restored.py"
    text = RESTORED.format(folder=str(example.folder), app=app, name=example.name)
    program.write_text(text, encoding="utf-8")
    images = {"PKGIMAGE": "strict", "PKGIMAGE_DEPOT_PATH": str(depots(example, "--restore"))}
    assert python(example, tmp_path, str(program), **images) == expected(example)
