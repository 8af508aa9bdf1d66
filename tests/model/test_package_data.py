"""The layout of the data section."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageimage.model.package_data import ALIGNMENT, DataError, decode, dumps, encode

names = st.text(min_size=1, max_size=8)
modules = st.lists(
    st.tuples(
        names, st.lists(names, max_size=2).map(tuple), st.lists(names, max_size=2).map(tuple),
        st.lists(st.tuples(names, names, names), max_size=2).map(tuple),
        st.lists(st.tuples(names, names, names), max_size=2).map(tuple), st.binary(max_size=99),
        st.just(()), st.binary(max_size=99), st.binary(max_size=99),
    ),
    max_size=4,
)  # fmt: skip
buffers = st.lists(st.tuples(st.binary(max_size=200), st.booleans()), max_size=4)


def section_of(modules, buffers):
    return memoryview(b"".join(map(bytes, encode(modules, buffers, 7, [("i8", "f8")]))))


@given(modules, buffers)
def test_what_is_written_is_read(modules, buffers):
    section = section_of(modules, buffers)
    found = decode(section)
    assert len(found.modules) == len(modules)
    assert (found.n_starts, found.specs) == (7, (("i8", "f8"),))
    for (name, imports, absent, lazy, frozen, pickle, taken, *tables), module in zip(
        modules, found.modules, strict=True
    ):
        assert (module.name, module.imports, module.absent) == (name, imports, absent)
        assert (module.lazy, module.frozen, module.buffers) == (lazy, frozen, taken)
        places = (module.pickle, module.functions, module.details)
        for data, (start, size) in zip((pickle, *tables), places, strict=True):
            assert section[start : start + size] == data
    for (data, readonly), (start, size, said) in zip(buffers, found.buffers, strict=True):
        assert (section[start : start + size], said) == (data, readonly)
        assert start % ALIGNMENT == 0


def test_equal_values_are_equal_bytes():
    text = "".join(["a", "b"])
    assert dumps(["ab", text, (1, 2.5)]) == dumps([text, "ab", (1, 2.5)])
    assert section_of([], [(b"x", True)]) == section_of([], [(b"x", True)])


def test_arrays_are_not_copied():
    array = np.arange(1000.0)
    parts = encode([], [(memoryview(array), False)], 0, [])
    assert any(np.shares_memory(np.frombuffer(p, np.uint8), array) for p in parts if len(p))


@pytest.mark.parametrize("data", [b"", b"12345678", b"\0" * 8, b"\xff" * 40])
def test_other_bytes(data):
    with pytest.raises(DataError):
        decode(memoryview(data))


@given(st.integers(0, 200))
def test_a_cut_section(length):
    whole = section_of([("m", (), (), (), (), b"p", (), b"f", b"d")], [(b"buffer" * 30, True)])
    if length < len(whole) - 1:
        with pytest.raises(DataError):
            decode(whole[:length])
