"""Restored packages: the same program under plain Numba and on an image that restores."""

import shutil

import pytest
from image_build import PACKAGES, build, pkgimage, run_plain, run_restored
from restored_programs import WITHOUT_NUMBA

WORKLOAD = PACKAGES / "stored_workload.py"


# What needs Numba, which is then imported; in the end all is as after a plain import.
WITH_NUMBA = """
import copy, inspect, io, pickle, sys
import numpy as np
import stored
from stored import calls, kinds

def attempt(function, *arguments, **named):
    try:
        return function(*arguments, **named)
    except Exception as error:
        return f"{type(error).__name__}: {error}".partition(" at 0x")[0]

print(calls.scaled(1.0), calls.total(np.ones(3)))
early = calls.njit
print(inspect.signature(calls.scaled), inspect.getsource(calls.scaled.py_func))
print(calls.scaled(1.0 + 2.0j), calls.scaled(np.ones((2, 2), np.int16)))
print(early is not None, calls.njit.__name__)
import numba
print(isinstance(calls.scaled, numba.core.dispatcher.Dispatcher), calls.is_dispatcher(calls.fast))
print(type(calls.scaled).__name__, calls.njit is numba.njit, calls.nb is numba.types)
print(calls.declared.signatures, calls.declared.nopython_signatures)
print(attempt(calls.declared, "text"), attempt(calls.one_signature, 1))
print(attempt(calls.declared, True))
print(attempt(calls.scaled), attempt(calls.scaled, object()).partition(":")[0])

@numba.njit
def caller(f, x):
    return f(x) + calls.scaled(x) + calls.looked_up(1)

print(caller(calls.fast, 1), caller(calls.add_half, 1.0), calls.compiled_now(2.0))
print(pickle.loads(pickle.dumps(calls.scaled)) is calls.scaled)
print(copy.copy(kinds.setting), pickle.loads(pickle.dumps(kinds.made)))
print(calls.scaled(1.0), calls.scaled(2), calls.add_three(1), list(calls.count_to(3)))
print(sorted(map(str, calls.declared.overloads)), calls.scaled.py_func.__code__.co_filename)
out = io.StringIO()
calls.fast.py_func, calls.fast.stats.cache_hits
print(calls.declared_arrays(np.ones(3)), repr(calls.one_signature).partition(" at ")[0])
calls.FACTOR = 10.0
print(calls.of_nothing(), calls.plain(np.ones(2)))
print(attempt(calls.scaled.disable_compile), attempt(calls.scaled, np.float32(1)))
"""


@pytest.fixture(scope="module")
def depot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("restored")
    build(folder, folder / "depot", "stored", WORKLOAD, PACKAGES, "--restore")
    return folder / "depot"


def both(tmp_path, depot, text, **settings):
    program = tmp_path / "program.py"
    program.write_text(text)
    plain = run_plain(tmp_path, program, PACKAGES)
    return plain, run_restored(tmp_path, depot, program, PACKAGES, **settings)


def test_without_numba(tmp_path, depot):
    plain, seen = both(tmp_path, depot, WITHOUT_NUMBA)
    assert seen.output == plain, seen.error
    assert (seen.seen["misses"], seen.seen["numba"]) == ([], False)
    # `stored.held` runs from its source.
    assert seen.seen["restored"] == ["stored", "stored.calls", "stored.kinds"]


WRITTEN_TO = """
import numpy as np
from numba import njit
large, small = np.zeros(1_000_000), np.zeros(3)

@njit
def first():
    return large[0]
"""


