"""Numba's own cache of a program's functions, with images and without: each fills and reads it."""

from __future__ import annotations

import pytest
from image_build import PACKAGES, build, run_plain, run_restored, run_with_images

CALLERS = """
import numpy as np
from everything import classes, functions as f, ufuncs
from numba import cfunc, njit, vectorize

a = np.arange(1.0, 9.0)


@njit(cache=True)
def plain(a):
    return f.lazy(a) * 2


@njit(cache=True)
def declared(x):
    return f.explicit(x, 2.0) + f.two_signatures(3)


@njit(cache=True)
def recursive(n):
    return f.fibonacci(n)


@njit(cache=True)
def generator(n):
    total = 0.0
    for value in f.generator(n):
        total += value
    return total


@njit(cache=True)
def raises(x):
    return f.raises(x)


@njit(cache=True)
def parallel(a):
    return f.parallel(a) + 1


@njit(cache=True)
def closures(x):
    return f.add_two(x) + f.add_half(x)


@njit(cache=True)
def defaults(x):
    return f.default_argument(x) + f.default_argument(x, 1, 2, 3)


@njit(cache=True)
def overloads(x):
    return f.overloaded(x)


@njit(cache=True)
def cached_callee(x):
    return f.with_cache(x)


@njit
def between(a):
    return f.array_result(a.size)


@njit(cache=True)
def through_another(a):
    return between(a).sum()


@njit(cache=True)
def containers(n):
    return f.sum_list(f.typed_list(n))


@vectorize(["float64(float64)"], cache=True)
def universal(x):
    return f.square(x) + 1


@cfunc("float64(float64)", cache=True)
def callback(x):
    return f.cube(x)


@njit
def compiled_before(a):
    return f.lazy(a) - 1


@njit(cache=True)
def calls_what_was_compiled_before(a):
    return compiled_before(a)


@njit(cache=True)
def calls_ufunc(a):
    return ufuncs.eager(a, a)


@njit(cache=True)
def makes_jitclass(x):
    return classes.use(classes.Counter(x), 3)


print(plain(a), declared(0.5), recursive(10), generator(4), raises(1), parallel(a).hex())
try:
    raises(9)
except ValueError as error:
    print(error.args)
print(closures(1), defaults(1), overloads(3), cached_callee(2.0), through_another(a))
print(containers(4), universal(a), callback.ctypes(2.0), compiled_before(a))
print(calls_what_was_compiled_before(a), calls_ufunc(a), makes_jitclass(2.0))
"""
HITS = """
import sys
for one in (
    plain, declared, recursive, generator, raises, parallel, closures, defaults, overloads,
    cached_callee, through_another, containers, calls_what_was_compiled_before, calls_ufunc,
    makes_jitclass,
):
    hits = sum(one.stats.cache_hits.values())
    print(one.__name__, hits, sum(one.stats.cache_misses.values()), file=sys.stderr)
print("callback", callback.cache_hits, 1 - callback.cache_hits, file=sys.stderr)
"""
# Those that call something that Numba does not ask for by types, or that was compiled before.
LEFT_OUT = {"calls_what_was_compiled_before", "calls_ufunc"}


@pytest.fixture
def home(everything):
    return everything[0]


@pytest.fixture
def depot(everything):
    return everything[1]


@pytest.fixture
def run(home, depot, tmp_path):
    """Runs a program with a cache: its output and, by function, hits and misses of the cache."""
    program = tmp_path / "callers.py"
    program.write_text(CALLERS + HITS)

    def run(cache: str, *, images: bool) -> tuple[str, dict[str, list[int]]]:
        shown = depot if images else tmp_path / "no depot"
        seen = run_with_images(
            home, shown, program, PACKAGES, NUMBA_CACHE_DIR=str(tmp_path / cache)
        )
        assert seen.returncode == 0, seen.error
        assert (seen.seen["answered"] > 0) == images
        words = [line.split() for line in seen.error.splitlines()]
        return seen.output, {
            name: list(map(int, counts)) for name, *counts in words if len(counts) == 2
        }

    return run


@pytest.mark.slow
def test_it_keeps_what_calls_an_image_for_programs_with_images_and_without(run):
    plain, first = run("plain", images=False)
    assert set(map(tuple, first.values())) == {(0, 1)}
    output, kept = run("plain", images=False)
    assert (output, set(map(tuple, kept.values()))) == (plain, {(1, 0)})

    output, found = run("with images", images=True)
    assert (output, found) == (plain, first)
    output, found = run("with images", images=True)
    assert output == plain
    assert {name for name in kept if found[name] == [0, 1]} == LEFT_OUT
    # Each is compiled or not, as it was kept or not.
    output, found = run("with images", images=False)
    assert output == plain
    assert {name for name in kept if found[name] == [0, 1]} == LEFT_OUT
    assert run("plain", images=True) == (plain, kept)


