"""Specialisations until they were called once, restored or attached: what the image's own code
sees to, and what it leaves to the loader. Held against plain Numba, which freezes a function's
globals then, too."""

import functools
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_build import SHOW, build, environment, run_plain, run_restored, run_with_images

SOURCES = {
    "__init__.py": "from starting import numbers, users",
    "numbers.py": """
        import math
        import numpy as np
        from numba import njit

        SCALE = 2.0
        SHAPE = (2, 3)
        TABLE = np.arange(4.0)
        NAME = "one"

        @njit
        def plain(x):
            return x + 1

        @njit
        def never_called(x):
            return x - SCALE

        @njit
        def scaled(x):
            return x * SCALE

        @njit
        def rooted(x):
            return math.sqrt(x) * SCALE

        @njit
        def shaped(x):
            return x + SHAPE[0] * SHAPE[1]

        @njit
        def looked_up(x):
            return x + TABLE[1]

        @njit
        def named(x):
            return len(NAME) + x

        @njit
        def checked(x):
            if x < 0:
                raise ValueError("below zero")
            return math.floor(x)

        @njit
        def filled(x):
            return np.full(2, x * SCALE)

        @njit
        def record(x):
            return TABLE[:2] * x, np.zeros(1, dtype=np.complex64)

        @njit("f8(f8)")
        def declared(x):
            return x * SCALE

        @njit("i8(i8)")
        def declared_int(x):
            return x + 1

        @njit
        def pair(both):
            return both[1]

        @njit
        def with_default(x, y=3.0, z=4):
            return (x * SCALE, y, z)

        @njit
        def narrowed(x):
            return x / 3

        @njit
        def of_rest(x, *rest):
            return x + len(rest) * TABLE[2]

        def make(held):
            @njit
            def closed(x):
                return x + held * SCALE
            return closed

        holds = make(5.0)
        """,
    "users.py": """
        from numba import njit
        from starting import numbers
        from starting.numbers import holds, plain, scaled

        FACTOR = 3.0

        @njit
        def twice(x):
            return scaled(scaled(x)) + plain(x)

        @njit
        def through_module(x):
            return numbers.scaled(x) * FACTOR

        @njit
        def rooted_twice(x):
            return numbers.rooted(numbers.rooted(x))

        @njit
        def of_closure(x):
            return holds(x) * FACTOR
        """,
}
CALLS = (
    "numbers.plain(2.0)", "numbers.plain(2)", "numbers.scaled(2.0)", "numbers.rooted(2.0)",
    "numbers.shaped(2.0)", "numbers.looked_up(2.0)", "numbers.named(2.0)", "numbers.checked(2.5)",
    "numbers.checked(-1.0)", "numbers.filled(2.0)", "numbers.record(2.0)",
    "numbers.declared(2.0)", "numbers.declared(2)",
    "numbers.with_default(2.0)", "numbers.with_default(2.0, 5.0)",
    "numbers.with_default(2.0, z=5)", "numbers.of_rest(1.0)", "numbers.of_rest(1.0, 2.0, 3.0)",
    "numbers.holds(2.0)", "users.twice(2.0)", "users.through_module(2.0)",
    "users.of_closure(2.0)",
)  # fmt: skip
# Called by the workload alone.
WORKED = (
    "numbers.plain(2**63)", "numbers.pair((1, 2))", "numbers.of_rest(1, 2)",
    "numbers.narrowed.compile('f4(f8)')", "users.rooted_twice(2.0)",
)  # fmt: skip
SAME = (
    "numbers.SCALE = float('2')", "numbers.SHAPE = tuple([2, 3])", "numbers.NAME = ''.join('one')",
    "numbers.math = __import__('math')",
)  # fmt: skip
CHANGES = (
    "numbers.SCALE = 7.0", "numbers.SHAPE = (4, 5)", "numbers.NAME = 'longer'",
    "numbers.TABLE = np.arange(4.0) + 10", "users.FACTOR = 11.0", "users.scaled = users.plain",
    "numbers.scaled = numbers.plain", "numbers.math = types.SimpleNamespace(sqrt=abs, floor=abs)",
    "numbers.holds.py_func.__closure__[0].cell_contents = 50.0",
)  # fmt: skip
HEAD = (
    SHOW
    + """
import types
import numpy as np
from starting import numbers, users

"""
)


