"""Universal functions for `target='parallel'`: the same programs under plain Numba and restored."""

import pytest
from image_build import PACKAGES, build, run_plain, run_restored

PROGRAM = """
import numpy as np
import threaded
from threaded import ufuncs

def show(function, *arguments, **named):
    try:
        found = function(*arguments, **named)
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
    if isinstance(found, np.ndarray):
        found = found.dtype, found.shape, float(np.sum(found)), found.ravel()[:9].tolist()
    print(found)

reals, integers = np.arange(4.0), np.arange(4)
single = reals.astype("f4")
product, scaled, shifted = ufuncs.product, ufuncs.scaled, ufuncs.shifted
print(type(product), product, product.types, product.identity, product.signature, product.__doc__)
print(scaled.types, scaled.identity, ufuncs.looked_up.types, ufuncs.table["again"] is product)
print(shifted, shifted.types, shifted.signature, shifted.nin, shifted.nout, shifted.__name__)
print(threaded.functions[0] is product, threaded.shifted is shifted)
many = np.linspace(0.0, 3.0, 30_000).reshape(300, 100)
for a in (reals, single, integers, integers.astype("u1"), many, many.T, many[::2, ::3], 2, 2.5):
    show(product, a, a)
    show(scaled, a)
    show(shifted, a, 2)
show(product.reduce, reals[:1])  # of more, threads race, in Numba too
show(product.outer, reals, integers)
show(product, reals, reals, out=np.zeros(4, "f4"), casting="same_kind")
show(product, 1j, 1)
show(product, np.ones(2), np.ones(3))
show(ufuncs.looked_up, integers * 1000)
show(shifted, many.astype("f4"), single[3])
into = np.arange(2.0)
show(ufuncs.add_into, reals, into)
print(into, ufuncs.SCALE, ufuncs.helper(1.0))
"""


@pytest.fixture(scope="module")
def depot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("threaded")
    workload = PACKAGES / "threaded_workload.py"
    build(folder, folder / "depot", "threaded", workload, PACKAGES, "--restore")
    return folder / "depot"


def run_both(tmp_path, depot, text, **settings):
    program = tmp_path / "program.py"
    program.write_text(text)
    plain = run_plain(tmp_path, program, PACKAGES, **settings)
    seen = run_restored(tmp_path, depot, program, PACKAGES, PKGIMAGE="strict", **settings)
    assert seen.output == plain, seen.error
    assert seen.seen["misses"] == []
    assert seen.seen["restored"] == ["threaded", "threaded.ufuncs"]
    return seen


@pytest.mark.slow
def test_without_numba(tmp_path, depot):
    assert not run_both(tmp_path, depot, PROGRAM).seen["numba"]


@pytest.mark.parametrize(
    "text",
    [
        f"import numba\n{PROGRAM}",
        PROGRAM + "import numba\nshow(product, many, many)\nprint(ufuncs.helper.signatures)\n",
        "import threaded\nimport numba\n" + PROGRAM,
    ],
    ids=["before", "after", "between"],
)
def test_with_numba(tmp_path, depot, text):
    run_both(tmp_path, depot, text)


def test_with_threads_that_a_setting_chooses(tmp_path, depot):
    """Numba makes the choice."""
    text = PROGRAM + "import numba\nprint(numba.threading_layer())\n"
    seen = run_both(tmp_path, depot, text, NUMBA_THREADING_LAYER="workqueue")
    assert seen.output.endswith("workqueue\n")


def test_threads_are_those_of_other_code(tmp_path, depot):
    """A program may set their number before and after."""
    text = PROGRAM + (
        "from numba import get_num_threads, njit, prange, set_num_threads\n"
        "@njit(parallel=True)\n"
        "def total(a):\n"
        "    found = 0.0\n"
        "    for i in prange(len(a)):\n"
        "        found += a[i]\n"
        "    return found\n"
        "print(total(reals), get_num_threads())\n"
        "set_num_threads(1)\n"
        "show(product, many, many)\n"
        "print(total(reals), get_num_threads())\n"
    )
    run_both(tmp_path, depot, text, NUMBA_NUM_THREADS="2")
