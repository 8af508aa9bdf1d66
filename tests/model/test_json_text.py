"""JSON read by its scanner alone, compared with `json`."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageimage.model import json_text

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.fixture(autouse=True)
def without_json(monkeypatch):
    monkeypatch.delitem(sys.modules, "json")


def outcome(read, text):
    try:
        return repr(read(text))
    except (ValueError, RecursionError) as error:
        return type(error).__name__


@given(values)
def test_what_json_writes(value):
    assert json_text.loads(json.dumps(value)) == value


@given(st.text(alphabet='{}[]",:0123456789.eE+-truefalsn \\u\t\n', max_size=30))
def test_any_text(text):
    assert outcome(json_text.loads, text) == outcome(json.loads, text)


@pytest.mark.parametrize(
    "text", ["NaN", "[Infinity]", "", " 1", "1 ", "[" * 100_000, '"\x01"', "1 2"]
)
def test_what_the_scanner_leaves_to_json(text):
    assert outcome(json_text.loads, text) == outcome(json.loads, text)