def program_of(steps: list[str]) -> str:
    return HEAD + "\n".join(
        f"show({step!r})" if step in CALLS else f"{step}; print({step!r})" for step in steps
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A package, beside its image."""
    folder = tmp_path_factory.mktemp("starting")
    (folder / "starting").mkdir()
    for name, text in SOURCES.items():
        (folder / "starting" / name).write_text(textwrap.dedent(text))
    (folder / "workload.py").write_text(program_of([*WORKED, *CALLS]))
    build(folder, folder / "depot", "starting", folder / "workload.py", folder, "--restore")
    return folder


@functools.cache
def plain_output(home: Path, text: str) -> str:
    program = home / "plain.py"
    program.write_text(text)
    return run_plain(home, program, home)


def run_both(home: Path, folder: Path, text: str):
    program = folder / "program.py"
    program.write_text(text)
    seen = run_restored(folder, home / "depot", program, home)
    assert seen.output == plain_output(home, text), seen.error
    return seen


def run_attached(home: Path, folder: Path, text: str):
    """The same where the package's source runs, in a process that has imported Numba."""
    program = folder / "attached.py"
    program.write_text(text)
    seen = run_with_images(folder, home / "depot", program, home, PKGIMAGE_RESTORE="no")
    assert seen.output == plain_output(home, text), seen.error
    return seen


def test_all_start_without_numba(home, tmp_path):
    seen = run_both(home, tmp_path, program_of([*CALLS, *CALLS]))
    assert not seen.seen["numba"]
    assert seen.seen["misses"] == []
    # Each call once, but for the second that declared() takes after conversion, the second that
    # raises, and two that differ in the number of arguments alone.
    distinct = len(CALLS) - 2
    assert seen.seen["answered"] == distinct


ASKED = """
import sys
asked = []
if "packageimage" in sys.modules:
    from packageimage.load.restored import RestoredPackage
    resolve = RestoredPackage._resolve
    RestoredPackage._resolve = lambda *args: asked.append(args) or resolve(*args)
"""


def test_arrays_are_returned_without_being_asked_about(tmp_path):
    """Their types are constants of the code."""
    (tmp_path / "doubling.py").write_text(
        "from numba import njit\n\n@njit\ndef doubled(x):\n    return x * 2, x > 1\n"
        "\n@njit\ndef tripled(x):\n    return x * 3, x > 1\n"
    )
    workload, program = tmp_path / "workload.py", tmp_path / "program.py"
    calls = "d.doubled(numpy.ones(2)), d.tripled(numpy.ones(2))\n"
    workload.write_text(f"import numpy, doubling as d\n{calls}")
    build(tmp_path, tmp_path / "depot", "doubling", workload, tmp_path, "--restore")
    program.write_text(
        f"{ASKED}\nimport numpy, doubling as d\nprint({calls.strip()})\nprint({calls.strip()})\n"
        "print(d.doubled(numpy.arange(2.0))[1].dtype, len(d.doubled.overloads), asked)\n"
    )
    seen = run_restored(tmp_path, tmp_path / "depot", program, tmp_path)
    assert seen.output == run_plain(tmp_path, program, tmp_path), seen.error
    assert seen.seen["misses"] == []


def test_equal_values_are_what_they_were(home, tmp_path):
    """Another object that is equal: the image's code can't tell, the loader can."""
    seen = run_both(home, tmp_path, program_of([*SAME, *CALLS]))
    assert not seen.seen["numba"]
    assert seen.seen["misses"] == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_before_first_calls(home, tmp_path, change):
    seen = run_both(home, tmp_path, program_of([change, *CALLS]))
    assert seen.seen["answered"] > 0
    unchanged = plain_output(home, program_of(list(CALLS)))
    assert seen.output.splitlines()[1:] != unchanged.splitlines()  # the change is one to Numba


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_after_some_first_calls(home, tmp_path, change):
    run_attached(home, tmp_path, program_of([change, *CALLS]))
    half = len(CALLS) // 2
    text = program_of([*CALLS[half:], change, *CALLS, *CALLS])
    run_both(home, tmp_path, text)
    run_attached(home, tmp_path, text)


@pytest.mark.parametrize(
    "steps",
    [
        ["users.of_closure(2.0)", "change", "numbers.holds(2.0)"],
        ["users.of_closure(2.0)", "import numba", "change", "numbers.holds(2.0)"],
        ["users.of_closure(2.0)", "change", "import numba", "numbers.holds(2.0)"],
        ["users.of_closure(2.0)", "change", "numbers.holds.recompile()", "numbers.holds(2.0)"],
        ["numbers.holds(2.0)", "change", "users.of_closure(2.0)", "numbers.holds(2.0)"],
        ["change", "users.of_closure(2.0)", "numbers.holds(2.0)"],
    ],
    ids=" ".join,
)
def test_what_a_closure_held_when_its_caller_was_answered(home, tmp_path, steps):
    text = program_of([CHANGES[-1] if step == "change" else step for step in steps])
    run_both(home, tmp_path, text)
    run_attached(home, tmp_path, text)


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from((*CALLS, *SAME, *CHANGES, "import numba")), min_size=2))
def test_any_order_of_calls_and_changes(home, tmp_path, steps):
    run_both(home, tmp_path, program_of(steps))
    run_attached(home, tmp_path, program_of(steps))


