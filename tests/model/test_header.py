"""The header: what is written is read back; nothing else is read, nothing else is raised."""

from __future__ import annotations

import hashlib
import json
import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packageimage.model.base_image import BaseImage
from packageimage.model.cpu_selection import TargetRecord
from packageimage.model.errors import PackageImageError
from packageimage.model.flags import CacheFlags
from packageimage.model.header import (
    HEADER_FORMAT,
    Header,
    HeaderError,
    Include,
    Omitted,
    Require,
    decode,
    decode_sidecar,
    encode,
    encode_sidecar,
)

HEADER = Header(
    package="kernels",
    build_id="ab" * 32,
    capture="cd" * 32,
    base=BaseImage("cpython-311", "0.68.1", "0.50.0", "22.1.0", "2.3.0"),
    platform="linux-x86_64",
    flags=CacheFlags(opt_level=2),
    targets=(
        TargetRecord("generic", "x86-64", ("sse2",), 128),
        TargetRecord("haswell,clone_all", "haswell", ("avx2", "fma"), 256, ("clone_all",)),
    ),
    partitions=(3, 0, 2),
    slots=("NRT_Free", "pkgimage.obj.PyExc_ValueError"),
    requires=(Require("other", "12"),),
    preferences=(("NUMBA_B", "2"), ("NUMBA_A", "1")),
    methods=5,
    omitted=(Omitted("kernels.f", "(int64,)", "holds a lock"),),
)

INCLUDES = (
    Include("kernels", "kernels/b.py", 2, "00"),
    Include("kernels", "kernels/a.py", 1, "ff"),
)

