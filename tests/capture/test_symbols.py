"""Canonical names: no counter, no address, nothing of the order of compilation."""

import llvmlite.binding as llvm
import pytest
from packageimage.capture.symbols import CanonicalNames, Library, replace_tags, tags


@pytest.mark.parametrize(
    ("name", "counters"),
    [
        ("_ZN3pkg1fB2v1B38c8tJTIeEdd", ["1"]),
        ("_ZN3pkg1fB3v17B38c8tJTIeE5ArrayIdLi1E", ["17"]),
        ("_ZN7cpython3pkg1fB4v123E", ["123"]),
        ("_ZN3pkg1fB2v15ArrayE", ["1"]),  # the digit after the tag starts a type
        ("NRT_incref", []),
        ("_ZN3pkg6aB2vxxE", []),
        ("B9v12", []),
    ],
)
def test_tags(name, counters):
    assert [counter for _, _, counter in tags(name)] == counters


def test_replaced_tags_keep_their_length():
    assert replace_tags("_ZN1fB3v17E", lambda counter: "abc") == "_ZN1fB4vabcE"


def _library(order: int, first: str, second: str) -> Library:
    text = f"""
define i64 @"_ZN1p1fB{len(first) + 1}v{first}Ex"(i64 %x) {{
  %y = call i64 @"_ZN1p1gB{len(second) + 1}v{second}Ex"(i64 %x)
  %z = load i64, ptr @".const.pickledata.140{first}"
  %s = add i64 %y, %z
  ret i64 %s
}}
define linkonce_odr i64 @"_ZN1p1gB{len(second) + 1}v{second}Ex"(i64 %x) {{
  ret i64 %x
}}
@".const.pickledata.140{first}" = private constant i64 7
"""
    return Library(llvm.parse_assembly(text).as_bitcode(), order)


def _callee(counter: str) -> Library:
    text = f"""
define i64 @"_ZN1p1gB{len(counter) + 1}v{counter}Ex"(i64 %x) {{
  ret i64 %x
}}
"""
    return Library(llvm.parse_assembly(text).as_bitcode(), 0)


@pytest.mark.parametrize("counters", [("1", "2"), ("17", "3"), ("4", "1234")])
def test_names_do_not_depend_on_counters(counters):
    first, second = counters
    library, callee = _library(1, first, second), _callee(second)
    names = CanonicalNames({first: library, second: callee})
    module = names.module(library)
    text = str(module)
    reference, other = _library(1, "1", "2"), _callee("2")
    expected = str(CanonicalNames({"1": reference, "2": other}).module(reference))
    assert text == expected
    assert f"v{first}E" not in text


def test_different_content_has_different_names():
    one, two = _library(0, "1", "2"), _callee("1")
    callee = _callee("2")
    name = "_ZN1p1fB2v1Ex"
    assert CanonicalNames({"1": one, "2": callee}).symbol(name) != CanonicalNames(
        {"1": two, "2": callee}
    ).symbol(name)


def test_addresses_in_type_names_vanish():
    names = CanonicalNames({})
    a = names.symbol("_ZN1fE_3cfunction_20g_20at_200x7f12ab34cd56_3e")
    b = names.symbol("_ZN1fE_3cfunction_20g_20at_200x55aa00112233_3e")
    assert a == b
    assert names.symbol(".kernel.140239_x") == names.symbol(".kernel.7_x")
