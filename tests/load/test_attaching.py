"""First calls of plain functions whose package's source has run: answered by the image without what
answers all that Numba may ask. Held against plain Numba."""

import sys
import textwrap
import types
from pathlib import Path

import pytest
from image_build import SHOW, build, run_plain, run_with_images
from packageimage.load.numba_results import Results

SOURCES = {
    "__init__.py": "from attaching import numbers, users",
    "numbers.py": """
        import math
        import numpy as np
        from numba import njit

        SCALE = 2.0
        SHAPE = (2, 3)
        NAME = "one"

        @njit
        def plain(x):
            return x + 1

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
        def named(x):
            return len(NAME) + x

        @njit
        def checked(x):
            if x < 0:
                raise ValueError("below zero")
            return math.floor(x)

        @njit
        def pair(both):
            return both[1], both

        @njit
        def with_default(x, y=3.0, z=4):
            return (x * SCALE, y, z)

        @njit
        def of_rest(x, *rest):
            return x + len(rest)

        @njit
        def total(values):
            result = 0.0
            for value in values:
                result += value
            return result

        @njit
        def doubled(values):
            return values * 2

        @njit
        def first(text):
            return text[0]

        @njit
        def subtract(a, b):
            return a - b

        @njit
        def item(values, index):
            return values[index]
        """,
    "users.py": """
        from numba import njit
        from attaching import numbers
        from attaching.numbers import plain, scaled

        FACTOR = 3.0

        @njit
        def twice(x):
            return scaled(scaled(x)) + plain(x)

        @njit
        def through_module(x):
            return numbers.scaled(x) * FACTOR

        @njit
        def by_keyword(x, y):
            return numbers.subtract(a=x, b=y)

        @njit
        def only_others(x):
            return plain(x) * 2

        def closing(held):
            @njit
            def closed(x):
                return held(x) * 2
            return closed

        @njit
        def held(x):
            return x * 5

        closed = closing(held)

        @njit
        def through_closed(x):
            return closed(x) + 1

        @njit
        def item_of(values, index):
            return numbers.item(values, index)

        BOTH = (plain, held)

        @njit
        def of_tuple(x):
            return BOTH[0](x) * 3

        @njit
        def applied(function, x):
            return function(x) * 4
        """,
}
LATER = """
from numba import njit
from attaching.numbers import scaled

@njit
def direct(x):
    return scaled(x) * 100
"""
# Each of other types than those of the same function before it.
CALLS = (
    "numbers.plain(2.0)", "numbers.plain(2**63)", "numbers.plain(2)", "numbers.plain(2j)",
    "numbers.plain(np.float32(2))", "numbers.plain(np.int8(2))", "numbers.plain(True)",
    "numbers.scaled(2.0)", "numbers.scaled(2)", "numbers.rooted(2.0)", "numbers.shaped(2.0)",
    "numbers.named(2.0)", "numbers.checked(2.5)", "numbers.pair((1, 2.5))",
    "numbers.pair(((1, 2), 'text'))", "numbers.with_default(2.0)",
    "numbers.with_default(2.0, 5.0)", "numbers.with_default(2, z=5)", "numbers.of_rest(1.0)",
    "numbers.of_rest(1.0, 2.0, 3.0)", "numbers.total(np.arange(3.0))",
    "numbers.total(np.arange(6.0)[::2])", "numbers.total(np.ones(3, np.int16))",
    "numbers.doubled(np.arange(3.0))", "numbers.doubled(np.ones((2, 2), order='F'))",
    "numbers.first('text')", "numbers.first(b'ab')", "numbers.subtract(1, 2)",
    "users.twice(2.0)", "users.twice(2)", "users.through_module(2.0)",
    "users.through_module(2)", "users.by_keyword(1, 2)", "users.only_others(1.5)",
    "users.only_others(2)", "numbers.item(np.arange(3.0), 1)", "users.item_of(np.arange(3.0), 1)",
)  # fmt: skip
# Of functions that are not plain.
CLOSED = (
    "users.closed(2)", "users.closed(2.0)", "users.through_closed(2)", "users.of_tuple(2)",
    "users.applied(numbers.plain, 2)",
)  # fmt: skip
HEAD = (
    SHOW
    + """
import types
import numpy as np
from attaching import numbers, users

"""
)


