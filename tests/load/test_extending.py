"""A module that extends Numba runs from its source, also where its package is restored."""

import pytest
from image_build import pkgimage, run_plain, run_restored

MODULES = {
    "__init__": "from . import apart, uses\n",
    "apart": """
from numba import njit

@njit
def double(x):
    return x * 2
""",
    "kinds": """
from numba.extending import overload, register_jitable

def total(x):
    raise NotImplementedError

@overload(total)
def _total(x):
    def implementation(x):
        found = 0.0
        for one in x:
            found += one
        return found
    return implementation

@register_jitable
def half(x):
    return x / 2
""",
    "uses": """
from numba import njit
from .kinds import half, total

@njit
def mean(x):
    return half(total(x))
""",
}
WORKLOAD = """
import numpy as np
from extends import apart, uses
apart.double(2), uses.mean(np.ones(3))
"""
PROGRAM = """
import numpy as np
from extends import apart, uses
print(apart.double(2), uses.mean(np.ones(3)))
print(apart.double(2.5), uses.mean(np.ones(3, np.float32)), uses.mean((1, 2)))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The home, the depot, the folder of the package, and what the build said."""
    folder = tmp_path_factory.mktemp("extending")
    package = folder / "src" / "extends"
    package.mkdir(parents=True)
    for name, text in MODULES.items():
        (package / f"{name}.py").write_text(text)
    (folder / "workload.py").write_text(WORKLOAD)
    (folder / "program.py").write_text(PROGRAM)
    result = pkgimage(
        folder, "build", "extends", "--workload", str(folder / "workload.py"), "--path",
        str(package.parent), "--depot", str(folder / "depot"), "--restore",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return folder, result.stderr


def test_the_build_says_which_module_and_why(built):
    _, error = built
    assert error.splitlines() == [
        "pkgimage: extends: not restored: extends.kinds: its source extends Numba, which has to be "
        "done in every process (extends.kinds._total)"
    ]


def test_types_that_the_image_has_not_are_compiled_as_ever(built):
    folder, _ = built
    program, source = folder / "program.py", folder / "src"
    run = run_restored(folder, folder / "depot", program, source)
    assert run.returncode == 0, run.error
    assert run.output == run_plain(folder, program, source)
    assert run.seen["restored"] == ["extends", "extends.apart", "extends.uses"]
    assert run.seen["misses"] == []
