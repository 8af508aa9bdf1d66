"""The serialize stage as a command: what it writes, what it says, what it leaves behind."""

import json
import re
import subprocess
import sys

import pytest
from image_build import environment


def serialize(tmp_path, source, workload, *more, **settings):
    """Run the stage on package `pkg` made of `source`."""
    (tmp_path / "src").mkdir(exist_ok=True)
    (tmp_path / "src" / "pkg.py").write_text(source)
    command = ["serialize", "--package", "pkg", "--path", str(tmp_path / "src")]
    command += ["--output", str(tmp_path / "out" / "pkg")]
    if workload is not None:
        (tmp_path / "work.py").write_text(workload)
        command += ["--workload", str(tmp_path / "work.py")]
    return subprocess.run(
        [sys.executable, "-m", "packageimage.stages", *command, *more],
        env=environment(tmp_path, **settings),
        capture_output=True,
        text=True,
        check=False,
    )


def written(tmp_path):
    return sorted(file.name for file in (tmp_path / "out").iterdir())


ADDRESS = """
import ctypes
from numba import njit, types
from numba.core.typing import cffi_utils

functions = {"labs": ctypes.CDLL(None).labs}
functions["labs"].argtypes = [ctypes.c_long]
functions["labs"].restype = ctypes.c_long

def make():
    labs = functions["labs"]
    @njit
    def absolute(x):
        return labs(x)
    return absolute

absolute = make()

@njit
def plain(x):
    return x + 1
"""


def test_what_cannot_be_held_is_listed(tmp_path):
    result = serialize(
        tmp_path,
        ADDRESS,
        "import pkg\nfrom numba import njit\npkg.absolute(-3)\npkg.plain(1)\n"
        "@njit\ndef own(x):\n    return x\nown(1)\n",
    )
    assert result.returncode == 0, result.stderr
    lines = result.stderr.splitlines()
    assert [line for line in lines if "__main__.own(int64): it is defined in the workload" in line]
    (line,) = (line for line in lines if "absolute" in line)
    assert line.startswith("pkgimage: pkg: not in the image: pkg.make.<locals>.absolute(int64): ")
    manifest = json.loads((tmp_path / "out" / "pkg.capture.json").read_text())
    assert manifest["methods"] == 1
    assert {o["function"] for o in manifest["omitted"]} == {
        "__main__.own",
        "pkg.make.<locals>.absolute",
    }


CONFUSABLE = """
from numba import njit

def item(values, i):
    return values[i]

first = njit(item)
second = njit(item)
plain = njit(lambda x: x)
"""


def test_methods_of_one_key_and_other_code_are_not_held(tmp_path):
    """Bounds checks that the program switches on itself are in no key."""
    result = serialize(
        tmp_path,
        CONFUSABLE,
        "import numba, numpy as np, pkg\npkg.plain(1)\npkg.first(np.ones(2), 0)\n"
        "numba.config.BOUNDSCHECK = 1\npkg.second(np.ones(2), 0)\n",
    )
    assert result.returncode == 0, result.stderr
    manifest = json.loads((tmp_path / "out" / "pkg.capture.json").read_text())
    assert manifest["methods"] == 1
    assert {o["function"] for o in manifest["omitted"]} == {"pkg.item"}
    assert "can't be told from another with other code" in result.stderr


def test_methods_of_one_key_and_equal_code_are_one(tmp_path):
    workload = "import numpy as np, pkg\npkg.first(np.ones(2), 0)\npkg.second(np.ones(2), 0)\n"
    result = serialize(tmp_path, CONFUSABLE, workload)
    assert result.returncode == 0, result.stderr
    manifest = json.loads((tmp_path / "out" / "pkg.capture.json").read_text())
    assert (manifest["methods"], manifest["omitted"]) == (1, [])


