"""A module that extends Numba runs from its source, also where its package is restored."""

import pytest
from image_build import build, pkgimage, run_plain, run_restored

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


EXTENSION = {
    "of_numba-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: of_numba\nVersion: 1.0\n",
    "of_numba-1.0.dist-info/entry_points.txt": "[numba_extensions]\ninit = of_numba:register\n",
    "of_numba.py": """
def given(x):
    raise NotImplementedError

def late(x):
    raise NotImplementedError

def register():
    import of_numba_types
    from numba.extending import overload
    overload(late)(lambda x: lambda x: x)
""",
    "of_numba_types.py": """
import operator
from numba import types
from numba.extending import overload
import of_numba

FACTOR = 3

class Mine(types.Type):
    pass

def _two(x, y):
    if isinstance(x, Mine):
        return lambda x, y: y

def _one(x):
    if isinstance(x, Mine):
        return lambda x: x

for asked in (operator.eq, operator.ne, operator.add, operator.sub, operator.mul):
    overload(asked)(_two)
for asked in (bool, abs, len):
    overload(asked)(_one)

@overload(of_numba.given)
def _given(x):
    factor = FACTOR
    return lambda x: x * factor
""",
}
INSTALLED = {
    "beside.py": """
from numba import njit
from of_numba import given

@njit
def put(array, row):
    array[0] = row
    return array

@njit
def call(x):
    return given(x)

@njit("int64(int64)")
def declared(x):
    return x
""",
    "workload.py": """
import beside
import numpy as np
beside.put(np.zeros((2, 2)), (1.0, 2.0)), beside.call(2)
""",
    "program.py": """
import sys
import beside
import numpy as np
print(beside.put(np.zeros((2, 2)), (1.0, 2.0)).tolist(), "of_numba_types" in sys.modules)
print(beside.call(2))
""",
}


@pytest.mark.parametrize(
    "restored",
    [pytest.param(False, marks=pytest.mark.slow, id="attached"), pytest.param(True, id="restored")],
)
def test_an_installed_extension_hinders_no_image(tmp_path, restored):
    """It is imported where an image's code came from it, as Numba would have done to compile that;
    not for what it was asked in vain."""
    for name, text in {**EXTENSION, **INSTALLED}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    depot, program = tmp_path / "depot", tmp_path / "program.py"
    build(
        tmp_path, depot, "beside", tmp_path / "workload.py", tmp_path,
        *(["--restore"] if restored else []),
    )  # fmt: skip
    run = run_restored(tmp_path, depot, program, tmp_path)
    assert run.returncode == 0, run.error
    assert run.output == "[[1.0, 2.0], [0.0, 0.0]] False\n6\n"
    assert run.seen["misses"] == []
    assert run.seen["restored"] == (["beside"] if restored else [])
    # Restored, the first is given to its function anew where the second has Numba imported.
    assert run.seen["answered"] == (4 if restored else 3)  # with the declared one