@pytest.mark.slow
def test_arrays_that_the_workload_writes_to(tmp_path):
    """What is kept is what the module held after its import."""
    source = tmp_path / "src"
    source.mkdir()
    (source / "written.py").write_text(WRITTEN_TO)
    workload = tmp_path / "workload.py"
    workload.write_text(
        "import written\nwritten.first()\nwritten.large[:] = 7\nwritten.small[1] = 5\n"
    )
    build(tmp_path, tmp_path / "depot", "written", workload, source, "--restore")
    program = tmp_path / "program.py"
    program.write_text(
        "import written\nprint(written.large.any(), written.small, written.first())\n"
        "written.large[0] = written.small[1] = 2\nprint(written.small, written.first())\n"
    )
    seen = run_restored(tmp_path, tmp_path / "depot", program, source)
    assert seen.output == run_plain(tmp_path, program, source), seen.error
    assert seen.seen["restored"] == ["written"]


def test_with_numba(tmp_path, depot):
    plain, seen = both(tmp_path, depot, WITH_NUMBA)
    assert seen.output == plain, seen.error
    assert seen.seen["misses"] == []


NUMBA_FIRST = """
import numba
import numpy as np
import stored
from stored import calls, kinds
print(type(calls.scaled).__name__, isinstance(calls.fast, numba.core.dispatcher.Dispatcher))
print(calls.scaled(1.0), calls.declared_arrays(np.ones(6)[::2]), calls.declared.signatures)
print(calls.fast.py_func is calls.slow, kinds.shared["scaled"] is stored.scaled)
print(calls.looked_up(3), list(calls.count_to(2)), calls.add_half(1.0), calls.njit is numba.njit)
print(calls.FACTOR, calls.scaled.py_func.__globals__ is vars(calls))
"""


def test_numba_imported_first(tmp_path, depot):
    plain, seen = both(tmp_path, depot, NUMBA_FIRST)
    assert seen.output == plain, seen.error
    assert seen.seen["misses"] == []
    assert "stored.calls" in seen.seen["restored"]


SETTINGS = {
    # Another way of choosing threads is left to Numba, as is any setting that is not known here.
    "NUMBA_THREADING_LAYER": "workqueue",
    "NUMBA_FULL_TRACEBACKS": "1",
    "NUMBA_NUM_THREADS": "1",
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_of_numba(tmp_path, depot, name):
    program = "import numpy as np, stored; print(stored.total(np.ones(9)), stored.scaled(1.0))"
    plain, seen = both(tmp_path, depot, program, **{name: SETTINGS[name]})
    assert seen.output == plain, seen.error
    assert seen.seen["numba"] == (name != "NUMBA_NUM_THREADS")
    assert seen.seen["misses"] == []


CHANGED = """
from stored import calls
calls.FACTOR = 5.0
print(calls.scaled(1.0), calls.scaled(2))  # the first was compiled while the package was imported
calls.TABLE[0] = 1.0
print(calls.looked_up(0))
"""


def test_a_global_that_was_changed_before_the_first_call(tmp_path, depot):
    plain, seen = both(tmp_path, depot, CHANGED)
    assert seen.output == plain, seen.error
    assert seen.seen["numba"]
    assert ["stored.calls.scaled", "expected stored.calls.FACTOR as at build, found another value"
            ] in seen.seen["misses"]  # fmt: skip


INITIALISED = """
import stored.opened
print(stored.opened.calls, stored.opened.lock)
"""


def test_what_cannot_be_stored_is_opened_by_pkgimage_init(tmp_path):
    build(tmp_path, tmp_path / "depot", "stored", WORKLOAD, PACKAGES, "--restore", "stored.opened")
    plain, seen = both(tmp_path, tmp_path / "depot", INITIALISED)
    assert plain == "[] None\n"  # it is for restored modules
    assert seen.output.startswith("[1] <unlocked"), seen.error
    assert seen.seen["restored"] == ["stored.opened"]


CHANGED_LATER = """
from stored import calls
print(calls.scaled(1.0), calls.checked(3))
calls.FACTOR = 5.0
import numba
print(calls.scaled(1.0), calls.checked(3))  # as they were compiled
print(calls.scaled(1j))  # compiled now
"""


def test_a_global_that_was_changed_before_numba_came(tmp_path, depot):
    plain, seen = both(tmp_path, depot, CHANGED_LATER)
    assert seen.output == plain, seen.error


@pytest.mark.slow
def test_what_a_caller_has_compiled_is_there_whoever_answers_for_the_caller(tmp_path):
    """A capture that an earlier one answers gives the bytes of one that is taken anew."""
    workload = tmp_path / "workload.py"
    workload.write_text(WORKLOAD.read_text())
    build(tmp_path, tmp_path / "first", "stored", workload, PACKAGES, "--restore")
    workload.write_text("# edited\n" + WORKLOAD.read_text())
    build(tmp_path, tmp_path / "again", "stored", workload, PACKAGES, "--restore")
    anew = tmp_path / "anew"
    anew.mkdir()
    build(anew, anew / "depot", "stored", workload, PACKAGES, "--restore")

    def data(home):
        (file,) = (home / ".cache/pkgimage/build").glob("*/*.pkgimage/*.package.bin")
        return file.read_bytes()

    assert data(tmp_path) == data(anew)


def test_modules_without_a_source(tmp_path):
    package = tmp_path / "src" / "making"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "import sys, types\nfrom numba import njit\n"
        "sys.modules[__name__ + '.made'] = types.ModuleType(__name__ + '.made')\n"
        "@njit\ndef f(x):\n    return x + 1\n"
    )
    workload = tmp_path / "workload.py"
    workload.write_text("import making; making.f(1)\n")
    depot = tmp_path / "depot"
    build(tmp_path, depot, "making", workload, package.parent, "--restore")
    program = tmp_path / "program.py"
    program.write_text("import making; print(making.f(1))\n")
    seen = run_restored(tmp_path, depot, program, package.parent)
    assert (seen.output, seen.seen["restored"]) == ("2\n", ["making"])
    refused = pkgimage(
        tmp_path, "build", "making", "--path", str(package.parent), "--workload", str(workload),
        "--depot", str(depot), "--restore", "making.made",
    )  # fmt: skip
    assert refused.returncode == 2
    assert "found making.made, which has none: leave it out" in refused.stderr


