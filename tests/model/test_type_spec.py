"""Which specialisation a call takes, compared with Numba's own answers."""

import warnings

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core import types
from numba.core.registry import cpu_target
from packageimage.capture.numba_specs import spec_of_type
from packageimage.model.type_spec import (
    EXACT,
    NUMBERS,
    PROMOTE,
    SAFE,
    UNSAFE,
    Undecided,
    conversion,
    select,
)

SCALARS = [
    types.boolean, types.int8, types.int16, types.int32, types.int64, types.uint8, types.uint16,
    types.uint32, types.uint64, types.float16, types.float32, types.float64, types.complex64,
    types.complex128,
]  # fmt: skip
OTHERS = [
    types.none, types.unicode_type, types.NPDatetime("ns"), types.NPDatetime("D"),
    types.NPTimedelta("s"), types.UnicodeCharSeq(3), types.UnicodeCharSeq(7), types.CharSeq(4),
    numba.typeof(b"bytes"), types.Omitted(3),
]  # fmt: skip
RECORD = numba.typeof(np.zeros(1, dtype=[("a", "i4"), ("b", "f8")])[0])

scalars = st.sampled_from(SCALARS)
arrays = st.builds(
    types.Array,
    st.sampled_from([*SCALARS, types.NPDatetime("ns"), RECORD]),
    st.integers(0, 3),
    st.sampled_from("CFA"),
    readonly=st.booleans(),
    aligned=st.booleans(),
)
simple = st.one_of(scalars, st.sampled_from(OTHERS), arrays)
tuples = st.recursive(
    st.lists(simple, max_size=3).map(lambda items: types.BaseTuple.from_types(tuple(items))),
    lambda inner: st.lists(st.one_of(inner, simple), max_size=3).map(
        lambda items: types.BaseTuple.from_types(tuple(items))
    ),
    max_leaves=4,
)
optionals = st.one_of(scalars, arrays).map(types.Optional)
of_values = st.one_of(simple, tuples)  # no value is optional
all_types = st.one_of(of_values, optionals)


def related(kind):
    """Types that a value of this one may well be converted to."""
    if isinstance(kind, types.Array):
        return st.one_of(
            st.just(kind),
            st.builds(
                types.Array, st.just(kind.dtype), st.just(kind.ndim), st.sampled_from("CFA"),
                readonly=st.booleans(), aligned=st.booleans(),
            ),
            st.just(types.Optional(kind)),
        )  # fmt: skip
    if isinstance(kind, types.BaseTuple):
        parts = [related(part) for part in kind]
        return st.one_of(
            st.tuples(*parts).map(types.BaseTuple.from_types), st.just(kind), all_types
        )
    return st.one_of(scalars, st.just(kind), st.sampled_from(OTHERS), optionals)


pairs = of_values.flatmap(lambda kind: st.tuples(st.just(kind), related(kind)))


def test_every_type_of_these_tests_has_a_spec_of_its_own():
    specs = [spec_of_type(kind) for kind in [*SCALARS, *OTHERS, RECORD]]
    assert None not in specs
    assert len(set(specs)) == len(specs)
    assert [spec_of_type(kind) for kind in SCALARS] == list(NUMBERS)


@pytest.mark.parametrize("actual", SCALARS, ids=str)
def test_conversions_between_numbers(actual):
    context = cpu_target.typing_context
    for formal in SCALARS:
        wanted = context.can_convert(actual, formal)
        found = conversion(spec_of_type(actual), spec_of_type(formal))
        assert found == (None if wanted is None else wanted.value), (actual, formal)


@settings(max_examples=2000)
@given(pairs)
def test_conversions(pair):
    actual, formal = pair
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = cpu_target.typing_context.can_convert(actual, formal)
    try:
        found = conversion(spec_of_type(actual), spec_of_type(formal))
    except Undecided:
        assert "Record" in str(actual) and "Record" in str(formal)
        return
    assert found == (None if wanted is None else wanted.value)


def formal_for(actual):
    return st.one_of(related(actual), all_types)


@st.composite
def calls(draw):
    """Types of arguments, and signatures that they may fit."""
    actual = draw(st.lists(of_values, min_size=1, max_size=3))
    signature = st.tuples(*(formal_for(kind) for kind in actual))
    declared = draw(st.lists(signature, min_size=1, max_size=5, unique=True))
    return tuple(actual), declared


@settings(max_examples=2000)
@given(calls())
def test_select(call):
    """Numba's `resolve_overload` in Python rates as its dispatcher in C does."""
    actual, declared = call
    context = cpu_target.typing_context
    signatures = [numba.core.typing.signature(types.none, *formal) for formal in declared]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            best = context.resolve_overload(
                "f", signatures, actual, {}, allow_ambiguous=False, unsafe_casting=True
            )
        except TypeError:  # ambiguous
            best = None
    try:
        chosen = select(
            tuple(map(spec_of_type, actual)), [tuple(map(spec_of_type, f)) for f in declared]
        )
    except Undecided:
        return
    assert chosen == (None if best is None else signatures.index(best))


RATINGS = [
    # The call, the declared signatures, which is taken.
    (["i4"], [["i8"], ["f8"]], 0),  # a promotion before a safe conversion
    (["i8"], [["f8"], ["f4"]], 0),  # a safe conversion before an unsafe one
    (["f8"], [["f4"]], 0),  # unsafe, where nothing else is declared
    (["f8"], [["i8"], ["f8"]], 1),
    (["i8", "i8"], [["f8", "i8"], ["i8", "f8"]], None),  # as good as each other
    (["str"], [["f8"]], None),
    ([], [[]], 0),
    (["f8"], [["f8", "f8"]], None),
    (["none"], [["f8"], [("optional", "f8")]], 1),
    (["f8"], [[("optional", "f8")]], 0),
    ([("array", "f8", 1, "C", True, True)], [[("array", "f8", 1, "A", True, True)]], 0),
    ([("array", "f8", 1, "C", False, True)], [[("array", "f8", 1, "A", True, True)]], None),
    ([("array", "f4", 1, "C", True, True)], [[("array", "f8", 1, "C", True, True)]], None),
    ([("tuple", "i4", "f8")], [[("tuple", "i8", "f8")]], 0),
]


@pytest.mark.parametrize("actual, declared, chosen", RATINGS)
def test_select_by_the_table(actual, declared, chosen):
    assert select(actual, declared) == chosen


def test_ranks_are_numbas():
    conversions = numba.core.typeconv.Conversion
    names = [conversions(rank).name for rank in (EXACT, PROMOTE, SAFE, UNSAFE)]
    assert names == ["exact", "promote", "safe", "unsafe"]
