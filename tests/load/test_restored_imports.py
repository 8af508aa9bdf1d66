"""Restored modules and what happens before and beside their import."""

import shutil

import pytest
from image_build import build, pkgimage, run_plain, run_restored

MODULES = {
    "__init__": "",
    "config": "FACTOR = 3.0\n",
    "uses": """
from numba import njit, vectorize
from . import config

@njit(["f8(f8)"])
def declared(x):
    return x * config.FACTOR

@vectorize(["f8(f8)"])
def universal(x):
    return x + config.FACTOR

@njit
def annotated(x: int, y: "float" = 2.0) -> float:
    return x * y

@njit
def plain(x):
    return annotated(x)
""",
    "rebinds": """
import numpy as np
from numba import njit

TABLE = np.arange(200_000.0)

@njit(["f8(i8)"])
def early(i):
    return TABLE[i]

TABLE = np.arange(200_000.0) * 2

@njit
def late(i):
    return TABLE[i]
""",
}
MODULE_OF_A_THREAD = """
import numpy as np
from numba import njit, vectorize

def make(power):
    @njit
    def raised(x):
        return x ** power
    return raised

raised = [make(power) for power in range(4)]

@vectorize(["f8(f8)"])
def more(x):
    return x + NUMBER
"""
THREADS = [f"thread{number}" for number in range(4)]
for number, name in enumerate(THREADS):
    MODULES[name] = f"NUMBER = {number}.0\n{MODULE_OF_A_THREAD}"

WORKLOAD = f"""
import importlib
import beside.rebinds, beside.uses
beside.uses.declared(1.0), beside.uses.universal(1.0), beside.uses.plain(1)
beside.rebinds.early(1), beside.rebinds.late(1)
for name in {THREADS}:
    module = importlib.import_module(f"beside.{{name}}")
    module.more(1.0), [raised(2.0) for raised in module.raised]
"""

SHOW = "import beside.uses as uses\nprint(uses.declared(1.0), uses.universal(1.0))\n"

