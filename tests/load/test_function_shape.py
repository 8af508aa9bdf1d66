"""What tells a plain function from others of its name, held against the long way of telling."""

import subprocess
import sys
import types
from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_build import environment
from numba import njit
from numba import types as numba_types
from numba.core import compiler
from packageimage.capture.numba_starts import is_plain
from packageimage.load import numba_attach
from packageimage.load.numba_attach import global_shape, shape_of
from packageimage.model.method_key import dispatcher_text, global_text

NAME = "shaped_module"
PLAIN = "def f(x, y=2):\n    return x * 3 + y"


@pytest.fixture(scope="module", autouse=True)
def module():
    """A module for the functions to live in."""
    found = sys.modules[NAME] = types.ModuleType(NAME)
    found.np, found.OTHER = np, 1
    yield found
    del sys.modules[NAME]


def made(source: str, **options):
    """The dispatcher of a function `f` that this source defines in the module."""
    namespace = vars(sys.modules[NAME])
    exec(compile(source, "<test>", "exec"), namespace)
    return njit(**options)(namespace["f"])


DIFFERENT = {
    "an operator": "def f(x, y=2):\n    return x * 3 - y",
    "a constant": "def f(x, y=2):\n    return x * 4 + y",
    "a constant's class": "def f(x, y=2):\n    return x * 3.0 + y",
    "a constant that is equal": "def f(x, y=2):\n    return x * True + y",
    "the sign of zero": "def f(x, y=2):\n    return x * -0.0 + y",
    "a default": "def f(x, y=3):\n    return x * 3 + y",
    "no default": "def f(x, y):\n    return x * 3 + y",
    "a default's class": "def f(x, y=2.0):\n    return x * 3 + y",
    "a rest": "def f(x, *y):\n    return x * 3 + y",
    "a global": "def f(x, y=2):\n    return x * 3 + OTHER",
    "a text": "def f(x, y=2):\n    return len('abc') + y",
    "an argument's name": "def f(z, y=2):\n    return z * 3 + y",
    "the order of arguments": "def f(y, x=2):\n    return y * 3 + x",
    "a position": "def f(x, y=2, /):\n    return x * 3 + y",
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_another_function_has_another_shape(name):
    first, second = made(PLAIN), made(DIFFERENT[name])
    assert is_plain(first)
    assert is_plain(second)
    assert None is not shape_of(first) != shape_of(second) is not None
    assert dispatcher_text(first) != dispatcher_text(second)


@pytest.mark.parametrize(
    "options", [{"fastmath": True}, {"nogil": True}, {"error_model": "numpy"}, {"inline": "always"}]
)
def test_other_options_have_another_shape(options):
    assert None is not shape_of(made(PLAIN)) != shape_of(made(PLAIN, **options)) is not None


def test_places_are_nothing_to_it():
    moved = made("\n\n# moved\n" + PLAIN)
    assert shape_of(moved) == shape_of(made(PLAIN))
    assert dispatcher_text(moved) == dispatcher_text(made(PLAIN))


class Pipeline(compiler.Compiler):
    pass


def closed():
    held = 5

    def f(x):
        return x + held

    return njit(f)


NOT_PLAIN = {
    "a closure": closed,
    "a set": lambda: made("def f(x):\n    return x in {1, 2}"),
    "a function inside": lambda: made("def f(x):\n    return (lambda y: y)(x)"),
    "a keyword's default": lambda: made("def f(x, *, y=2):\n    return x + y"),
    "a default of NumPy's": lambda: made("def f(x, y=np.float64(2)):\n    return x + y"),
    "a default that is an array": lambda: made("def f(x, y=np.ones(2)):\n    return x + y"),
    "types of variables": lambda: made(PLAIN, locals={"x": numba_types.float32}),
    "a pipeline": lambda: made(PLAIN, pipeline_class=Pipeline),
    "a text of bytes": lambda: made("def f(x):\n    return len(b'abc') + x"),
    "a default of bytes": lambda: made("def f(x, y=b'abc'):\n    return x + len(y)"),
    "options that are sets": lambda: made(PLAIN, fastmath={"nnan"}),
    "globals of its own": lambda: njit(types.FunctionType((lambda x: x).__code__, {})),
}


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_other_functions_are_not_plain_or_have_no_shape(name):
    found = NOT_PLAIN[name]()
    assert shape_of(found) is None or not is_plain(found)
    assert shape_of(found) not in {shape_of(made(text)) for text in (PLAIN, *DIFFERENT.values())}


def test_what_marshal_writes_alike_is_not_plain():
    two = np.int64(2)
    written, held = made("def f(x, y):\n    return x + y"), made("def f(x, y):\n    return x + y")
    written.py_func.__defaults__, held.py_func.__defaults__ = (two.tobytes(),), (two,)
    assert shape_of(written) == shape_of(held) is not None
    assert not is_plain(written)
    assert not is_plain(held)


ALIKE_NOTHING = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 3), st.floats(width=16), st.complex_numbers(),
        st.text(max_size=3), st.binary(max_size=3), st.just(...),
        st.builds(np.float64, st.integers(-3, 3)), st.builds(np.int8, st.integers(-3, 3)),
        st.builds(np.ones, st.integers(0, 2)), st.frozensets(st.integers(0, 3)),
    ),
    lambda part: st.one_of(
        st.lists(part, max_size=2).map(tuple), st.lists(part, max_size=2),
        st.dictionaries(st.text(max_size=2), part, max_size=2),
    ),
    max_leaves=3,
)  # fmt: skip


