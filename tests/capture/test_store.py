"""The store gives back what was written, or nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageimage.capture.captured import CapturedMethod, Omission, Origin, closure
from packageimage.capture.store import SourceParts, Stored, read, write

texts = st.text(max_size=6)
methods = st.builds(
    CapturedMethod,
    key=texts,
    shown=texts,
    row=st.builds(
        lambda module, first, blob: {
            "module": module,
            "return": 0,
            "environments": [["slot", None, blob], ["other", "m", None]],
            "globals": [[module, first, "d"]],
        },
        texts,
        texts,
        st.sampled_from((0, 1, None)),
    ),
    blobs=st.tuples(st.binary(max_size=5), st.binary(max_size=5)),
    roles=st.dictionaries(texts, st.tuples(texts, texts), max_size=2),
    core=texts,
    linkable=st.lists(texts, max_size=2).map(tuple),
    unit=texts,
    weight=st.integers(0, 1000),
    modules=st.lists(texts, max_size=2).map(tuple),
    causes=st.lists(texts, max_size=2).map(tuple),
    omits=st.lists(st.builds(Omission, texts, texts, texts), max_size=2).map(tuple),
    root=texts,
    origins=st.lists(st.builds(Origin, texts, texts, texts), max_size=2).map(tuple),
)
stores = st.builds(
    Stored,
    fingerprint=texts,
    settings=texts,
    sources=st.builds(
        SourceParts,
        own=st.lists(texts, max_size=2).map(tuple),
        compiled_in=st.dictionaries(texts, st.lists(texts, max_size=2).map(tuple), max_size=2),
        parts=st.dictionaries(texts, texts, max_size=2),
        extensions=st.lists(texts, max_size=2).map(tuple),
    ),
    methods=st.lists(methods, max_size=3).map(lambda found: {m.key: m for m in found}),
    libraries=st.dictionaries(texts, st.binary(max_size=9), max_size=3),
    partitions=st.dictionaries(texts, st.binary(max_size=9), max_size=3),
    compiled=st.lists(texts, max_size=2).map(tuple),
)


def resolved(method: CapturedMethod) -> object:
    """The method with its byte strings in place: which index one has means nothing."""
    row = dict(method.row)
    row["return"] = method.blobs[row["return"]]
    row["environments"] = [
        (slot, module, None if blob is None else method.blobs[blob])
        for slot, module, blob in row["environments"]
    ]
    return (row, *(getattr(method, name) for name in vars(method) if name not in ("row", "blobs")))


@given(stores)
def test_round_trip(tmp_path_factory, stored):
    path = tmp_path_factory.getbasetemp() / "round.store"
    write(path, stored)
    found = read(path, stored.fingerprint)
    assert found is not None
    assert {k: resolved(m) for k, m in found.methods.items()} == {
        k: resolved(m) for k, m in stored.methods.items()
    }
    for name in ("settings", "sources", "libraries", "partitions", "compiled"):
        assert getattr(found, name) == getattr(stored, name)
    assert read(path, stored.fingerprint + "x") is None


METHOD = CapturedMethod(
    "k", "pkg.f()", {"return": 0, "environments": []}, (b"r",), {"cpython": ("l", "s")}, "l", (),
    "u", 1, (),
)  # fmt: skip


def test_anything_else_is_no_store(tmp_path):
    path = tmp_path / "a.store"
    assert read(path, "") is None
    write(path, Stored("", "", SourceParts(), {"k": METHOD}, {"l": b"code"}, {}))
    whole = path.read_bytes()
    assert read(path, "") is not None
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        assert read(path, "") is None
    path.write_bytes(b"PK" + bytes(400))
    assert read(path, "") is None


def test_a_store_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(OSError):
        write(tmp_path / "absent" / "a.store", Stored("", "", SourceParts(), {}, {}, {}))
    with pytest.raises(TypeError):  # half of it is written by then
        write(tmp_path / "a.store", Stored("", "", SourceParts(), {}, {"l": "text"}, {}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("causes", "of", "found"),
    [
        ({"a": (), "b": ()}, ["a"], {"a"}),
        ({"a": ("b",), "b": ("c",), "c": ()}, ["a"], {"a", "b", "c"}),
        ({"a": ("b",), "b": ("a",)}, ["b"], {"a", "b"}),
        ({"a": ("gone",)}, ["a"], {"a"}),
        ({"a": ()}, ["gone"], set()),
    ],
)
def test_closure(causes, of, found):
    from dataclasses import replace

    known = {key: replace(METHOD, key=key, causes=c) for key, c in causes.items()}
    assert closure(of, known) == found
