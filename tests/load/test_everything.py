"""Every kind of function that Numba compiles runs from an image as it runs from the JIT."""

import textwrap

import pytest
from image_build import PACKAGES, build, run_plain, run_with_images

WORKLOAD = PACKAGES / "everything_workload.py"

JIT_CALLERS = """
import numpy as np
from everything import classes, functions as f, ufuncs
from numba import njit
from numba.core.registry import cpu_target

a = np.arange(1.0, 9.0)


@njit
def calls_several(a):
    return f.lazy(a) * 2 + f.explicit(0.5, 2.0) + f.large_array(3)


@njit
def calls_raises(x):
    return f.raises(x)


@njit
def iterates(n):
    total = 0.0
    for value in f.generator(n):
        total += value
    return total


@njit
def gives_generator(n):
    return f.generator(n)


@njit
def calls_parallel(a):
    return f.parallel(a) + 1


@njit
def calls_ufunc(a):
    return ufuncs.eager(a, a)


@njit
def calls_recursive(n):
    return f.fibonacci(n) + (1 if f.mutual_even(n) else 0)


@njit
def calls_object_mode(x):
    return f.with_object_mode(x)


@njit
def makes_jitclass():
    return classes.use(classes.Counter(2.0), 3)


print(calls_several(a).hex())
try:
    calls_raises(9)
except ValueError as error:
    print(error.args)
print(list(gives_generator(3)), next(gives_generator(1)))
print(iterates(4), calls_parallel(a).hex(), calls_ufunc(a)[2], calls_recursive(10))
print(calls_object_mode(1.25), makes_jitclass())
f.lazy(a)
print(f.lazy.signatures, f.lazy.nopython_signatures)
result = f.explicit.overloads[f.explicit.signatures[0]]
for name in (result.fndesc.llvm_func_name, result.fndesc.llvm_cfunc_wrapper_name):
    print(result.library.get_pointer_to_function(name) != 0)
print("define" in f.lazy.inspect_llvm(f.lazy.signatures[0]))
f.lazy.recompile()
print(f.lazy(a))
"""

# What a dispatcher's users look at, after calls of which an image answered some.
OVERLOADS = """
import threading
import numpy as np
from everything import functions as f
from numba import njit, typeof

a = np.arange(8.0)
f.lazy(a)
f.lazy(a.astype(np.int16))
f.fibonacci(7)
print(list(f.lazy.overloads), (typeof(a),) in f.lazy.overloads, (typeof(1),) in f.lazy.overloads)
print([str(result.signature) for result in f.lazy.overloads.values()], len(f.lazy.overloads))
result = f.lazy.overloads[typeof(a),]
print(result is f.lazy.overloads.get((typeof(a),)), result.fndesc.qualname, result.objectmode)
print(result.entry_point(a).hex(), result.fndesc.restype, result.fndesc.argtypes)

seen = []
start = threading.Barrier(8)
def look():
    start.wait()
    seen.append(list(map(id, f.fibonacci.overloads.values())))
threads = [threading.Thread(target=look) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(all(found == seen[0] for found in seen), len(seen[0]))

f.explicit.overloads.clear()
print(list(f.explicit.overloads))
f.array_result(12)

@njit
def caller(n):
    return f.array_result(n).sum()
print(caller(12), f.array_result.signatures)
f.fibonacci.recompile()
print(f.fibonacci(9), f.fibonacci.signatures)
"""


@pytest.fixture
def home(everything):
    return everything[0]


@pytest.fixture
def depot(everything):
    return everything[1]


def test_same_output_and_nothing_compiled(home, depot):
    with_images = run_with_images(home, depot, WORKLOAD, PACKAGES)
    assert with_images.returncode == 0, with_images.error
    assert with_images.output == run_plain(home, WORKLOAD, PACKAGES)
    assert with_images.seen["rejections"] == []
    assert with_images.seen["misses"] == []
    assert with_images.seen["compiled"] == []
    assert with_images.seen["passes"] == 0
    assert with_images.seen["answered"] > 60