LARGE = """
import starting
from starting import numbers, users

def show(function, *arguments):
    try:
        print(function(*arguments))
    except Exception as error:
        print(type(error).__name__, error)

large, small = 2**63, -2**63
show(numbers.plain, large)
show(numbers.pair, (1, large))
show(numbers.plain, large)
show(numbers.declared_int, large)
show(numbers.of_rest, 1, large)
show(numbers.plain, small)
show(numbers.plain, 1)
show(numbers.plain, large)
show(numbers.pair, (1, 2))
show(numbers.pair, (large, 2))
show(numbers.plain, 2**64)
show(numbers.plain, True)
"""


def test_integers_that_are_not_of_int64(home, tmp_path):
    """Numba's C code takes all integers for int64; Numba looks at them as long as it has compiled
    nothing for int64."""
    run_both(home, tmp_path, LARGE)
    run_attached(home, tmp_path, LARGE)


OTHER_ORDERS = {
    "a compilation that failed": """
        numbers.math = types.SimpleNamespace(sqrt=abs)
        show("numbers.rooted(2.0)")
        numbers.math = __import__("math")
        show("numbers.rooted(2.0)")
        show("numbers.rooted(2)")
        """,
    "a function without code": """
        print(numbers.scaled(1.0), numbers.never_called.__name__, numbers.never_called(5.0))
        """,
    "a callee compiled otherwise": """
        print(numbers.scaled(1.0))
        numbers.SCALE = 10.0
        print(numbers.rooted(4.0))
        numbers.SCALE = 2.0
        print(users.rooted_twice(4.0), users.twice(1.0), numbers.rooted(9.0))
        """,
    "a module of the same name": """
        import sys
        old = numbers
        old.SCALE = 7.0
        del sys.modules["starting.numbers"]
        import starting.numbers
        new = starting.numbers
        print(new is old, new.scaled(1.0), old.scaled(1.0), old.rooted(4.0))
        print(new.declared(1.0), old.declared(1.0), old.declared_int(1))
        print(old.scaled.py_func.__globals__ is vars(old), old.SCALE, new.SCALE)
        """,
    "a return type that the workload declared": """
        show("numbers.narrowed(1.0)")
        """,
    "a module without a name": """
        import sys
        old = sys.modules.pop("starting.numbers")
        old.SCALE = 30.0
        print(old.scaled(1.0), old.plain(1))
        """,
}


@pytest.mark.parametrize("name", OTHER_ORDERS)
def test_other_orders(home, tmp_path, name):
    text = HEAD + textwrap.dedent(OTHER_ORDERS[name])
    run_both(home, tmp_path, text)
    run_attached(home, tmp_path, text)


PICKLED = """
import pickle
from multiprocessing.reduction import ForkingPickler
from starting import numbers, users
sent = bytes(ForkingPickler.dumps([numbers.scaled, users.twice, numbers.scaled]))
print(b"packageimage" in sent)
found = pickle.loads(sent)
print(found[0] is found[2], found[0](2.0), found[1](2.0))
"""


def test_picklers_that_were_made_before_numba_came(home, tmp_path):
    run_both(home, tmp_path, PICKLED)


INTERRUPTED = """
import sys
import packageimage
from packageimage.load import restored, session

def interrupt(*arguments):
    restored.RestoredPackage._prepare = original
    raise KeyboardInterrupt

original, restored.RestoredPackage._prepare = restored.RestoredPackage._prepare, interrupt
try:
    import starting.users
except KeyboardInterrupt:
    print("interrupted")
from starting import numbers, users
print(users.scaled is numbers.scaled, users.twice(2.0), numbers.scaled(3.0))
print(session.current().restored)
"""


