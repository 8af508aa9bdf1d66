"""The types of values without Numba, compared with `numba.typeof`."""

import enum
from collections import namedtuple

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numba.core import types
from packageimage.capture import assemble
from packageimage.capture.numba_specs import spec_of_type
from packageimage.load import argument_types, image, session
from packageimage.load.argument_types import spec_of, spec_of_dtype
from packageimage.load.numba_types import type_of, types_of
from packageimage.model import flags
from packageimage.model.type_spec import OMITTED

Pair = namedtuple("Pair", "a b")


class Colour(enum.IntEnum):
    RED = 1


class Text(enum.Enum):
    A = "a"
    B = "b"


class Mixed(enum.Enum):
    A = "a"
    B = 1


class Array(np.ndarray):
    pass


def numbas(value):
    """The spec of Numba's type; None where Numba finds none."""
    try:
        return spec_of_type(numba.typeof(value))
    except Exception:  # for some structured types Numba stumbles over itself
        return None


scalars = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.complex_numbers(),
    st.booleans(),
    st.none(),
    st.text(max_size=5),
    st.binary(max_size=5),
)
dtypes = st.one_of(
    hnp.scalar_dtypes(),
    hnp.unicode_string_dtypes(),
    hnp.byte_string_dtypes(),
    hnp.array_dtypes(max_size=3, allow_subarrays=True),
)


@st.composite
def arrays(draw):
    """Arrays of any dtype in any layout."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    array = np.zeros(shape, draw(dtypes))
    change = draw(st.sampled_from(["", "T", "step", "fortran", "locked", "subclass", "swapped"]))
    if change == "T":
        array = array.T
    elif change == "step" and array.ndim:
        array = array[..., ::2]
    elif change == "fortran":
        array = np.asfortranarray(array)
    elif change == "locked":
        array.flags.writeable = False
    elif change == "subclass":
        array = array.view(Array)
    elif change == "swapped":
        array = array.astype(array.dtype.newbyteorder())
    return array


elements = st.builds(lambda dtype: np.zeros(1, dtype)[0], dtypes)
values = st.recursive(
    st.one_of(scalars, arrays(), elements),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.builds(Pair, inner, inner),
        st.lists(inner, max_size=2),
        st.sets(scalars, max_size=2),
        st.sampled_from([Colour.RED, Text.A, Mixed.B]),
    ),
    max_leaves=5,
)


@settings(max_examples=1500)
@given(values)
def test_as_numba_has_it(value):
    found = spec_of(value)
    # None asks Numba, which is never wrong; a spec must be Numba's own.
    if found is not None:
        assert found == numbas(value)
        assert type_of(found) == numba.typeof(value)


@settings(max_examples=500)
@given(arrays())
def test_arrays_of_numbers_do_not_need_numba(array):
    if array.dtype.kind in "biuf" and array.dtype.isnative and array.dtype.itemsize <= 8:
        assert spec_of(array) == numbas(array) is not None


OWN = [
    1, -1, 2**40, 2**63, 1.5, 1j, True, None, "text", b"bytes", (), (1, 2.0), ((1,), "a"),
    np.int8(1), np.uint64(1), np.float32(1), np.complex64(1), np.bool_(True),
    np.datetime64("2020", "ns"), np.timedelta64(1, "s"), np.zeros((2, 3))[:, ::2],
    np.zeros(3, dtype=[("a", "i4"), ("b", "f8")]), np.zeros(2, "U3"), np.zeros(2, "S3"),
    np.zeros(2, np.float16), np.array(1.0), Pair(1, 2), Pair(1, "a"), Colour.RED,
    Text.B, (Colour.RED, Pair((1,), 2)),
]  # fmt: skip
NUMBAS = [
    2**64, -(2**63) - 1, [1], {1}, {"a": 1}, Colour, Mixed.A, Pair(1, [1]), np.zeros(2, ">f8"),
    np.zeros(2, object), np.ma.zeros(3), np.str_("a"), np.bytes_(b"a"), np.dtype("f8"), slice(1),
    len, numba.njit(lambda x: x), object(), bytearray(b"a"), memoryview(b"a"), np.longdouble(1),
    np.zeros(2, [(("title", "a"), "i4")]), np.zeros(2, [("a", "f8", (2,))]),
]  # fmt: skip


@pytest.mark.parametrize("value", OWN, ids=repr)
def test_decided_here(value):
    assert spec_of(value) == numbas(value) is not None


@pytest.mark.parametrize("value", NUMBAS, ids=lambda value: type(value).__name__)
def test_left_to_numba(value):
    assert spec_of(value) is None


def test_types_that_no_value_has():
    optional = types.Optional(types.Array(types.int8, 1, "F", readonly=True))
    specs = (spec_of_type(optional), "f8", OMITTED, OMITTED)
    omitted = (types.Omitted(2), types.Omitted("a"))
    assert types_of(specs, (2, "a")) == (optional, types.float64, *omitted)


def test_types_without_a_spec():
    for kind in (
        types.literal(3), types.List(types.int64),
        numba.typeof(namedtuple("Hidden", "a")(1)), types.pyobject,
    ):  # fmt: skip
        assert spec_of_type(kind) is None, kind


def test_classes_of_one_name():
    """Code of an image knows a class by its name; a second one of that name is Numba's business."""
    first = make = namedtuple("Again", "a b")
    globals()["Again"] = first
    assert spec_of(first(1, 2)) == ("named", __name__, "Again", ("a", "b"), "i8", "i8")
    globals()["Again"] = make = namedtuple("Again", "a b")
    assert spec_of(make(1, 2)) is None
    assert spec_of(first(1, 2)) is not None
    hidden = namedtuple("Hidden", "a b")  # nobody finds it by its name
    assert spec_of(hidden(1, 2)) is None
    assert spec_of(enum.Enum("Hidden", "A").A) is None


def test_tuples_that_only_look_like_named_ones():
    class Sub(tuple):
        pass

    class Short(Pair):
        def __new__(cls):
            return tuple.__new__(cls, (1,))

    assert spec_of(Sub((1, 2))) is None
    assert spec_of(Short()) is None


def test_a_type_that_asks_to_be_told_from_an_array():
    class Own(np.ndarray):
        __numba_array_subtype_dispatch__ = True

    assert spec_of(np.zeros(2).view(Own)) is None
    assert spec_of(np.zeros(2).view(Array)) == spec_of(np.zeros(2))


def test_dtypes_of_the_other_byte_order():
    assert spec_of_dtype(np.dtype("<i4")) == "i4"
    assert spec_of_dtype(np.dtype(">i4")) is None


def test_what_is_written_twice_is_the_same():
    """The runtime does without the modules that say it first."""
    assert argument_types.OMITTED == OMITTED
    assert (session._NO, session._STRICT, session._YES) == (flags.NO, flags.STRICT, flags.YES)
    assert image.METHODS_FORMAT == assemble.METHODS_FORMAT