def test_overloads_are_as_numba_has_them(home, depot, tmp_path):
    program = tmp_path / "overloads.py"
    program.write_text(OVERLOADS)
    seen = run_with_images(home, depot, program, PACKAGES)
    assert seen.output == run_plain(home, program, PACKAGES), seen.error
    assert seen.seen["answered"] >= 3


def test_jit_code_links_against_imaged_functions(home, depot, tmp_path):
    program = tmp_path / "callers.py"
    program.write_text(textwrap.dedent(JIT_CALLERS))
    with_images = run_with_images(home, depot, program, PACKAGES)
    assert with_images.returncode == 0, with_images.error
    assert with_images.output == run_plain(home, program, PACKAGES)
    compiled = " ".join(with_images.seen["compiled"])
    for name in ("lazy", "explicit", "raises", "generator", "parallel", "fibonacci"):
        assert f"<function {name} " not in compiled.replace("<function lazy ", "", 1)


CACHED_CALLERS = """
import warnings
warnings.simplefilter("error")
import ctypes
import numpy as np
from everything import functions as f
from numba import njit
from numba.core.errors import NumbaWarning

labs = ctypes.CDLL(None).labs
labs.argtypes, labs.restype = [ctypes.c_long], ctypes.c_long


@njit
def compiled_before(a):
    return f.lazy(a)


@njit(cache=True)
def cached(a):
    return compiled_before(a)


@njit(cache=True)
def calls_c(a):
    return f.lazy(a) + labs(-3)


print(compiled_before(np.arange(4.0)), cached(np.arange(4.0)))
try:
    print(calls_c(np.arange(4.0)))
except NumbaWarning as warning:
    print(warning)
"""


def test_numba_warns_of_no_dynamic_globals_but_a_programs_own(home, depot, tmp_path):
    program = tmp_path / "cached_callers.py"
    program.write_text(CACHED_CALLERS)
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PKGIMAGE_LOG": "loading"}
    with_images = run_with_images(home, depot, program, PACKAGES, **cache)
    assert with_images.returncode == 0, with_images.error
    assert with_images.output == run_plain(home, program, PACKAGES)
    assert "Cannot cache" in with_images.output
    told = [line for line in with_images.error.splitlines() if "not cached" in line]
    assert len(told) == 1, with_images.error
    assert "cached" in told[0] and "it calls a function of an image" in told[0]
    # Code that refers to this process's slots must not reach Numba's cache.
    assert not list(tmp_path.glob("cache/**/*.nbc"))


PARALLEL = """
import numpy as np
from numba import njit, prange


@njit
def sift(heap, at):
    while at * 2 + 1 < heap.shape[0]:
        left = at * 2 + 1
        if heap[left] > heap[at]:
            heap[left], heap[at] = heap[at], heap[left]
            at = left
        else:
            break


@njit(parallel=True)
def sifted(heaps):
    for i in prange(heaps.shape[0]):
        for end in range(heaps.shape[1] - 1, 0, -1):
            sift(heaps[i, :end], 0)
    return heaps
"""
CALLER = """
import numpy as np
import heaps
from numba import njit


@njit
def total(values, more):
    return heaps.sifted(values).sum() + more


print(total(np.arange(30.0).reshape(5, 6), 1), heaps.sifted(np.ones((2, 2))).tolist())
"""


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="attached"),
        pytest.param(("--restore",), marks=pytest.mark.slow, id="restored"),
    ],
)
def test_jit_code_needs_objects_that_the_images_own_code_never_gets_to(tmp_path, options):
    """LLVM has dropped what raises from the image's copy, and its slots with it; JIT code that
    links the loop's body without inlining it has that."""
    (tmp_path / "heaps.py").write_text(PARALLEL)
    workload, program = tmp_path / "workload.py", tmp_path / "program.py"
    workload.write_text("import heaps, numpy as np\nheaps.sifted(np.ones((5, 5)))\n")
    program.write_text(CALLER)
    depot = tmp_path / "depot"
    build(tmp_path, depot, "heaps", workload, tmp_path, *options)
    run = run_with_images(tmp_path, depot, program, tmp_path)
    assert run.returncode == 0, run.error
    assert run.output == run_plain(tmp_path, program, tmp_path)
    assert run.seen["misses"] == []