@given(ALIKE_NOTHING, ALIKE_NOTHING)
def test_what_is_plain_shares_its_shape_with_nothing_else(first, second):
    """The loader asks for the shape alone: of whatever a function may hold by then."""
    found = [made("def f(x, y):\n    return x + y") for _ in range(2)]
    for one, value in zip(found, (first, second), strict=True):
        one.py_func.__defaults__ = (value,)
    if is_plain(found[0]) and shape_of(found[0]) == shape_of(found[1]):
        assert is_plain(found[1])
        assert dispatcher_text(found[0]) == dispatcher_text(found[1])


def test_a_function_that_compiles_no_more_has_none():
    found = made(PLAIN)
    found.compile("(i8, i8)")
    assert shape_of(found) is not None
    found.disable_compile()
    assert shape_of(found) is None


CONSTANTS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.text(),
    st.binary(),
)  # fmt: skip
VALUES = st.recursive(CONSTANTS, lambda part: st.lists(part, max_size=3).map(tuple), max_leaves=4)


@given(VALUES, VALUES)
def test_constants_have_one_shape_where_they_have_one_text(first, second):
    same = global_text(first) == global_text(second)
    assert (global_shape(first) == global_shape(second)) == same
    assert global_shape(first) is not None


OTHERS = {
    "a list": [1], "an array": np.ones(2), "a scalar": np.float64(1), "a class": int,
    "a function": made, "a ufunc": np.sin, "a tuple of arrays": (np.ones(2),),
    "an integer of a class of its own": type("Own", (int,), {})(5),
    "a module that is not imported": types.ModuleType("nowhere"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_globals_that_take_longer_to_tell_have_none(name):
    assert global_shape(OTHERS[name]) is None


def test_globals_with_names():
    known = [np, numba, len, abs, made(PLAIN)]
    shapes = {global_shape(value) for value in known}
    assert len(shapes) == len(known)
    assert None not in shapes


WHOLE = st.tuples(
    st.sampled_from(["x", "y", "OTHER", "np.pi", "len('ab')"]),
    st.sampled_from(["+", "-", "*", "//"]),
    st.sampled_from(["1", "1.0", "True", "-1", "(1, 2)[0]", "'b' == 'c'"]),
    st.sampled_from(["", "=1", "=1.0", "=True", "=None", "=(1, 2)", "='a'"]),
    st.sampled_from([{}, {"fastmath": True}, {"boundscheck": False}, {"boundscheck": True}]),
)


@given(WHOLE, WHOLE)
def test_functions_have_one_shape_where_they_have_one_text(first, second):
    found = [
        made(f"def f(x, y{default}):\n    return {left} {operator} {right}", **options)
        for left, operator, right, default, options in (first, second)
    ]
    texts = [dispatcher_text(one) for one in found]
    assert (texts[0] == texts[1]) == (shape_of(found[0]) == shape_of(found[1]))


PROGRAM = """
import sys, types
sys.path.insert(0, sys.argv[1])
import test_function_shape as t
sys.modules[t.NAME] = types.ModuleType(t.NAME)
vars(sys.modules[t.NAME])["np"] = t.np
print([t.shape_of(t.made(text)).hex() for text in (t.PLAIN, *t.DIFFERENT.values())])
print([t.global_shape(value).hex() for value in (1, -0.0, "text", ("a", 2.5), t.np, len)])
"""


def test_shapes_are_the_same_in_every_process(tmp_path):
    folder = Path(__file__).parent
    shown = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM, str(folder)],
            env=environment(tmp_path, folder.parent, PYTHONHASHSEED=seed),
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(shown) == 1


def test_the_key_of_the_hash_fits_a_c_long_of_windows():
    assert 0 <= numba_attach._HASH_KEY < 1 << 31
