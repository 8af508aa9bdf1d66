"""Which specialisation a call takes: thousands of calls under plain Numba and restored.

Functions tell by their result which of their specialisations ran. A first program calls them under
Numba and says which calls raise; the others must give the same without Numba.
"""

import json

import pytest
from image_build import build, run_plain, run_restored

CALLS = 4000

# Results show types: 1/3 and 200 + 200 differ between widths, arrays by what they may be.
SOURCE = """
from numba import njit

@njit(["i1(i1)", "u1(u1)", "i4(i4)", "i8(i8)", "f4(f4)", "f8(f8)", "c8(c8)", "c16(c16)"])
def number(x):
    return x + x

@njit(["f4(f4, f4)", "f8(f8, f8)", "i8(i8, i8)", "c16(c16, f8)"])
def two(x, y):
    return x * 3 + y

@njit(["f8(f8[::1])", "f4(f4[::1])", "i4(i4[:])", "f8(f8[:,:])", "f4(f4[::1,:])"])
def array(a):
    return a.sum() / 3

@njit(["f8(f8[:], f8)", "f4(f4[:], f4)", "i8(i8[::1], i4)"])
def scaled(a, x):
    return a[0] * x + x

@njit(["f8(UniTuple(f8, 2))", "i8(UniTuple(i8, 2))", "f8(Tuple((i8, f4, f8)))"])
def items(p):
    return p[0] + p[1]

@njit
def lazy(x):
    return x

@njit
def lazy_two(x, y=0.5):
    return x + y
"""
VALUES = """
import json, random, sys
import numpy as np
import chosen

chance = random.Random(20261124)
DTYPES = "b1 i1 i2 i4 i8 u1 u2 u4 u8 f4 f8 c8 c16".split()

def scalar():
    kind = chance.choice(["int", "float", "complex", "bool", "numpy"])
    if kind == "numpy":
        return np.dtype(chance.choice(DTYPES)).type(chance.choice([1, 3, 100]))
    return {"int": chance.choice([0, 7, 200, 2**40]), "float": 2.5, "complex": 1 + 2j,
            "bool": True}[kind]

def array():
    shape = chance.choice([(4,), (4,), (3, 4), (2, 3, 2)])
    made = np.ones(shape, chance.choice(DTYPES))
    change = chance.choice(["", "", "step", "T", "locked", "fortran"])
    if change == "step":
        made = made[..., ::2]
    elif change == "T":
        made = made.T
    elif change == "fortran":
        made = np.asfortranarray(made)
    elif change == "locked":
        made.flags.writeable = False
    return made

def items():
    return tuple(scalar() for _ in range(chance.choice([2, 2, 3])))

SHAPES = {
    "number": [scalar], "two": [scalar, scalar], "array": [array], "scaled": [array, scalar],
    "items": [items], "lazy": [None], "lazy_two": [None, None],
}
LAZY = [1, 2.5, np.float32(3), np.uint8(4), (1, 2.5), np.ones(3)]

def calls(count):
    for _ in range(count):
        name = chance.choice(sorted(SHAPES))
        if name.startswith("lazy"):
            # Each new type is one to compile.
            yield name, [chance.choice(LAZY) for _ in SHAPES[name]]
        else:
            yield name, [make() for make in SHAPES[name]]

def shown(value):
    kind = type(value).__name__
    if isinstance(value, np.ndarray):
        flags = value.flags
        return [kind, str(value.dtype), value.shape, flags.c_contiguous, flags.writeable,
                value.ravel().tolist().__repr__()]
    return [kind, repr(value)]
"""
WORKLOAD = (
    VALUES
    + """
for name, arguments in calls(COUNT):
    if name.startswith("lazy"):
        try:
            getattr(chosen, name)(*arguments)
        except Exception:
            pass
"""
)
PLAIN = (
    VALUES
    + """
for name, arguments in calls(COUNT):
    try:
        print(json.dumps([name, shown(getattr(chosen, name)(*arguments))]))
    except Exception as error:
        print(json.dumps([name, None]))
"""
)
RESTORED = (
    VALUES
    + """
raising = set(json.load(open(sys.argv[0] + ".raising")))
for number, (name, arguments) in enumerate(calls(COUNT)):
    if number in raising:
        print(json.dumps([name, None]))
    else:
        print(json.dumps([name, shown(getattr(chosen, name)(*arguments))]))
"""
)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dispatch")
    (folder / "chosen").mkdir()
    (folder / "chosen" / "__init__.py").write_text(SOURCE)
    workload = folder / "workload.py"
    workload.write_text(WORKLOAD.replace("COUNT", str(CALLS)))
    build(folder, folder / "depot", "chosen", workload, folder, "--restore")
    return folder


def test_the_same_specialisation_as_numba(package, tmp_path):
    plain = tmp_path / "plain.py"
    plain.write_text(PLAIN.replace("COUNT", str(CALLS)))
    expected = run_plain(tmp_path, plain, package)
    raising = [n for n, line in enumerate(expected.splitlines()) if json.loads(line)[1] is None]
    # Calls that no signature fits and calls that several fit as well are among them.
    assert 100 < len(raising) < CALLS / 2
    program = tmp_path / "program.py"
    program.write_text(RESTORED.replace("COUNT", str(CALLS)))
    (tmp_path / "program.py.raising").write_text(json.dumps(raising))
    seen = run_restored(tmp_path, package / "depot", program, package)
    assert seen.returncode == 0, seen.error
    found, wanted = seen.output.splitlines(), expected.splitlines()
    assert [pair for pair in zip(found, wanted, strict=True) if pair[0] != pair[1]] == []
    assert (seen.seen["numba"], seen.seen["misses"]) == (False, [])


def test_calls_that_raise_raise_the_same(package, tmp_path):
    program = tmp_path / "program.py"
    text = PLAIN.replace("COUNT", "400").replace("[name, None]", "[name, type(error).__name__]")
    program.write_text(text)
    seen = run_restored(tmp_path, package / "depot", program, package)
    assert seen.output == run_plain(tmp_path, program, package), seen.error
