"""A capture that is taken again compiles what changed, and comes out as one taken anew."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from image_build import environment

FILES = {
    "src/pkg/__init__.py": "from . import constants, helpers, kernels\n",
    "src/pkg/constants.py": "STEP = 2.0\nUNUSED = 1\n",
    "src/pkg/helpers.py": """
from numba import njit

import other.deep.inner

@njit
def callee(x):
    return x + 1.0

def make(amount):
    @njit
    def closed(x):
        return x * amount
    return closed
""",
    "src/pkg/kernels.py": """
import numpy as np
from numba import njit, prange, vectorize

import other
from . import constants
from .helpers import callee, make

@njit
def caller(x):
    return callee(x) * 2.0

@njit
def frozen(x):
    return x + constants.STEP

@njit("float64(float64)")
def alone(x):
    if x < 0.0:
        raise ValueError("negative")
    return x - 1.0

@njit
def far(x):
    return other.deep.inner.shifted(x)

@njit
def even(n):
    return True if n == 0 else odd(n - 1)

@njit
def odd(n):
    return False if n == 0 else even(n - 1)

@vectorize
def squared(x):
    return x * x

@njit(parallel=True)
def parallel(a):
    total = 0.0
    for i in prange(a.size):
        total += a[i]
    return total

double, triple = make(2.0), make(3.0)
""",
    "src/other/__init__.py": "import other.deep\n",
    "src/other/deep/__init__.py": "import other.deep.inner\n",
    "src/other/deep/inner.py": """
from numba import njit

@njit
def shifted(x):
    return x + 0.5
""",
    "src/workload.py": """
import numpy as np
from pkg import kernels as k
k.caller(1.0), k.frozen(1.0), k.far(1.0), k.even(3), k.parallel(np.ones(8))
k.squared(np.ones(3)), k.double(1.0), k.triple(1.0)
""",
}
ALL = {
    "other.deep.inner.shifted", "pkg.helpers.callee", "pkg.helpers.make.<locals>.closed",
    "pkg.kernels.alone", "pkg.kernels.caller", "pkg.kernels.even", "pkg.kernels.far",
    "pkg.kernels.frozen", "pkg.kernels.odd", "pkg.kernels.parallel", "pkg.kernels.squared",
}  # fmt: skip
# Also what is in no module's part: the bodies of these decide the code of what contains them only.
IN_KERNELS = {name for name in ALL if name.startswith("pkg.kernels.")}
KERNELS, HELPERS = "src/pkg/kernels.py", "src/pkg/helpers.py"

# file, old text, new text, what is compiled again
EDITS = {
    "nothing": (KERNELS, "", "", set()),
    "a comment": (KERNELS, "@njit\ndef caller", "# new\n\n\n@njit\ndef caller", set()),
    "a comment in a function": (KERNELS, "    if x < 0.0:", "    # new\n    if x < 0.0:", set()),
    "a function": (KERNELS, "x - 1.0", "x - 3.0", {"pkg.kernels.alone"}),
    "a callee": (HELPERS, "x + 1.0", "x + 3.0", {"pkg.helpers.callee", "pkg.kernels.caller"}),
    "a constant of another module": (
        "src/pkg/constants.py",
        "STEP = 2.0", "STEP = 3.0", IN_KERNELS,
    ),
    "a constant that no function uses": (
        "src/pkg/constants.py", "UNUSED = 1", "UNUSED = 2", IN_KERNELS,
    ),
    "a callee in another package": (
        "src/other/deep/inner.py", "x + 0.5", "x - 0.5",
        {"other.deep.inner.shifted", "pkg.kernels.far"},
    ),
    "one of a circle": (
        KERNELS, "False if n == 0", "False if n <= 0", {"pkg.kernels.even", "pkg.kernels.odd"},
    ),
    "what a closure holds": (
        KERNELS, "make(3.0)", "make(4.0)", {*IN_KERNELS, "pkg.helpers.make.<locals>.closed"},
    ),
    "the body of a closure": (
        HELPERS, "x * amount", "x / amount", {"pkg.helpers.make.<locals>.closed"},
    ),
    "what makes a closure": (
        HELPERS, "def make(amount):\n", "def make(amount):\n    amount *= 2\n",
        ALL - {"other.deep.inner.shifted"},
    ),
    "a new function": (
        KERNELS, "@vectorize", '@njit("int64(int64)")\ndef new(x):\n    return x\n\n@vectorize',
        {*IN_KERNELS, "pkg.kernels.new"},
    ),
    "a function goes": ("src/workload.py", "k.far(1.0), ", "", set()),
    "options": (KERNELS, "@njit(parallel=True)", "@njit", IN_KERNELS),
    "another type": ("src/workload.py", "k.frozen(1.0)", "k.frozen(1)", {"pkg.kernels.frozen"}),
    "a module that extends the compiler": (
        HELPERS, "from numba import njit",
        "from numba import njit\nfrom numba.extending import overload", ALL,
    ),
}  # fmt: skip


def serialize(folder: Path, output: Path, *more: str, said: tuple[str, ...] = ()) -> set[str]:
    """Take the capture, which says this alone; the functions that were compiled for it."""
    command = ["serialize", "--package", "pkg", "--path", "src", "--workload", "src/workload.py"]
    done = subprocess.run(
        [sys.executable, "-m", "packageimage.stages", *command, "--partitions", "2", *more,
         "--output", str(output / "pkg")],
        cwd=folder, env=environment(folder), capture_output=True, text=True, check=False,
    )  # fmt: skip
    # Plain Numba prints this as well, for modules without lines among others with debug flags.
    stderr = [line for line in done.stderr.splitlines() if "ignoring debug info" not in line]
    assert (done.returncode, stderr) == (0, list(said))
    with zipfile.ZipFile(output / "pkg.store") as store:
        compiled = json.loads(store.read("index.json"))["compiled"]
    return {shown.partition("(")[0] for shown in compiled}


def contents(folder: Path) -> dict[str, bytes]:
    """All that a capture consists of, but for what it keeps for itself."""
    private = (".store", ".log", ".imported.json")
    return {f.name: f.read_bytes() for f in folder.iterdir() if not f.name.endswith(private)}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A project with its first capture."""
    folder = tmp_path_factory.mktemp("first")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    assert serialize(folder, folder / "out") == ALL
    return folder


