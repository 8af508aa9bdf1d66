"""Signatures as Numba is told them while images are attached, held against `inspect`'s own."""

import functools
import gc
import inspect
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageimage.load.numba_attach import keep_last_signature


def function(parameters: str, **namespace):
    exec(f"def made({parameters}):\n    return 1", namespace)
    return namespace["made"]


class Callable:
    def __call__(self, x, *, y=1):
        return x

    def method(self, x):
        return x


def set_signature(made):
    made.__signature__ = inspect.Signature(
        [inspect.Parameter("other", inspect.Parameter.VAR_KEYWORD)]
    )


def set_wrapped(made):
    functools.update_wrapper(made, lambda wrapped, /: wrapped)


def set_defaults(made):
    made.__defaults__ = (8,) if made.__code__.co_argcount else ()


def set_keyword_defaults(made):
    made.__kwdefaults__ = dict.fromkeys(inspect.getfullargspec(made).kwonlyargs, 7)


def set_annotations(made):
    made.__annotations__ = {"return": int, "x": "a name that is nowhere"}


def set_code(made):
    made.__code__ = function("quite, another, *code").__code__


CHANGES = (
    set_signature, set_wrapped, set_defaults, set_keyword_defaults, set_annotations, set_code,
)  # fmt: skip
PARAMETERS = (
    "", "x", "x, y", "y, x", "x=1", "x, y=2", "x, /, y", "x, /", "*x", "x, *y", "**x", "x, *, y",
    "x, *, y=3", "*, x=[]", "x: int", "x: int = 1", "x, y, *z, w=1, **v",
)  # fmt: skip


@given(
    st.lists(st.sampled_from(PARAMETERS), min_size=1, max_size=4),
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([None, None, *CHANGES])),
        min_size=1,
        max_size=9,
    ),
)
def test_any_order_of_questions_and_changes(texts, steps):
    asked = keep_last_signature(inspect.signature)
    made = [function(text) for text in texts]
    for place, change in steps:
        one = made[place % len(made)]
        if change is not None:
            change(one)
        for other in (one, *made):
            assert asked(other) == inspect.signature(other)


NO_FUNCTIONS = {
    "class": Callable,
    "instance": Callable(),
    "bound method": Callable().method,
    "method": Callable.method,
    "partial": functools.partial(int, base=3),
    "built in": len,
}


@pytest.mark.parametrize("name", NO_FUNCTIONS)
def test_what_is_no_plain_function(name):
    what = NO_FUNCTIONS[name]
    try:
        expected = inspect.signature(what)
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)):
            keep_last_signature(inspect.signature)(what)
    else:
        assert keep_last_signature(inspect.signature)(what) == expected


def test_what_has_none():
    for wrong in (3, "text", None):
        with pytest.raises(TypeError, match="is not a callable object"):
            keep_last_signature(inspect.signature)(wrong)


def test_options_are_handed_on():
    asked = keep_last_signature(inspect.signature)
    one = function("x")
    set_wrapped(one)
    for follow in (True, False):
        expected = inspect.signature(one, follow_wrapped=follow)
        assert asked(one, follow_wrapped=follow) == expected
        assert asked(function("y"), follow_wrapped=follow) == inspect.signature(function("y"))


def test_no_function_and_no_default_is_kept_alive():
    class Value:
        pass

    asked = keep_last_signature(inspect.signature)
    value, one = Value(), function("x")
    other = function("x=value", value=value)
    alive = weakref.ref(value), weakref.ref(one)
    asked(other), asked(one)
    del value, one, other
    gc.collect()
    assert [each() for each in alive] == [None, None]


def test_numba_asks_inspect_once_for_a_dispatcher(monkeypatch):
    from numba import njit
    from numba.core import utils

    questions = []

    def count(what):
        if what.__name__ == "made":
            questions.append(what)
        return inspect.signature(what)

    monkeypatch.setattr(utils, "pysignature", count)
    njit(function("x, y"))
    assert len(questions) == 2  # else the hook is of no use any more
    monkeypatch.setattr(utils, "pysignature", keep_last_signature(count))
    questions.clear()
    for text in ("x, y", "x, *y", ""):
        made = njit(function(text))
        assert made._compiler.pysig == inspect.signature(made.py_func)
    assert len(questions) == 3