CALLER = """
import numpy as np
from everything import functions as f
from numba import njit


@njit(cache=True)
def cached(a):
    return f.lazy(a) + f.explicit(a[0], 2.0) + f.fibonacci(a.size)


print(cached(np.arange(4.0)))
"""


def test_the_next_process_compiles_nothing(home, depot, tmp_path):
    program = tmp_path / "caller.py"
    program.write_text(CALLER)
    compiled, outputs = [], []
    for _ in range(2):
        seen = run_with_images(
            home, depot, program, PACKAGES, NUMBA_CACHE_DIR=str(tmp_path / "cache")
        )
        outputs.append(seen.output)
        compiled.append(len(seen.seen["compiled"]))
    assert compiled == [5, 0]  # `shifted`, that `lazy` calls, too
    assert outputs == [run_plain(home, program, PACKAGES)] * 2


@pytest.mark.slow
def test_nor_do_callers_of_restored_functions(tmp_path):
    depot, program = tmp_path / "depot", tmp_path / "caller.py"
    workload = PACKAGES / "everything_workload.py"
    build(tmp_path, depot, "everything", workload, PACKAGES, "--restore")
    hits = "import sys\nprint(sum(cached.stats.cache_hits.values()), file=sys.stderr)\n"
    program.write_text(CALLER + hits)
    plain = run_plain(tmp_path, program, PACKAGES, NUMBA_CACHE_DIR=str(tmp_path / "plain"))
    for number in range(2):
        seen = run_restored(
            tmp_path, depot, program, PACKAGES, NUMBA_CACHE_DIR=str(tmp_path / "cache")
        )
        assert (seen.output, seen.error) == (plain, f"{number}\n")
        assert "everything.functions" in seen.seen["restored"]


REFUSED = """
import sys
import numpy as np
from everything import functions as f
from numba import njit
from numba.core import dispatcher, errors

original = dispatcher._FunctionCompiler._compile_core


def compile_core(self, args, return_type):
    if self.py_func is f.lazy.py_func:
        raise errors.TypingError("not any more")
    return original(self, args, return_type)


dispatcher._FunctionCompiler._compile_core = compile_core


@njit(cache=True)
def cached(a):
    return f.lazy(a) + f.fibonacci(a.size)


print(cached(np.arange(4.0)), cached.stats.cache_hits, f.lazy.signatures)
"""


def test_what_numba_cannot_compile_is_the_images(home, depot, tmp_path):
    program = tmp_path / "refused.py"
    program.write_text(REFUSED)
    for _ in range(2):
        seen = run_with_images(
            home, depot, program, PACKAGES, NUMBA_CACHE_DIR=str(tmp_path / "cache"),
            PKGIMAGE_LOG="loading",
        )  # fmt: skip
        shown = "26.0 Counter() [(Array(float64, 1, 'C', False, aligned=True),)]\n"
        assert seen.output == shown, seen.error
        assert "method=lazy why='Numba cannot compile it for its cache: not any more'" in seen.error


CHANGED = """
import numpy as np
from everything import functions as f, helpers
from numba import njit

a = np.arange(1.0, 9.0)
print(f.lazy(a))
helpers.OFFSET = 99.0


@njit(cache=True)
def cached(a, b):
    return f.lazy(a) + f.with_cache(b)


print(cached(a, 1.0), f.lazy(a))
"""


def test_what_was_answered_keeps_its_globals_for_what_is_cached(home, depot, tmp_path):
    program = tmp_path / "changed.py"
    program.write_text(CHANGED)
    outputs = [
        run_with_images(home, shown, program, PACKAGES, NUMBA_CACHE_DIR=str(tmp_path / name)).output
        for shown, name in ((depot, "one"), (tmp_path / "no depot", "other"))
    ]
    assert outputs[0] == outputs[1] == "58.0\n158.0 58.0\n"


MUTUAL = """
from everything import functions as f
from numba import njit


@njit(cache=True)
def cached(n):
    return f.mutual_even(n)


print(cached(10), cached(7))
"""


def test_mutual_recursion(home, depot, tmp_path):
    """Numba 0.68 dies of what its own cache has of it."""
    program = tmp_path / "mutual.py"
    program.write_text(MUTUAL)
    for _ in range(2):
        seen = run_with_images(
            home, depot, program, PACKAGES, NUMBA_CACHE_DIR=str(tmp_path / "cache")
        )
        assert (seen.output, seen.seen["compiled"] != []) == ("True False\n", True), seen.error
