"""`model.method_key`: texts of values, without Numba."""

import math

from packageimage.model.method_key import value_text


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