def test_a_module_that_could_not_be_imported_at_build(tmp_path):
    """The package did without it, and does again until what it needs is there."""
    package = tmp_path / "src" / "without"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "from numba import njit\n@njit\ndef f(x):\n    return x + 1\n"
        "try:\n    from .quick import g\nexcept ImportError:\n    g = f\n"
    )
    (package / "quick.py").write_text("import not_here\ndef g(x):\n    return x + 10\n")
    workload = tmp_path / "workload.py"
    workload.write_text("import without; without.f(1)\n")
    depot = tmp_path / "depot"
    build(tmp_path, depot, "without", workload, package.parent, "--restore")
    program = tmp_path / "program.py"
    program.write_text("import without; print(without.g(1))\n")
    seen = run_restored(tmp_path, depot, program, package.parent)
    assert (seen.output, seen.seen["restored"], seen.error) == ("2\n", ["without"], "")
    (package.parent / "not_here.py").touch()
    seen = run_restored(tmp_path, depot, program, package.parent)
    assert (seen.output, seen.seen["restored"]) == ("11\n", [])


def test_a_module_whose_import_failed_for_no_reason_in_its_source(tmp_path):
    package = tmp_path / "src" / "without"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "from numba import njit\n@njit\ndef f(x):\n    return x + 1\n"
        "try:\n    from .quick import g\nexcept ImportError:\n    g = f\n"
    )
    (package / "quick.py").write_text(
        "import os\nif not os.environ.get('QUICK'):\n    raise ImportError('slow')\n"
        "def g(x):\n    return x + 10\n"
    )
    workload = tmp_path / "workload.py"
    workload.write_text("import without; without.f(1)\n")
    depot = tmp_path / "depot"
    build(tmp_path, depot, "without", workload, package.parent, "--restore")
    program = tmp_path / "program.py"
    program.write_text("import without; print(without.g(1))\n")
    for settings, output in (({}, "2\n"), ({"QUICK": "1"}, "11\n")):
        seen = run_restored(tmp_path, depot, program, package.parent, **settings)
        assert (seen.output, seen.seen["restored"]) == (output, [])