IN_THREADS = f"""
import importlib, sys, threading, time
import numpy as np
together = threading.Barrier({len(THREADS) + 1})
shown = []

def attempt(act):
    together.wait()
    try:
        shown.append(act())
    except BaseException as error:
        shown.append(f"{{type(error).__name__}}: {{error}}")

def use(name):
    time.sleep(DELAY)
    module = importlib.import_module(f"beside.{{name}}")
    found = [float(raised(2.0)) for raised in module.raised]
    return name, float(module.more(1.0)), found

acts = [lambda name=name: use(name) for name in {THREADS}]
acts.append(lambda: importlib.import_module("numba").__name__)
running = [threading.Thread(target=attempt, args=(act,)) for act in acts]
[one.start() for one in running]
[one.join() for one in running]
print(*sorted(map(str, shown)), sep="\\n")
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("beside")
    (folder / "src" / "beside").mkdir(parents=True)
    for name, text in MODULES.items():
        (folder / "src" / "beside" / f"{name}.py").write_text(text)
    (folder / "workload.py").write_text(WORKLOAD)
    wanted = [word for name in MODULES for word in ("--restore", f"beside.{name}")]
    wanted[1] = "beside"
    build(folder, folder / "depot", "beside", folder / "workload.py", folder / "src", *wanted)
    return folder


def run_both(place, tmp_path, text):
    program = tmp_path / "program.py"
    program.write_text(text)
    plain = run_plain(tmp_path, program, place / "src")
    seen = run_restored(tmp_path, place / "depot", program, place / "src")
    assert seen.output == plain, seen.error
    return seen.seen


def test_as_at_build(place, tmp_path):
    seen = run_both(place, tmp_path, SHOW)
    assert (seen["restored"], seen["numba"]) == (["beside", "beside.config", "beside.uses"], False)


def test_a_global_that_was_changed_before_the_import(place, tmp_path):
    """Code that is compiled when its module is imported has what is there then."""
    seen = run_both(place, tmp_path, f"import beside.config\nbeside.config.FACTOR = 9.0\n{SHOW}")
    assert seen["restored"] == ["beside", "beside.config"]


def test_a_global_that_was_changed_after_the_import(place, tmp_path):
    text = f"import beside.config, beside.uses\nbeside.config.FACTOR = 9.0\n{SHOW}"
    assert "beside.uses" in run_both(place, tmp_path, text)["restored"]


def test_an_array_that_another_has_replaced(place, tmp_path):
    """Its name finds the other one."""
    text = "from beside.rebinds import early, late\nprint(early(3), late(3))\n"
    assert run_both(place, tmp_path, text)["restored"] == ["beside"]
    told = pkgimage(
        tmp_path, "build", "beside", "--workload", str(place / "workload.py"),
        "--path", str(place / "src"), "--depot", str(tmp_path / "depot"),
        "--restore", "beside.rebinds",
    )  # fmt: skip
    said = "not restored: beside.rebinds: a compiled function in a module whose code uses "
    assert f"{said}beside.rebinds.TABLE, which has become another object" in told.stderr


@pytest.mark.slow
def test_an_edit_elsewhere_does_not_change_what_is_refused(place, tmp_path):
    """A build that takes most from an earlier one gives what one from scratch gives."""
    source = tmp_path / "src"
    shutil.copytree(place / "src", source)
    wanted = [word for name in ("rebinds", "uses") for word in ("--restore", f"beside.{name}")]

    def built(home):
        told = pkgimage(
            tmp_path / home, "build", "beside", "--workload", str(place / "workload.py"),
            "--path", str(source), "--depot", str(tmp_path / home / "depot"), *wanted,
        )  # fmt: skip
        assert told.returncode == 0, told.stderr
        (image,) = (tmp_path / home / "depot").glob("*/beside/*.pkgimage.so")
        return [line for line in told.stderr.splitlines() if "not restored" in line], image

    (tmp_path / "one").mkdir(), (tmp_path / "other").mkdir()
    before, _ = built("one")
    uses = source / "beside" / "uses.py"
    uses.write_text(uses.read_text().replace("return annotated(x)", "return annotated(x) + 1"))
    after, image = built("one")
    afresh, other = built("other")
    assert before == after == afresh
    assert len(before) == 1 and "beside.rebinds" in before[0]
    assert image.read_bytes() == other.read_bytes()


def test_annotations(place, tmp_path):
    text = (
        "import inspect, typing\n"
        "from beside.uses import annotated, plain\n"
        "print(annotated.__annotations__, plain.__annotations__)\n"
        "print(typing.get_type_hints(annotated))\n"
        "print(inspect.get_annotations(annotated), inspect.signature(annotated))\n"
    )
    assert not run_both(place, tmp_path, text)["numba"]


@pytest.mark.parametrize("interval", [1e-6, 5e-3])
def test_threads_with_numba(place, tmp_path, interval):
    text = IN_THREADS.replace("DELAY", "0")
    text = f"import numba, beside, sys\nsys.setswitchinterval({interval})\n{text}"
    restored = ["beside", *(f"beside.{name}" for name in THREADS)]
    assert run_both(place, tmp_path, text)["restored"] == restored


@pytest.mark.parametrize("delay", ["0", "0.02", "0.1"])
def test_threads_while_another_one_imports_numba(place, tmp_path, delay):
    """A module in the midst of which Numba comes may have to run from its source."""
    run_both(place, tmp_path, f"import beside\n{IN_THREADS.replace('DELAY', delay)}")


def test_threads_whose_first_import_is_of_submodules(place, tmp_path):
    """Who finds the package being imported by another thread waits for its image."""
    text = IN_THREADS.replace("DELAY", "0").replace('"numba"', '"json"')
    seen = run_both(place, tmp_path, text)
    restored = ["beside", *(f"beside.{name}" for name in THREADS)]
    assert (seen["restored"], seen["numba"]) == (restored, False)


@pytest.mark.slow
def test_a_package_that_is_restored_and_one_that_is_attached(tmp_path):
    """Numba comes with the second, and with it what waited for it since the first."""
    for name in ("first_one", "second_one"):
        (tmp_path / f"{name}.py").write_text(
            "from numba import njit\n\n@njit\ndef f(x):\n    return x + 1\n"
        )
        workload = tmp_path / f"{name}_workload.py"
        workload.write_text(f"import {name}\n{name}.f(1)\n")
        more = ("--restore",) if name == "first_one" else ()
        build(tmp_path, tmp_path / "depot", name, workload, tmp_path, *more)
    program = tmp_path / "program.py"
    for names in ("first_one, second_one", "second_one, first_one"):
        program.write_text(f"import {names}\nprint(first_one.f(1), second_one.f(2))\n")
        seen = run_restored(tmp_path, tmp_path / "depot", program, tmp_path, PKGIMAGE="strict")
        assert seen.output == "2 3\n", seen.error
        assert seen.seen["answered"] >= 2


NUMBA_MEANWHILE = """
import sys, threading, time
from packageimage.load import numba_extensions

sys.setswitchinterval(1e-6)
barrier = threading.Barrier(2)
bad = []

def import_numba():
    barrier.wait()
    time.sleep(DELAY)
    try:
        import numba
        import numba._dispatcher
        assert numba.njit(lambda x: x + 1)(1) == 2 and numba._dispatcher
    except BaseException as error:
        bad.append(error)

def restore():
    barrier.wait()
    try:
        import first_one
        assert first_one.f(1) == 2
    except BaseException as error:
        bad.append(error)

threads = [threading.Thread(target=one) for one in (import_numba, restore)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(bad)
"""


@pytest.mark.slow
def test_numba_is_imported_while_its_c_modules_are_loaded(tmp_path):
    (tmp_path / "first_one.py").write_text(
        "from numba import njit\n\n@njit\ndef f(x):\n    return x + 1\n"
    )
    workload = tmp_path / "workload.py"
    workload.write_text("import first_one\nfirst_one.f(1)\n")
    build(tmp_path, tmp_path / "depot", "first_one", workload, tmp_path, "--restore")
    program = tmp_path / "program.py"
    for step in range(12):
        program.write_text(NUMBA_MEANWHILE.replace("DELAY", str(step / 2000)))
        seen = run_restored(tmp_path, tmp_path / "depot", program, tmp_path)
        assert seen.output == "[]\n", seen.error