AMBIGUOUS = """
from numba import deferred_type, int64, njit, optional
from numba.experimental import jitclass
from numba.extending import overload

def make(amount):
    def marker(x):
        return x + amount

    @overload(marker)
    def of_marker(x):
        return lambda x: x + amount

    return marker

one = make(1)
chosen = one

def wrap(function):
    @njit
    def inner(x):
        return function(x)

    return inner

wrapped = wrap(one)

@njit
def calls(x):
    return chosen(x)

@njit
def calls_wrapped(x):
    return wrapped(x)

later = deferred_type()

@jitclass([("value", int64), ("next", optional(later))])
class Node:
    def __init__(self, value):
        self.value = value
        self.next = None

later.define(Node.class_type.instance_type)

@njit
def makes(x):
    return Node(x).value

@njit
def plain(x):
    return x + 1
"""


def test_globals_that_are_known_by_identity(tmp_path):
    """Numba would compile other code for another one; the loader could not tell the two apart."""
    workload = "import pkg\npkg.calls(1), pkg.calls_wrapped(1), pkg.makes(1), pkg.plain(1)\n"
    result = serialize(tmp_path, AMBIGUOUS, workload)
    assert result.returncode == 0, result.stderr
    text = (tmp_path / "out" / "pkg.capture.json").read_text()
    manifest = json.loads(text)
    reasons = {omitted["function"]: omitted["reason"] for omitted in manifest["omitted"]}
    assert "pkg.chosen can't be told from others" in reasons["pkg.calls"]
    assert "pkg.wrapped can't be told from others" in reasons["pkg.calls_wrapped"]
    assert "pkg.Node can't be told from others" in reasons["pkg.makes"]
    assert "a type that is defined later" in reasons["pkg.Node.__init__"]
    owners = set(manifest["entry_owners"].values())
    assert "pkg.plain(int64)" in owners
    assert not [owner for owner in owners if owner.startswith(("pkg.calls", "pkg.makes"))]
    # What is shown of types has no addresses.
    assert "jitclass.Node<" in text
    assert not re.search(r"DeferredType#|Node#| at 0x", text)


PLAIN = "from numba import njit\n@njit\ndef f(x):\n    return x + 1\n"


@pytest.mark.parametrize(
    ("source", "workload", "said"),
    [
        ("import missing_thing\n", None, "ModuleNotFoundError (traceback above)"),
        ("raise SystemExit(3)\n", None, "found SystemExit"),
        (PLAIN, "raise KeyError('x')\n", "found KeyError (traceback above)"),
        (PLAIN, "import sys; sys.exit(4)\n", "found exit code 4"),
        (PLAIN, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)\n", "found signal 11"),
        (PLAIN, "import pkg\n", "at least one function, found none (its workload ran)"),
        ("x = 1\n", None, "at least one function, found none (it has no workload)"),
    ],
)
def test_mistakes(tmp_path, source, workload, said):
    result = serialize(tmp_path, source, workload)
    assert result.returncode == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith("pkgimage: error: expected ")
    assert said in last
    assert written(tmp_path) == ["pkg.workload.log"]
    assert "capture/worker.py" not in result.stderr  # the user's frames only


def test_same_bytes_whatever_the_hash_seed_and_the_caller(tmp_path):
    source = PLAIN + "@njit\ndef g(s):\n    return f(len(s)), 'a' in s, {1: 2.0}[1]\n"
    workload = "import pkg\npkg.g('abc')\n"
    found = []
    for name, seed in (("a", "1"), ("a folder of another name", "77")):
        folder = tmp_path / name
        folder.mkdir()
        result = serialize(
            folder,
            source,
            workload,
            PYTHONHASHSEED=seed,
            NUMBA_OPT="0",
            LC_ALL="C",
            TZ="Asia/Tokyo",
        )
        assert result.returncode == 0, result.stderr
        found.append(
            {
                file: (folder / "out" / file).read_bytes()
                for file in ("pkg.p0.bc", "pkg.capture.json", "pkg.capture.bin")
            }
        )
    assert found[0] == found[1]
