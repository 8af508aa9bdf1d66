"""Functions that declare types of their variables: Numba adds to what they have declared when it
compiles them, and not when it loads them from its cache."""

from __future__ import annotations

import pytest
from image_build import build, run_plain, run_restored, run_with_images

SOURCE = """
from numba import njit, types


@njit("float32(float32)", locals={"value": types.float32, "left": types.int64}, cache=True)
def declared(x):
    value = x
    left = 3
    while left > 0:
        value = value * 2 + 1
        left -= 1
    return value


@njit(locals={"total": types.float32})
def calls(n):
    total = 0.0
    for i in range(n):
        total = total + declared(i)
    return total
"""
PROGRAM = """
import typed
print(typed.calls(3), typed.declared(0.1), type(typed.calls(2)))
"""


@pytest.mark.parametrize("options", [(), ("--restore",)], ids=["attached", "restored"])
def test_nothing_is_compiled(tmp_path, options):
    (tmp_path / "typed.py").write_text(SOURCE)
    workload, program = tmp_path / "workload.py", tmp_path / "program.py"
    workload.write_text("import typed\ntyped.calls(3)\n")
    program.write_text(PROGRAM)
    depot, run = tmp_path / "depot", run_restored if options else run_with_images
    build(tmp_path, depot, "typed", workload, tmp_path, *options)
    seen = run(tmp_path, depot, program, tmp_path)
    assert seen.output == run_plain(tmp_path, program, tmp_path), seen.error
    assert (seen.seen["misses"], seen.seen.get("compiled", [])) == ([], [])


def test_nor_where_numbas_cache_has_one_of_them(tmp_path):
    (tmp_path / "typed.py").write_text(SOURCE)
    workload, program = tmp_path / "workload.py", tmp_path / "program.py"
    workload.write_text("import typed\ntyped.calls(3)\n")
    program.write_text("import typed\nprint(typed.calls(3))\n")
    depot, cache = tmp_path / "depot", {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    plain = run_plain(tmp_path, program, tmp_path, **cache)
    build(tmp_path, depot, "typed", workload, tmp_path)
    seen = run_with_images(tmp_path, depot, program, tmp_path, **cache)
    assert seen.output == plain, seen.error
    assert (seen.seen["misses"], seen.seen["compiled"]) == ([], [])
