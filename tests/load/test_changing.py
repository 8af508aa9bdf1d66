"""What a program changes before its first call, as plain Numba sees it: also on an image."""

import pytest
from image_build import PACKAGES, build, run_plain, run_restored, run_with_images

WORKLOAD = PACKAGES / "changing_workload.py"

# Of functions that are restored as well.
PLAIN = {
    "nothing": "",
    "a closure's variable": "plain.set_start(5)",
    "an array in a closure": "plain.table[0] = 7",
    "a closure after its call": "call(); plain.set_start(5); plain.table[0] = 7; import numba",
    "a module under a name": "from changing import other_setting; plain.setting = other_setting",
    "the checking of bounds": "import numba; numba.config.BOUNDSCHECK = 1; INDEX = 99",
}
SHOW = """
import numpy as np
from changing import plain
INDEX = 1

def call():
    print(plain.count(1), plain.look_up(0), plain.add_setting(1), plain.half(3))

def call_others():
    print(plain.callers(1))
    try:
        print(plain.at(np.arange(3.0), INDEX))
    except IndexError as error:
        print(error)

{}
call()
call_others()
"""

EXTENDING = {
    "nothing": "",
    "a constant of a closure's module": "import changing.setting; changing.setting.STEP = 5",
    "a helper that a function made": "e.helper = e.other_helper",
    "what an overload looks at": "e.MODE = 'two'",
    "what an intrinsic's helper looks at": "e.AMOUNT = 9",
    "what a module makes": "e.made.VALUES['STEP'] = 2.5",
    "a text of a class of its own": "e.NAME = e.Name('xyz')",
    "the sign of a NaN": "e.NAN = -e.NAN",
    "a C function": "e.ABSOLUTE = e.absolute",
}
SHOW_EXTENDING = """
import numpy as np
from changing import extending as e

{}
print(e.add_setting(1), e.call_helper(2), e.call_chosen(1), e.call_constant(1), e.add_made(1))
# The second of each pair, of which the workload called the first.
print(e.of_floats(1, 2), e.reduce_from_one(np.zeros(0)))
print(e.of_double(1.0), e.double.ctypes(1.0), e.literal_text("block at 0x34"))
print(e.full_name(), e.sign(), e.call_absolute(-1))
"""

SWITCHED_OFF = """
import numba
numba.config.DISABLE_JIT = 1
from changing import plain
print(type(plain.half).__name__, plain.half(3))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def depots(tmp_path_factory, home):
    found = {}
    for name, more in (("attached", ()), ("restored", ("--restore",))):
        found[name] = tmp_path_factory.mktemp(name)
        build(home, found[name], "changing", WORKLOAD, PACKAGES, *more)
    return found


def same_as_plain(home, depot, program, text, run):
    program.write_text(text)
    seen = run(home, depot, program, PACKAGES)
    assert seen.returncode == 0, seen.error
    assert seen.output == run_plain(home, program, PACKAGES)
    return seen.seen


@pytest.mark.parametrize("name", PLAIN)
def test_without_numba(home, depots, tmp_path, name):
    program = tmp_path / "program.py"
    seen = same_as_plain(home, depots["restored"], program, SHOW.format(PLAIN[name]), run_restored)
    assert "changing.plain" in seen["restored"]
    assert seen["numba"] == (name != "nothing")


@pytest.mark.parametrize("name", [name for name in PLAIN if name != "a closure after its call"])
def test_attached(home, depots, tmp_path, name):
    program = tmp_path / "program.py"
    same_as_plain(home, depots["attached"], program, SHOW.format(PLAIN[name]), run_with_images)


@pytest.mark.parametrize("name", EXTENDING)
def test_from_source(home, depots, tmp_path, name):
    program = tmp_path / "program.py"
    text = SHOW_EXTENDING.format(EXTENDING[name])
    seen = same_as_plain(home, depots["attached"], program, text, run_with_images)
    changed = [method for method, reason in seen["misses"] if "found another" in reason]
    # A helper that a function made is known by its identity: no image has what calls it.
    expected = name not in ("nothing", "a helper that a function made")
    assert len(changed) == expected, seen["misses"]


def test_decorators_that_are_switched_off(home, depots, tmp_path):
    same_as_plain(home, depots["restored"], tmp_path / "program.py", SWITCHED_OFF, run_restored)


NOTHING_COMPILED = """
from changing import extending as e
print(e.of_single(1.0), e.call(e.single, 1.0))
"""


def test_types_that_numba_knows_when_it_has_compiled(home, depots, tmp_path):
    program = tmp_path / "program.py"
    same_as_plain(home, depots["attached"], program, NOTHING_COMPILED, run_with_images)