def program_of(calls) -> str:
    return HEAD + "\n".join(f"show({call!r})" for call in calls)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A package, beside its image."""
    folder = tmp_path_factory.mktemp("attaching")
    (folder / "attaching").mkdir()
    for name, text in SOURCES.items():
        (folder / "attaching" / name).write_text(textwrap.dedent(text))
    (folder / "workload.py").write_text(program_of([*CALLS, *CLOSED]))
    build(folder, folder / "depot", "attaching", folder / "workload.py", folder)
    (folder / "attaching_later.py").write_text(LATER)
    (folder / "later.py").write_text("import attaching_later\nattaching_later.direct(2.0)\n")
    build(folder, folder / "depot", "attaching_later", folder / "later.py", folder)
    return folder


COUNT = """
import packageimage
attachments = packageimage.enable()._attachments
print(len(attachments._started), attachments._bridge)
"""


def test_all_start_without_the_bridge(home, tmp_path):
    program = tmp_path / "program.py"
    text = program_of([*CALLS, *CALLS])
    program.write_text(text)
    plain = run_plain(home, program, home)
    program.write_text(text + COUNT)
    seen = run_with_images(tmp_path, home / "depot", program, home)
    *shown, last = seen.output.splitlines()
    assert shown == plain.splitlines(), seen.error
    assert last == f"{len(CALLS)} None"
    assert seen.seen["answered"] == len(CALLS)
    assert seen.seen["passes"] == 0


# What makes a plain function another one, of the same name.
OTHER_FUNCTIONS = {
    "code": """
        def other(x):
            return x * 100
        numbers.plain.py_func.__code__ = other.__code__
        show("numbers.plain(2.0)")
        show("users.twice(2.0)")
        """,
    "defaults": """
        numbers.with_default.py_func.__defaults__ = (30.0, 40)
        show("numbers.with_default(2.0)")
        """,
    "options": """
        numbers.plain.targetoptions["boundscheck"] = True
        numbers.scaled.targetoptions["fastmath"] = True
        show("numbers.plain(2.0)")
        show("users.twice(2.0)")
        """,
    "a function of the same name": """
        from numba import njit
        def plain(x):
            return x * 1000
        plain.__module__, plain.__qualname__ = "attaching.numbers", "plain"
        show("numbers.plain(2.0)")
        other = njit(plain)
        show("other(2.0)")
        show("numbers.plain(3)")
        """,
    "no compilation": """
        show("numbers.plain(2)")
        numbers.plain.disable_compile()
        show("numbers.plain(2.0)")
        show("users.twice(2.0)")
        """,
    "recompiled": """
        show("numbers.scaled(2.0)")
        numbers.SCALE = 9.0
        show("numbers.scaled(2.0)")
        numbers.scaled.recompile()
        show("numbers.scaled(2.0)")
        show("users.twice(2.0)")
        """,
    "overloads are cleared": """
        numbers.scaled.compile("float64(float64)")
        show("users.through_module(2.0)")
        show("len(users.through_module.overloads)")
        users.through_module.overloads.clear()
        others = [str.upper, "x".upper, [1].append, {}.get] * 3
        show("users.through_module(2.0)")
        """,
    "a subclass of arrays": """
        from numba import types
        from numba.extending import typeof_impl
        class Own(np.ndarray):
            pass
        show("numbers.total(np.arange(3.0))")
        @typeof_impl.register(Own)
        def typeof(value, context):
            return types.float64
        show("numbers.total(np.arange(3.0).view(Own))")
        """,
    "signatures and overloads": """
        show("numbers.scaled(2.0)")
        show("users.twice(2.0)")
        show("sorted(map(str, numbers.scaled.signatures))")
        show("list(users.twice.overloads)")
        show("users.twice.nopython_signatures")
        from numba import njit
        @njit
        def calls(x):
            return users.twice(x) + numbers.scaled(x)
        show("calls(2.0)")
        show("calls(2)")
        """,
    "the checking of bounds": """
        import os
        from numba.core import config
        os.environ["NUMBA_BOUNDSCHECK"] = "1"
        config.reload_config()
        show("numbers.total(np.arange(3.0))")
        show("numbers.first(b'')")
        """,
    "the names of arguments": """
        def subtract(b, a):
            return b - a
        numbers.subtract.py_func.__code__ = subtract.__code__
        show("users.by_keyword(10, 3)")
        """,
    "types of variables": """
        show("users.twice(2.0)")
        from numba import types
        numbers.scaled.locals["x"] = types.float32
        show("users.through_module(2)")
        show("numbers.scaled(np.float32(2.5))")
        """,
    "no more compilation for a caller": """
        show("users.through_module(1)")
        show("numbers.scaled(1)")
        numbers.scaled.disable_compile()
        show("users.through_module(1.5)")
        show("users.through_module(2)")
        """,
    "a module that was imported again": """
        import sys
        show("users.twice(1.5)")
        del sys.modules["attaching.numbers"]
        import attaching.numbers as again
        again.SCALE = 55.0
        show("users.through_module(1.5)")
        show("numbers.scaled(1.0)")
        """,
    "a module that is none": """
        import sys
        sys.modules["attaching.numbers"] = None
        show("users.only_others(1.5)")
        """,
    "what the program puts around Numba": """
        import functools
        from unittest import mock
        from numba.core.dispatcher import Dispatcher
        seen = []
        before = Dispatcher.compile
        def spy(self, signature):
            seen.append(self.py_func.__name__)
            return before(self, signature)
        with mock.patch.object(Dispatcher, "compile", spy):
            show("numbers.plain(np.uint8(1))")
        show("numbers.plain(np.int16(1))")
        Dispatcher.compile = functools.wraps(before)(spy)
        show("numbers.plain(np.int32(1))")
        Dispatcher.compile = before
        show("numbers.plain(2.0)")
        show("seen")
        """,
    "what Numba's functions are": """
        import inspect, pickle
        show("pickle.loads(pickle.dumps(numbers.plain.recompile)).__name__")
        show("inspect.signature(numbers.plain.compile), numbers.plain.compile.__name__")
        show("numbers.plain.get_overload.__doc__")
        show("numbers.plain(2.0)")
        """,
    "overloads that were taken away": """
        from collections import OrderedDict
        show("numbers.plain(2.0)")
        numbers.plain.overloads = OrderedDict()
        show("len(numbers.plain.overloads)")
        """,
    "a callee that was compiled with another return type": """
        numbers.scaled.compile("complex128(int64)")
        show("numbers.scaled(2)")
        show("users.twice(2)")
        show("users.through_module(2)")
        show("users.through_module(2.0)")
        """,
    "a callee that was compiled meanwhile with another global": """
        numbers.SCALE = 9.0
        numbers.scaled.compile("float64(int64)")
        numbers.SCALE = 2.0
        show("users.twice(2)")
        show("users.twice(2.0)")
        """,
    "a callee that was compiled meanwhile with other types of variables": """
        from numba import types
        numbers.scaled.locals["x"] = types.float32
        numbers.SCALE = 9.0
        show("numbers.scaled(2)")
        numbers.SCALE = 2.0
        numbers.scaled.locals.clear()
        show("users.through_module(2)")
        show("users.through_module(2.0)")
        """,
    "a callee that was compiled meanwhile with other code": """
        code = numbers.scaled.py_func.__code__
        numbers.scaled.py_func.__code__ = (lambda x: x - 1).__code__
        show("numbers.scaled(2)")
        numbers.scaled.py_func.__code__ = code
        show("users.through_module(2)")
        """,
    "a callee without globals that was compiled with another return type": """
        numbers.plain.compile("complex128(int64)")
        show("users.only_others(2)")
        show("users.twice(2)")
        show("users.only_others(2.0)")
        """,
    "a callee in a closure that was compiled with another return type": """
        users.held.compile("complex128(int64)")
        show("users.closed(2)")
        show("users.closed(2.0)")
        """,
    "a callee that was compiled meanwhile with bounds that are checked": """
        import numba
        numba.config.BOUNDSCHECK = 1
        show("numbers.item(np.arange(3.0), 1)")
        numba.config.BOUNDSCHECK = None
        show("users.item_of(np.arange(3.0), 3)")
        """,
    "a callee in a closure that was compiled meanwhile with other types of variables": """
        from numba import types
        users.held.locals["x"] = types.float64
        show("users.held(2)")
        users.held.locals.clear()
        show("users.through_closed(2)")
        show("users.closed(2)")
        """,
    "a callee in a tuple that was compiled meanwhile with other types of variables": """
        from numba import types
        numbers.plain.locals["x"] = types.float64
        show("numbers.plain(2)")
        numbers.plain.locals.clear()
        show("users.of_tuple(2)")
        show("users.applied(numbers.plain, 2)")
        """,
    "a callee as an argument that was compiled with another return type": """
        numbers.plain.compile("complex128(int64)")
        show("users.applied(numbers.plain, 2)")
        show("users.of_tuple(2)")
        """,
    "a callee that was compiled with the return type that it has": """
        numbers.plain.compile("int64(int64)")
        show("users.only_others(2)")
        numbers.SCALE = 9.0
        numbers.scaled.compile("float64(int64)")
        numbers.SCALE = 2.0
        show("users.through_module(2)")
        """,
    "a callee of an image that comes later": """
        numbers.SCALE = 9.0
        show("numbers.scaled(2.0)")
        numbers.SCALE = 2.0
        import attaching_later
        show("attaching_later.direct(2.0)")
        """,
    "a module whose name another has taken": """
        import sys
        from numba import njit
        show("users.through_module(2.0)")
        other = types.ModuleType("attaching.numbers")
        other.scaled = numbers.scaled
        sys.modules["attaching.numbers"] = other
        numbers.scaled = njit(lambda x: x * 77)
        show("users.through_module(2)")
        """,
    "other values for what can be left out": """
        from numba.core.dispatcher import OmittedArg
        show("numbers.with_default(2.0, OmittedArg(9.5))")
        show("numbers.with_default(2.0, OmittedArg(9.5), OmittedArg(4))")
        show("numbers.with_default(2.0)")
        show("numbers.plain(OmittedArg(2))")
        """,
    "a callback of the program's": """
        from numba import cfunc
        show("cfunc('f8(f8)')(lambda x: x * 2).ctypes(4.0)")
        show("numbers.plain(2.0)")
        """,
}


@pytest.mark.parametrize("name", OTHER_FUNCTIONS)
def test_functions_that_are_others_now(home, tmp_path, name):
    program = tmp_path / "program.py"
    program.write_text(HEAD + textwrap.dedent(OTHER_FUNCTIONS[name]))
    seen = run_with_images(tmp_path, home / "depot", program, home)
    assert seen.output == run_plain(home, program, home), seen.error


LATE = """
from numba import types
numbers.plain.locals["x"] = types.float64
show("numbers.plain(2)")
numbers.plain.locals.clear()
numbers.scaled.compile("complex128(float64)")
show("numbers.scaled(3)")
{enable}
show("users.only_others(2)")
show("users.through_module(3.0)")
show("users.through_module(3)")
show("users.twice(2)")
show("users.only_others(2.0)")
"""


def test_images_that_are_enabled_when_numba_has_compiled_callees(home, tmp_path):
    outputs = []
    for enable in ("", "import packageimage; session = packageimage.enable()"):
        program = tmp_path / "program.py"
        program.write_text(HEAD + LATE.format(enable=enable))
        settings = {"PKGIMAGE": "existing", "PKGIMAGE_DEPOT_PATH": str(home / "depot")}
        outputs.append(run_plain(home, program, home, **settings))
    assert outputs[1] == outputs[0]


def test_callers_of_what_is_declared_as_it_is_are_answered(home, tmp_path):
    program = tmp_path / "program.py"
    text = HEAD + 'numbers.plain.compile("int64(int64)")\nshow("users.only_others(2)")\n'
    program.write_text(text)
    seen = run_with_images(tmp_path, home / "depot", program, home)
    assert seen.output == run_plain(home, program, home), seen.error
    assert seen.seen["answered"] == 1


REPLACED = """
from unittest import mock
import numba
from numba.core import dispatcher

