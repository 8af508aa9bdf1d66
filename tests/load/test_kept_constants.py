"""Constants that code hands out: who changes one of them changes what Numba's code would hold."""

from __future__ import annotations

import pytest
from image_build import build, run_plain, run_restored, run_with_images

SOURCE = """
import numpy as np
from numba import jit, njit


@njit
def same(records):
    return records.copy()


@njit
def again(records):
    return records.copy()


def counter():
    seen = []

    @jit(forceobj=True)
    def count(x):
        seen.append(x)
        return len(seen)

    return count


first, second = counter(), counter()


def shifted(by):
    @jit(forceobj=True)
    def shift(x):
        return str(x) + by

    return shift


shift = shifted("!")


class Sum:
    def __init__(self):
        self.value = 1


def adding(to):
    @jit(forceobj=True)
    def add(x):
        to.value += x
        return to.value

    return add


total = Sum()
add = adding(total)


def records():
    return np.zeros(2, dtype=[("a", "i4"), ("b", "f8")])
"""
WORKLOAD = """
import kept
kept.same(kept.records()), kept.again(kept.records()), kept.first(1), kept.shift(1), kept.add(5)
"""
PROGRAM = """
import kept
kept.same(kept.records()).dtype.names = ("x", "y")
print([f(kept.records()).dtype.names for f in (kept.same, kept.again)])
print(kept.first(1), kept.first(1), kept.second(1), kept.shift(2))
print(kept.add(1), kept.add(1), kept.total.value)
print([f.py_func.__closure__[0].cell_contents for f in (kept.first, kept.second)])
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    for name, text in (("kept", SOURCE), ("workload", WORKLOAD), ("program", PROGRAM)):
        (folder / f"{name}.py").write_text(text)
    build(folder, folder / "depot", "kept", folder / "workload.py", folder, "--restore")
    return folder


@pytest.mark.parametrize("restore", ["no", "yes"])
def test_one_that_is_changed_is_nobody_elses(home, restore):
    run = run_restored if restore == "yes" else run_with_images
    seen = run(home, home / "depot", home / "program.py", home, PKGIMAGE_RESTORE=restore)
    assert seen.output == run_plain(home, home / "program.py", home), seen.error
    assert seen.seen["answered"] >= 3  # the functions that hold nothing which may change