NAMED = """
import enum
from collections import namedtuple
from numba import njit

Pair = namedtuple("Pair", "left right")

class Grade(enum.IntEnum):
    LOW = 1
    HIGH = 2

class Word(enum.Enum):
    YES = 1.5
    NO = 2.5

@njit
def extend(values, more):
    values.append(more)
    return values

@njit
def swap(pair):
    return Pair(pair.right, pair.left)

@njit
def nested(pairs):
    return pairs[0].left + pairs[1].right[0]

@njit
def grade(value, default=Grade.LOW):
    return value if value > default else default

@njit
def is_yes(word):
    return word == Word.YES, word.value
"""
NAMED_WORKLOAD = """
import named as c
import numpy as np
c.extend([1], 2); c.swap(c.Pair(1, 2.5)); c.swap(c.Pair(1, 2))
c.nested((c.Pair(1, 2), c.Pair(1, np.zeros(1))))
c.grade(c.Grade.HIGH); c.is_yes(c.Word.NO); c.grade(2)
"""
NAMED_PROGRAM = """
import warnings
warnings.simplefilter("ignore")  # compiling warns of reflected lists
import named as c

def attempt(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        return f"{type(error).__name__}: {error}".partition("\\n")[0]

import numpy as np
print(c.nested((c.Pair(7, 2), c.Pair(1, np.ones(1)))))
print(c.swap(c.Pair(1, 2.5)), type(c.swap(c.Pair(3, 4))) is c.Pair)
print(c.grade(c.Grade.HIGH), c.grade(c.Grade.LOW), repr(c.grade(c.Grade.LOW)), c.is_yes(c.Word.YES))
"""


def test_named_tuples_and_enumerations(tmp_path):
    (tmp_path / "src" / "named").mkdir(parents=True)
    (tmp_path / "src" / "named" / "__init__.py").write_text(NAMED)
    (tmp_path / "workload.py").write_text(NAMED_WORKLOAD)
    build(
        tmp_path, tmp_path / "depot", "named", tmp_path / "workload.py", tmp_path / "src",
        "--restore",
    )  # fmt: skip
    program = tmp_path / "program.py"
    program.write_text(NAMED_PROGRAM)
    plain = run_plain(tmp_path, program, tmp_path / "src")
    seen = run_restored(tmp_path, tmp_path / "depot", program, tmp_path / "src")
    assert seen.output == plain, seen.error
    assert (seen.seen["misses"], seen.seen["numba"]) == ([], False)
    # What needs Numba: the code that takes a list asks it for the type of each item.
    more = """
values = [1, 2, 3]
print(c.extend(values, 9), values, c.extend(values, 9) is values, values)
print(attempt(c.extend, [1, 2.5], 1), attempt(c.swap, (1, 2)))
import numba
print(c.swap(c.Pair(1, 2.5)), c.swap(c.Pair(1j, 2)), c.grade(c.Grade.HIGH), c.is_yes(c.Word.NO))
print(sorted(map(str, c.swap.signatures)), c.grade.signatures, c.is_yes.signatures)
"""
    program.write_text(NAMED_PROGRAM + more)
    plain = run_plain(tmp_path, program, tmp_path / "src")
    seen = run_restored(tmp_path, tmp_path / "depot", program, tmp_path / "src")
    assert seen.output == plain, seen.error
    assert seen.seen["misses"] == []