@pytest.fixture
def project(first, tmp_path):
    """A copy of it."""
    return shutil.copytree(first, tmp_path / "project")


def edit(project: Path, name: str, old: str, new: str) -> None:
    path = project / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


# For each way that an edit can reach a method, one.
QUICK = {
    "nothing", "a comment", "a callee", "a constant of another module", "one of a circle",
    "a callee in another package", "what a closure holds", "a function goes",
    "a module that extends the compiler",
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in EDITS],
)
def test_an_edit_compiles_what_it_changes(project, name):
    file, old, new, expected = EDITS[name]
    edit(project, file, old, new)
    assert serialize(project, project / "out") == expected
    serialize(project, project / "anew")
    again, anew = contents(project / "out"), contents(project / "anew")
    assert again.keys() == anew.keys()
    assert [name for name in anew if again[name] != anew[name]] == []


def test_a_comment_changes_includes_alone(project):
    before = contents(project / "out")
    edit(project, KERNELS, "@njit\ndef caller", "# new\n@njit\ndef caller")
    serialize(project, project / "out")
    after = contents(project / "out")
    assert [name for name in after if after[name] != before[name]] == ["pkg.includes.json"]


def test_an_edit_that_python_would_miss(project):
    """Of the same size and in the same second: Python would import the old bytecode."""
    path = project / KERNELS
    compileall = [sys.executable, "-m", "compileall", "-q", "src"]
    subprocess.run(compileall, cwd=project, check=True)
    time = path.stat().st_mtime_ns
    edit(project, KERNELS, "x - 1.0", "x - 9.0")
    os.utime(path, ns=(time, time))
    assert serialize(project, project / "out") == {"pkg.kernels.alone"}


@pytest.mark.slow
def test_other_flags_and_a_damaged_store_are_no_store(project):
    assert serialize(project, project / "out", "--flags", "check-bounds=yes") == ALL
    assert serialize(project, project / "out", "--flags", "check-bounds=yes") == set()
    store = project / "out" / "pkg.store"
    store.write_bytes(store.read_bytes()[:-200])
    assert serialize(project, project / "out", "--flags", "check-bounds=yes") == ALL
    store.unlink()
    assert serialize(project, project / "out", "--flags", "check-bounds=yes") == ALL


SEVERAL_VALUES = {
    "src/pkg/__init__.py": """
from numba import njit

FACTOR = OFFSET = 0

def scaled(x):
    return x * FACTOR + OFFSET

def alone(x):
    return x

def with_values(factor, offset):
    global FACTOR, OFFSET
    FACTOR, OFFSET = factor, offset
    inner = njit(scaled)

    @njit
    def outer(x):
        return inner(x) - factor

    return inner, outer
""",
    "src/workload.py": """
import pkg
for factor, offset in (2, 1), (3, 1), (4, 5):
    for function in pkg.with_values(factor, offset):
        function(10)
pkg.njit(pkg.alone)(1)
""",
}


@pytest.mark.slow
def test_a_function_that_was_compiled_for_several_values_of_a_global(tmp_path):
    """The image has the first, and says that it has not the others, whichever were compiled now."""
    for name, text in SEVERAL_VALUES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    said = (
        "pkgimage: pkg: not in the image: pkg.scaled(int64): it was compiled for several values of "
        "pkg.FACTOR, pkg.OFFSET; the image has the first",
        "pkgimage: pkg: not in the image: pkg.scaled(int64): it was compiled for several values of "
        "pkg.FACTOR; the image has the first",
    )
    outer = "pkg.with_values.<locals>.outer"
    assert serialize(tmp_path, tmp_path / "out", said=said) == {"pkg.alone", "pkg.scaled", outer}
    manifest = json.loads((tmp_path / "out" / "pkg.capture.json").read_text())
    assert [one["function"] for one in manifest["omitted"]] == ["pkg.scaled"] * 2
    for old, new in ("    return x\n", "    return x + 1\n"), ("", "# a comment\n"):
        edit(tmp_path, "src/pkg/__init__.py", old, new)
        serialize(tmp_path, tmp_path / "out", said=said)
        serialize(tmp_path, tmp_path / "anew", said=said)
        again, anew = contents(tmp_path / "out"), contents(tmp_path / "anew")
        assert again == anew
