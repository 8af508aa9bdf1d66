"""`model.method_key`: texts of values, without Numba."""

import math

import pytest
from packageimage.model.method_key import code_digest, value_text


class Odd(str):
    """A text that is equal to nothing, not even to itself, and shows itself as another."""

    __slots__ = ()

    def __eq__(self, other):
        return False

    def __ne__(self, other):
        return True

    __hash__ = str.__hash__

    def __repr__(self):
        return "'same'"


def test_texts_of_a_class_of_their_own_are_told_apart():
    assert value_text(Odd("a")) != value_text(Odd("b"))
    assert value_text(Odd("a")) == value_text(Odd("a")) != value_text("a")


def test_the_sign_of_a_nan_counts():
    assert value_text(math.nan) == value_text(math.nan) != value_text(-math.nan)
    assert value_text(complex(0, math.nan)) != value_text(complex(0, -math.nan))


def test_zeros_and_truths_are_told_apart():
    texts = [value_text(value) for value in (0, False, 0.0, -0.0, None, "", b"")]
    assert len(set(texts)) == len(texts)


CLASSES = {
    "a line above it": ("class A:\n    x = 3\n", "# new\nclass A:\n    x = 3\n", True),
    "its line as a value": ("class A:\n    x = 1\n", "\nclass A:\n    x = 2\n", False),
    "a value that was its line": ("class A:\n    x = 1\n", "class A:\n    x = 3\n", False),
    "an attribute that a method sets": (
        "class A:\n    def f(self):\n        self.x = 1\n",
        "class A:\n    def f(self):\n        self.y = 1\n",
        False,
    ),
}


@pytest.mark.parametrize("name", CLASSES)
def test_lines_of_classes(name):
    """Python 3.13 and later note them in the code that makes a class."""
    one, other, same = CLASSES[name]
    digests = {code_digest(compile(text, "m", "exec")) for text in (one, other)}
    assert (len(digests) == 1) is same