FUNCTIONS = """
from numba import njit

FACTOR = 10

def add(x):
    return x + FACTOR

def divide(x):
    return 1.0 / x

plus = njit(add)
raising = njit(divide)
silent = njit(error_model="numpy")(divide)

def closed(step):
    return njit(lambda x: x + step)

by_two = closed(2)

@njit
def apply(function, x):
    return function(x)

@njit
def twice(functions, x):
    return functions[0](functions[1](x))
"""
FUNCTIONS_WORKLOAD = """
import passed as p
p.apply(p.plus, 1), p.apply(p.plus, 1.5), p.apply(p.silent, 0.0), p.apply(p.raising, 1.0)
p.apply(p.by_two, 1), p.twice((p.plus, p.silent), 2.0)
"""
FUNCTIONS_PROGRAM = """
import passed as p

def attempt(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        return type(error).__name__

if CHANGED:
    p.FACTOR = 20
print(p.apply(p.plus, 1), p.apply(p.plus, 1.5), p.apply(p.silent, 0.0))
print(attempt(p.apply, p.raising, 0.0), p.twice((p.plus, p.silent), 2.0))
"""


@pytest.mark.parametrize("changed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_functions_as_arguments(tmp_path, changed):
    (tmp_path / "src" / "passed").mkdir(parents=True)
    (tmp_path / "src" / "passed" / "__init__.py").write_text(FUNCTIONS)
    (tmp_path / "workload.py").write_text(FUNCTIONS_WORKLOAD)
    depot, src = tmp_path / "depot", tmp_path / "src"
    build(tmp_path, depot, "passed", tmp_path / "workload.py", src, "--restore")
    program = tmp_path / "program.py"
    text = FUNCTIONS_PROGRAM.replace("CHANGED", str(changed))
    program.write_text(text)
    plain = run_plain(tmp_path, program, src)
    seen = run_restored(tmp_path, depot, program, src)
    assert seen.output == plain, seen.error
    assert seen.seen["numba"] == changed
    assert bool(seen.seen["misses"]) == changed
    # With Numba: closures, functions that the image does not know, and what it makes of the same.
    program.write_text(
        text + "import numba\nprint(p.apply(p.by_two, 1), p.apply(numba.njit(lambda x: -x), -1))\n"
        "print(p.apply(p.plus, 1), p.apply(p.plus, 1j), len(p.apply.signatures))\n"
    )
    plain = run_plain(tmp_path, program, src)
    seen = run_restored(tmp_path, depot, program, src)
    assert seen.output == plain, seen.error


def test_functions_that_numba_caches(tmp_path):
    """What the image has not is compiled, and kept in Numba's cache as the source asks for."""
    (tmp_path / "src" / "cached").mkdir(parents=True)
    (tmp_path / "src" / "cached" / "__init__.py").write_text(
        "from numba import njit\n@njit(cache=True)\ndef f(x):\n    return x + 1\n"
        "@njit\ndef g(x):\n    return x + 2\n"
    )
    (tmp_path / "workload.py").write_text("import cached; cached.f(1); cached.g(1)\n")
    depot, src = tmp_path / "depot", tmp_path / "src"
    build(tmp_path, depot, "cached", tmp_path / "workload.py", src, "--restore")
    program = tmp_path / "program.py"
    program.write_text(
        "import cached\n"
        "print(cached.f(1.5), cached.g(1.5), type(cached.f._cache).__name__)\n"
        "stats = cached.f.stats\n"
        "print(sum(stats.cache_misses.values()), sum(stats.cache_hits.values()))\n"
    )
    folder = str(tmp_path / "of-numba")
    first = run_restored(tmp_path, depot, program, src, NUMBA_CACHE_DIR=folder)
    assert first.output == "2.5 3.5 FunctionCache\n1 0\n", first.error
    again = run_restored(tmp_path, depot, program, src, NUMBA_CACHE_DIR=folder)
    assert again.output == "2.5 3.5 FunctionCache\n0 1\n", again.error
    names = {file.name.partition("-")[0] for file in (tmp_path / "of-numba").rglob("*.nbi")}
    assert names == {"__init__.f"}


ORDER = """
from numba import njit

G = 1

@njit
def top(x):
    return helper(x) + 1  # which comes later

@njit
def helper(x):
    return x * 2

def plain(x):
    return x + G

renamed = njit(plain)
twin = njit(plain)
lam = njit(lambda x: x + G)

class K:
    static = staticmethod(njit(lambda x: x + G))

def factory():
    @njit
    def inner(x):
        return x + G

    @njit
    def outer(x):
        return inner(x)

    return inner, outer

inner, outer = factory()
_static = K.static

@njit
def calls(x):
    return renamed(x) + lam(x) + _static(x)
"""
ORDER_PROGRAM = """
import order
print(order.top(1), order.calls(1), order.outer(1), order.twin(1), order.twin(1.5))
order.G = 5
print(order.renamed(1), order.lam(1), order.K.static(1), order.inner(1), order.twin(1))
order.top.__doc__, order.top.__name__, order.helper.extra = "d", "n", 3
import numba
print(order.top(2), order.top.signatures, order.calls(1), order.twin(1), order.twin(1.5))
print(order.top.__doc__, order.top.__name__, order.helper.extra)
print(order.renamed(1), order.renamed(2.5), order.inner(1), numba.njit(order.plain)(1))
"""


@pytest.mark.parametrize("more", [(), ("--restore",)], ids=["attached", "restored"])
def test_functions_that_call_each_other_in_any_order(tmp_path, more):
    """Whatever their names and however they are found, before and after Numba is imported."""
    source = tmp_path / "src"
    source.mkdir()
    (source / "order.py").write_text(ORDER)
    workload = tmp_path / "workload.py"
    workload.write_text(
        "import order\norder.top(1); order.calls(1); order.outer(1); order.twin(1)\n"
        "order.twin(1.5); order.inner(1); order.renamed(2.5)\n"
    )
    build(tmp_path, tmp_path / "depot", "order", workload, source, *more)
    program = tmp_path / "program.py"
    program.write_text(ORDER_PROGRAM)
    plain = run_plain(tmp_path, program, source)
    seen = run_restored(tmp_path, tmp_path / "depot", program, source)
    assert seen.output == plain, seen.error
    assert seen.seen["answered"] > 3


LITERAL = """
from numba import njit

@njit("i8(i8, i8)")
def ackermann(m, n):
    if m == 0:
        return n + 1
    if n == 0:
        return ackermann(m - 1, 1)  # with a literal, whose type no call's argument has
    return ackermann(m - 1, ackermann(m, n - 1))
"""


def test_a_specialisation_for_types_that_only_numba_knows(tmp_path):
    source = tmp_path / "src"
    source.mkdir()
    (source / "literal.py").write_text(LITERAL)
    workload = tmp_path / "workload.py"
    workload.write_text("import literal\n")
    build(tmp_path, tmp_path / "depot", "literal", workload, source, "--restore")
    program = tmp_path / "program.py"
    program.write_text(
        "import literal\nprint(literal.ackermann(2, 3))\nimport numba\n"
        "print(literal.ackermann(2, 3), literal.ackermann.signatures)\n"
    )
    plain = run_plain(tmp_path, program, source)
    seen = run_restored(tmp_path, tmp_path / "depot", program, source)
    assert seen.output == plain, seen.error


ATTRIBUTES = {
    "extra": "f.extra = 5",
    "__doc__": 'f.__doc__ = "other"',
    "__name__": 'f.__name__ = "other"',
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes_of_dispatchers_are_not_lost(tmp_path, name):
    source = tmp_path / "src"
    source.mkdir()
    (source / "bearing.py").write_text(
        f"from numba import njit\n@njit\ndef f(x):\n    return x\n{ATTRIBUTES[name]}\n"
    )
    workload = tmp_path / "workload.py"
    workload.write_text("import bearing; bearing.f(1)\n")
    built = pkgimage(
        tmp_path, "build", "bearing", "--path", str(source), "--workload", str(workload),
        "--depot", str(tmp_path / "depot"), "--restore",
    )  # fmt: skip
    said = built.stdout + built.stderr
    assert f"a compiled function whose attribute {name} was set (bearing.f)" in said


def test_restoring_can_be_switched_off(tmp_path, depot):
    program = "import stored; print(stored.scaled(1.0))"
    plain, seen = both(tmp_path, depot, program, PKGIMAGE_RESTORE="no")
    assert seen.output == plain
    assert seen.seen["restored"] == []
    assert seen.seen["answered"] > 1  # those with declared signatures too


def test_an_edited_source_runs(tmp_path, depot):
    copy = tmp_path / "copy"
    shutil.copytree(PACKAGES / "stored", copy / "stored")
    program = tmp_path / "program.py"
    program.write_text("import stored; print(stored.scaled(1.0))")
    seen = run_restored(tmp_path, depot, program, copy)
    assert (seen.output, seen.seen["numba"]) == ("6.0\n", False)
    source = copy / "stored" / "calls.py"
    source.write_text(source.read_text().replace("FACTOR = 3.0", "FACTOR = 4.0"))
    seen = run_restored(tmp_path, depot, program, copy)
    assert (seen.output, seen.seen["restored"]) == ("8.0\n", [])
    assert seen.seen["rejections"][0][0] == "include-changed"


def test_attributes_of_numbas_dispatchers():
    """Those that import Numba are those that only Numba can give."""
    from numba import njit
    from packageimage.load.dispatchers import _OF_FUNCTION, NUMBAS_ATTRIBUTES

    found = njit(lambda x: x)
    names = {*dir(type(found)), *vars(found)} - {*dir(object)}
    ours = {
        "__abstractmethods__", "__annotations__", "__call__", "__code__", "__defaults__",
        "__dict__", "__get__", "__module__", "__name__", "__numba__", "__qualname__", "__slots__",
        "__weakref__", "__wrapped__", "_abc_impl", "_can_compile", "_clear", "_compile_for_args",
        "_cuda_call", "_enable_sysmon", "_insert", "targetoptions", "typeof_pyval",
        "__firstlineno__", "__static_attributes__",  # of classes, since Python 3.13
    }  # fmt: skip
    assert names - ours - _OF_FUNCTION == NUMBAS_ATTRIBUTES - {"_type"} | {"_type"} & names


def test_another_version_of_an_imported_package(tmp_path):
    """What a restored module took from another package is as old as that package's version."""
    installed = tmp_path / "installed"
    (installed / "source_of").mkdir(parents=True)
    (installed / "source_of" / "__init__.py").write_text("VALUE = 1\n")
    (installed / "user_of").mkdir()
    (installed / "user_of" / "__init__.py").write_text(
        "from numba import njit\nimport source_of\nVALUE = source_of.VALUE\n"
        "@njit\ndef f(x):\n    return x\n"
    )
    workload = tmp_path / "workload.py"
    workload.write_text("import user_of; user_of.f(1)\n")
    depot = tmp_path / "depot"
    build(tmp_path, depot, "user_of", workload, installed, "--restore")
    program = tmp_path / "program.py"
    program.write_text("import user_of; print(user_of.VALUE, user_of.f(2))\n")
    seen = run_restored(tmp_path, depot, program, installed)
    assert (seen.output, seen.seen["restored"]) == ("1 2\n", ["user_of"])
    (installed / "source_of" / "__init__.py").write_text("VALUE = 2\n")
    seen = run_restored(tmp_path, depot, program, installed)
    assert (seen.output, seen.seen["restored"]) == ("2 2\n", [])
    assert seen.seen["rejections"][0][0] == "include-changed"