texts = st.text(max_size=8)
counts = st.integers(0, 2**63 - 1)
headers = st.builds(
    Header,
    package=texts,
    build_id=texts,
    capture=texts,
    base=st.builds(BaseImage, texts, texts, texts, texts, texts, counts),
    platform=texts,
    flags=st.builds(
        CacheFlags,
        st.booleans(),
        st.sampled_from((0, 1, 2)),
        st.sampled_from(("auto", "yes", "no")),
        st.booleans(),
        st.sampled_from((0, 1, 2, 3)),
    ),
    targets=st.lists(
        st.builds(
            TargetRecord,
            texts,
            texts,
            st.lists(texts, max_size=3).map(tuple),
            counts,
            st.lists(texts, max_size=3).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
    partitions=st.lists(counts, max_size=3).map(tuple),
    slots=st.lists(texts, max_size=3).map(tuple),
    requires=st.lists(st.builds(Require, texts, texts), max_size=3).map(tuple),
    preferences=st.lists(st.tuples(texts, texts), max_size=3).map(tuple),
    methods=counts,
    omitted=st.lists(st.builds(Omitted, texts, texts, texts), max_size=3).map(tuple),
)


def frame(payload: bytes, version: int = HEADER_FORMAT, magic: bytes = b"PKGIMGHD") -> bytes:
    digest = hashlib.sha256(payload).digest()
    return struct.pack("<8sHQ", magic, version, len(payload)) + digest + payload


def payload_of(header: Header) -> dict[str, Any]:
    value = json.loads(encode(header)[50:])
    assert isinstance(value, dict)
    return value


@given(headers)
def test_round_trip(header: Header) -> None:
    assert decode(encode(header)) == header


@given(headers, st.randoms(use_true_random=False))
def test_sets_have_one_order(header: Header, random: Any) -> None:
    def shuffled(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(random.sample(values, len(values)))

    other = header.replace(
        requires=shuffled(header.requires),
        preferences=shuffled(header.preferences),
        omitted=shuffled(header.omitted),
    )
    assert encode(other) == encode(header)


includes = st.lists(st.builds(Include, texts, texts, counts, texts), max_size=3).map(tuple)


@given(headers, counts, st.binary(min_size=32, max_size=32), includes, st.randoms())
def test_sidecar_round_trip(
    header: Header, size: int, digest: bytes, includes: tuple[Include, ...], random: Any
) -> None:
    encoded = encode(header)
    whole = encode_sidecar(encoded, size, digest.hex(), includes)
    sidecar = decode_sidecar(whole)
    assert (sidecar.header, sidecar.encoded) == (header, encoded)
    assert (sidecar.image_size, sidecar.image_sha256) == (size, digest.hex())
    assert sorted(map(repr, sidecar.includes)) == sorted(map(repr, includes))
    shuffled = random.sample(includes, len(includes))
    assert encode_sidecar(encoded, size, digest.hex(), shuffled) == whole


@given(st.binary())
@example(b"PKGIMGHD")
@example(frame(b""))
@example(frame(b"[" * 100_000))
@example(frame(b"9" * 10_000))
@example(frame(b"\xff"))
@example(frame(b"NaN"))
@example(frame(b"{}", version=1))
@example(frame(b"{}", magic=b"PKGIMGHE"))
@example(struct.pack("<8sHQ32s", b"PKGIMGHD", 2, 2**64 - 1, b""))
def test_any_bytes_are_refused_with_one_line(data: bytes) -> None:
    for read in (decode, decode_sidecar):
        with pytest.raises(HeaderError) as caught:
            read(data)
        assert str(caught.value).isprintable()
    assert issubclass(HeaderError, PackageImageError)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(texts, values, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_any_payload_is_refused(value: object) -> None:
    with pytest.raises(HeaderError):
        decode(frame(json.dumps(value).encode()))


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, item in value.items():
            found += places(item, (*path, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            found += places(item, (*path, at))
    return found


@given(st.data())
def test_any_wrong_value_anywhere_is_refused_or_read(data: Any) -> None:
    """Another value in a field: HeaderError, or a header that is written the same way again."""
    payload = payload_of(HEADER)
    path = data.draw(st.sampled_from(places(payload)))
    holder: Any = payload
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = data.draw(json_values)
    try:
        header = decode(frame(json.dumps(payload).encode()))
    except HeaderError as error:
        assert str(error).isprintable()
    else:
        assert decode(encode(header)) == header


@pytest.mark.parametrize("field", sorted(payload_of(HEADER)))
def test_missing_field(field: str) -> None:
    payload = payload_of(HEADER)
    del payload[field]
    with pytest.raises(HeaderError, match=f"{field} is missing"):
        decode(frame(json.dumps(payload).encode()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"package": 1}, "header.package: expected a text, found a int"),
        ({"methods": True}, "header.methods: expected a number, found a bool"),
        ({"methods": -1}, "expected a number from 0"),
        ({"methods": 2**63}, "expected a number from 0"),
        ({"slots": "abc"}, "header.slots: expected a list, found a text"),
        ({"slots": ["a", 1]}, "header.slots: expected a text, found a int"),
        ({"targets": {}}, "header.targets: expected a list, found an object"),
        ({"base": []}, "header.base: expected an object, found a list"),
        ({"flags": "opt-level=9"}, "header.flags: .*opt-level must be"),
        ({"flags": "opt-level=2"}, "header.flags: expected 'native-code=yes"),
        ({"requires": [["a", "b", 1]]}, "header.requires: expected 2 values, found 3"),
        ({"other": 1}, "header: unknown field 'other'"),
    ],
)
def test_wrong_fields(change: dict[str, object], message: str) -> None:
    with pytest.raises(HeaderError, match=message):
        decode(frame(json.dumps(payload_of(HEADER) | change).encode()))


def test_every_truncation_and_extension_is_refused() -> None:
    whole = encode_sidecar(encode(HEADER), 10, "0" * 64, INCLUDES)
    for end in range(len(whole)):
        with pytest.raises(HeaderError):
            decode_sidecar(whole[:end])
    with pytest.raises(HeaderError, match="trailer"):
        decode_sidecar(whole + b"x")
    with pytest.raises(HeaderError, match="unknown bytes"):
        decode(encode(HEADER) + b"x")


def test_every_flipped_byte_is_noticed() -> None:
    whole = bytearray(encode_sidecar(encode(HEADER), 10, "0" * 64, INCLUDES))
    for at in range(len(whole)):
        whole[at] ^= 1
        with pytest.raises(HeaderError):
            decode_sidecar(bytes(whole))
        whole[at] ^= 1


def test_canonical_bytes() -> None:
    """The same header on every machine, and in the next release, or the format has changed."""
    encoded = encode(HEADER)
    assert encoded[:10] == b"PKGIMGHD\x02\x00"
    assert encoded[50:] == json.dumps(
        json.loads(encoded[50:]), sort_keys=True, separators=(",", ":")
    ).encode("ascii")


@pytest.mark.parametrize(
    "header",
    [
        HEADER.replace(format=1),
        HEADER.replace(methods=-1),
        HEADER.replace(slots=["a"]),  # type: ignore[arg-type]
        HEADER.replace(package=None),  # type: ignore[arg-type]
    ],
)
def test_wrong_headers_are_bugs(header: Header) -> None:
    with pytest.raises(ValueError):
        encode(header)


@pytest.mark.parametrize(
    ("size", "digest"), [(-1, "0" * 64), (1, "00"), (1, "x"), (2**63, "0" * 64)]
)
def test_wrong_sidecars_are_bugs(size: int, digest: str) -> None:
    with pytest.raises(ValueError):
        encode_sidecar(encode(HEADER), size, digest)


def test_a_decoded_include_is_one_like_others() -> None:
    (include,) = decode_sidecar(encode_sidecar(encode(HEADER), 1, "0" * 64, INCLUDES[:1])).includes
    assert (include, repr(include), hash(include)) == (
        INCLUDES[0],
        repr(INCLUDES[0]),
        hash(INCLUDES[0]),
    )
    with pytest.raises(AttributeError):
        include.size = 3  # type: ignore[misc]


def test_surrogates_of_undecodable_paths_survive() -> None:
    include = Include("r", "caf\udce9.py", 1, "")
    whole = encode_sidecar(encode(HEADER), 1, "0" * 64, [include])
    assert decode_sidecar(whole).includes == (include,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"includes": [["a", "b", 1]]}, "trailer.includes: expected 4 values, found 3"),
        ({"includes": [["a", "b", True, "c"]]}, "includes: expected a number, found a bool"),
        ({"includes": [["a", "b", -1, "c"]]}, "trailer.includes: expected a number from 0"),
        ({"includes": [["a", 1, 1, "c"]]}, "trailer.includes: expected a text, found a int"),
        ({"includes": [{}]}, "trailer.includes: expected a list, found an object"),
        ({"image_size": -1}, "trailer.image_size: expected a number from 0"),
        ({"other": 1}, "trailer: unknown field 'other'"),
    ],
)
def test_wrong_trailers(change: dict[str, object], message: str) -> None:
    trailer = {"image_size": 1, "image_sha256": "0" * 64, "includes": []} | change
    with pytest.raises(HeaderError, match=message):
        decode_sidecar(encode(HEADER) + frame(json.dumps(trailer).encode(), magic=b"PKGIMGTR"))