def test_an_interrupt_while_a_module_is_restored(home, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(INTERRUPTED)
    seen = run_restored(tmp_path, home / "depot", program, home)
    restored = ["starting", "starting.numbers", "starting.users"]
    assert seen.output.splitlines() == ["interrupted", "True 11.0 6.0", str(restored)], seen.error


RACES = """
import sys, threading
from packageimage.load import first_calls, numba_extensions
from packageimage.load.dispatchers import Function

def at_once(work):
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()

sys.setswitchinterval(1e-6)
native = numba_extensions.extensions()
codes = [[] for _ in range(8)]

def take_codes(thread):
    barrier.wait()
    codes[thread] += native.codes_of([("tuple", thread, n) for n in range(2000)])

barrier = threading.Barrier(8)
at_once(take_codes)
print(len({code for found in codes for code in found}))

calls = first_calls.FirstCalls.__new__(first_calls.FirstCalls)
calls.functions, calls._count = [], 8 * 500 * 3
made = [[Function(None, "m", (), None) for _ in range(500)] for _ in range(8)]

def reserve(thread):
    barrier.wait()
    for at in range(0, 500, 5):
        none = Function(None, "m", (), None)
        ours = [(function, 3) for function in made[thread][at : at + 5]]
        assert calls.reserve([(none, 0), *ours])
        assert none.first < 0

at_once(reserve)
print(all(calls.functions[f.first : f.first + 3] == [f] * 3 for found in made for f in found))
print(calls.reserve([(Function(None, "m", (), None), 1)]), "numba" in sys.modules)
"""


def test_numbers_that_threads_take_at_once(tmp_path):
    command = [sys.executable, "-c", RACES]
    found = subprocess.run(
        command, env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert found.stdout.split() == ["16000", "True", "False", "False"], found.stderr


@pytest.mark.slow
def test_closures_that_other_packages_make(tmp_path):
    """Such a function runs in the other package's namespace, of which an image has no copy."""
    (tmp_path / "maker.py").write_text(
        "from numba import njit\nK = 3.0\n\ndef make(c):\n    @njit\n    def closed(x):\n"
        "        return x * c + K\n    return closed\n\nmade = make(5)\n"
    )
    (tmp_path / "user.py").write_text(
        "from maker import made, make\nfrom numba import njit\nown = make(7)\n\n@njit\n"
        "def twice(x):\n    return made(made(x))\n"
    )
    program = tmp_path / "program.py"
    program.write_text(
        "import maker, user\nprint(user.own.py_func.__globals__ is vars(maker))\n"
        "print(user.made is maker.made, user.twice(1.0))\nmaker.K = 4.0\nprint(user.own(1.0))\n"
    )
    for package, call in (("maker", "maker.made(1.0)"), ("user", "user.own(1.0); user.twice(1.0)")):
        workload = tmp_path / f"{package}_workload.py"
        workload.write_text(f"import {package}\n{call}\n")
        build(tmp_path, tmp_path / "depot", package, workload, tmp_path, "--restore")
    seen = run_restored(tmp_path, tmp_path / "depot", program, tmp_path)
    assert seen.output == run_plain(tmp_path, program, tmp_path)
    assert seen.seen["restored"] == ["maker"]


NUMBERS = """
import gc
import numpy as np
import starting
from starting import numbers, users
from packageimage.load import methods

functions = [numbers.plain, numbers.scaled, numbers.holds, users.twice]
print("tracked", [gc.is_tracked(one) for one in functions])
before = len(methods.answered())
users.twice(1.0)
numbers.plain(1.0)
numbers.plain(2.0)
print("noted", len(methods.answered()) - before)
del starting.users.twice, functions
gc.collect()
print(numbers.plain(1), numbers.holds(1.0))
"""


def test_the_collector_does_not_look_at_them(home, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(NUMBERS)
    seen = run_restored(tmp_path, home / "depot", program, home)
    assert seen.output.splitlines() == [
        "tracked [False, False, False, False]", "noted 2", "2 11.0"
    ]  # fmt: skip


THREADS = """
import threading
from starting import numbers, users
calls = {calls}
barrier = threading.Barrier(8)
found = [None] * 8

def run(number):
    barrier.wait()
    found[number] = []
    for call in calls[number:] + calls[:number]:
        try:
            found[number].append((call, eval(call)))
        except ValueError as error:
            found[number].append((call, str(error)))

threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len({{str(sorted(one)) for one in found}}), sorted(found[0]))
"""


def test_threads_that_call_first_at_once(home, tmp_path):
    text = "import sys; sys.setswitchinterval(1e-6)\n" + THREADS.format(calls=list(CALLS))
    seen = run_both(home, tmp_path, text)
    assert not seen.seen["numba"]