class Called:
    def __init__(self, original):
        self.original = original
    def __call__(self, *args, **kwargs):
        return self.original(*args, **kwargs)
    def __get__(self, instance, owner=None):
        return self if instance is None else lambda *args: self(instance, *args)

dispatcher.Dispatcher.recompile = mock.MagicMock()
dispatcher.Dispatcher.compile = Called(dispatcher.Dispatcher.compile)
"""


def test_what_a_program_has_put_in_the_place_of_numbas_functions(home, tmp_path):
    """It need not have a name, as functions have."""
    program = tmp_path / "program.py"
    program.write_text(REPLACED + program_of(["numbers.plain(2.0)", "numbers.plain(np.uint8(2))"]))
    seen = run_with_images(tmp_path, home / "depot", program, home)
    assert seen.output == run_plain(home, program, home), seen.error
    assert seen.seen["answered"] == 1


CIRCLE = """
from packageimage import enable
starts = enable()._attachments._starts[0]
data = bytearray(starts.data)
at = starts.functions["attaching.numbers"]["plain"]
data[at + 44 : at + 48] = at.to_bytes(4, "little")  # what follows it
starts.data = memoryview(data)
"""


def test_starts_that_follow_each_other_in_a_circle(home, tmp_path):
    program = tmp_path / "program.py"
    text = program_of(["numbers.plain(np.uint16(2))", "numbers.plain(2.0)"])
    program.write_text(text)
    plain = run_plain(home, program, home)
    program.write_text(text.replace("\nshow(", CIRCLE + "\nshow(", 1))
    seen = run_with_images(tmp_path, home / "depot", program, home)
    assert seen.output == plain, seen.error


def test_variables_beside_slots_are_filled_with_their_methods(monkeypatch):
    """JIT code may be linked before, and what methods nobody calls refer to may not be there."""
    results = Results(lambda *_: None)
    image = types.SimpleNamespace(slot_index={})
    module = types.ModuleType("referred_to")
    reference, environment = "pkgimage.ref.object:referred_to:thing", "_ZN08NumbaEnv4some"
    error = results._cell_of(image, "pkgimage.obj.PyExc_SystemError")
    cells = [results._cell_of(image, name) for name in (reference, environment)]
    assert error.value == id(SystemError)
    assert results._cell_of(image, "pkgimage.obj.PyExc_NoSuchError").value is None
    assert [cell.value for cell in cells] == [None, None]
    row = {"environments": [(environment, None, None)], "references": [reference]}
    results._fill_environments(image, row | {"environment": environment})
    made = results._environments[id(image)][environment]
    assert [cell.value for cell in cells] == [None, id(made)]
    module.thing = object()
    monkeypatch.setitem(sys.modules, "referred_to", module)
    results._fill_environments(image, row | {"environment": environment})
    assert cells[0].value == id(module.thing)
    assert results._cell_of(image, reference) is cells[0]
