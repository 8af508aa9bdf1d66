"""An image's header: what it is and what it needs, read before the image is opened.

One frame, the same bytes inside the image and at the start of the `.pki` file beside it::

    magic "PKGIMGHD" | format u16 | payload length u64 | SHA-256 of the payload | payload

little endian; the payload is canonical JSON (sorted keys, no spaces, ASCII). The `.pki` file goes
on with a trailer in the same frame, with the magic "PKGIMGTR". It says what is known only after the
image was linked, its size and SHA-256, and what must not make it another image: the *includes*, the
sources as they lay there, comments and all.

Whatever bytes they are given, `decode` and `decode_sidecar` raise nothing but HeaderError.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import TypeVar

from packageimage.model.base_image import BaseImage
from packageimage.model.cpu_selection import TargetRecord
from packageimage.model.digest import sha256
from packageimage.model.errors import PackageImageError
from packageimage.model.flags import CacheFlags, parse_flags
from packageimage.model.json_text import loads
from packageimage.model.record import Record

HEADER_FORMAT = 2

_MAGIC = b"PKGIMGHD"
_TRAILER_MAGIC = b"PKGIMGTR"
_FRAME = struct.Struct("<8sHQ32s")
_DIGEST_SIZE = 32
_MAX_INT = 2**63 - 1

_T = TypeVar("_T")


class HeaderError(PackageImageError):
    """Bytes that are no header of a known format, or are damaged."""


class Include(Record):
    """A file that the capture depended on.

    root: the package (or declared root) that `path`, with forward slashes, is relative to. size
    in bytes, sha256 in hexadecimal, both of the content.
    """

    root: str
    path: str
    size: int
    sha256: str


class Require(Record):
    """A package with an image of its own whose functions were compiled in; content: the id of
    its capture then."""

    package: str
    content: str


class Omitted(Record):
    """A specialisation that the image does not hold, and why."""

    function: str
    signature: str
    reason: str


class Header(Record):
    """capture: the capture's id, equal for all images made from it. partitions: number of entries
    of each. slots: names in slot order. methods: how many the method table holds. requires,
    preferences and omitted are sets: they are brought into sorted order, so that equal headers
    are equal bytes.
    """

    package: str
    build_id: str
    capture: str
    base: BaseImage
    platform: str
    flags: CacheFlags
    targets: tuple[TargetRecord, ...]
    partitions: tuple[int, ...]
    slots: tuple[str, ...]
    requires: tuple[Require, ...] = ()
    preferences: tuple[tuple[str, str], ...] = ()
    methods: int = 0
    omitted: tuple[Omitted, ...] = ()
    format: int = HEADER_FORMAT

    def __post_init__(self) -> None:
        self._put("requires", tuple(sorted(self.requires, key=_require_row)))
        self._put("preferences", tuple(sorted(self.preferences)))
        self._put("omitted", tuple(sorted(self.omitted, key=_omitted_row)))


class Sidecar(Record):
    """What a `.pki` file holds. encoded: the header's bytes, to compare with the embedded ones.
    image_size in bytes, image_sha256 in hexadecimal. includes: a set, as `requires` is.
    """

    header: Header
    encoded: bytes
    image_size: int
    image_sha256: str
    includes: tuple[Include, ...] = ()

    def __post_init__(self) -> None:
        self._put("includes", tuple(sorted(self.includes, key=_include_row)))


def _include_row(item: Include) -> tuple[str, str, int, str]:
    return (item.root, item.path, item.size, item.sha256)


def _require_row(item: Require) -> tuple[str, str]:
    return (item.package, item.content)


def _omitted_row(item: Omitted) -> tuple[str, str, str]:
    return (item.function, item.signature, item.reason)


def encode(header: Header) -> bytes:
    """The frame of `header`; `decode(encode(header)) == header`.

    ValueError for a header that no reader would accept (a bug of ours): another format, values of
    wrong types.
    """
    if header.format != HEADER_FORMAT:
        raise ValueError(f"this code writes header format {HEADER_FORMAT}, not {header.format}")
    base = header.base
    payload = _canonical(
        {
            "package": header.package,
            "build_id": header.build_id,
            "capture": header.capture,
            "base": {
                "python_abi": base.python_abi,
                "numba": base.numba,
                "llvmlite": base.llvmlite,
                "llvm": base.llvm,
                "numpy": base.numpy,
                "runtime_format": base.runtime_format,
            },
            "platform": header.platform,
            "flags": str(header.flags),
            "targets": [
                {
                    "spec": target.spec,
                    "name": target.name,
                    "features": list(target.features),
                    "vector_bits": target.vector_bits,
                    "options": list(target.options),
                }
                for target in header.targets
            ],
            "partitions": list(header.partitions),
            "slots": list(header.slots),
            "requires": [_require_row(item) for item in header.requires],
            "preferences": [list(item) for item in header.preferences],
            "methods": header.methods,
            "omitted": [_omitted_row(item) for item in header.omitted],
        }
    )
    encoded = _framed(_MAGIC, payload)
    try:
        same = decode(encoded) == header
    except HeaderError as error:
        raise ValueError(f"a header that cannot be read back: {error}") from error
    if not same:
        raise ValueError("a header that does not read back as itself")
    return encoded


def decode(data: bytes) -> Header:
    """The header that `data` holds, all of it. HeaderError for anything else."""
    header, size = _decode_frame(data)
    if size != len(data):
        raise HeaderError(f"header of {size} bytes is followed by {len(data) - size} unknown bytes")
    return header


def encode_sidecar(
    header: bytes, image_size: int, image_sha256: str, includes: Iterable[Include] = ()
) -> bytes:
    """A `.pki` file's content: the encoded `header` and the trailer for the linked library.

    image_sha256 in hexadecimal. ValueError for values that do not fit.
    """
    if len(bytes.fromhex(image_sha256)) != _DIGEST_SIZE or not 0 <= image_size <= _MAX_INT:
        raise ValueError("an image's size must not be negative, its SHA-256 has 64 hex digits")
    trailer = _canonical(
        {
            "image_size": image_size,
            "image_sha256": image_sha256.lower(),
            "includes": sorted(map(_include_row, includes)),
        }
    )
    return header + _framed(_TRAILER_MAGIC, trailer)


def decode_sidecar(data: bytes) -> Sidecar:
    """What a `.pki` file holds. HeaderError for anything that is not whole."""
    header, size = _decode_frame(data)
    fields, trailer_size = _unframed(data[size:], _TRAILER_MAGIC, "trailer")
    if size + trailer_size != len(data):
        unknown = len(data) - size - trailer_size
        raise HeaderError(f"trailer of {trailer_size} bytes is followed by {unknown} unknown bytes")
    sidecar = Sidecar(
        header=header,
        encoded=bytes(data[:size]),
        image_size=fields.get("image_size", _count),
        image_sha256=fields.get("image_sha256", _str),
        includes=fields.get("includes", _tuple_of(_include)),
    )
    fields.done()
    return sidecar


def _canonical(value: object) -> bytes:
    import json

    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _framed(magic: bytes, payload: bytes) -> bytes:
    digest = sha256(payload).digest()
    return _FRAME.pack(magic, HEADER_FORMAT, len(payload), digest) + payload


def _decode_frame(data: bytes) -> tuple[Header, int]:
    """The header at the start of `data` and the number of bytes it takes."""
    fields, size = _unframed(data, _MAGIC, "header")
    return _header(fields), size


def _unframed(data: bytes, wanted: bytes, what: str) -> tuple[_Object, int]:
    """The JSON object in the frame at the start of `data` and the number of bytes it takes."""
    if len(data) < _FRAME.size:
        raise HeaderError(f"{what} needs at least {_FRAME.size} bytes, found {len(data)}")
    magic, version, length, digest = _FRAME.unpack_from(data)
    if magic != wanted:
        raise HeaderError(f"{what} must start with {wanted!r}, found {magic!r}")
    if version != HEADER_FORMAT:
        raise HeaderError(f"{what} format must be {HEADER_FORMAT}, found {version}")
    end = _FRAME.size + length
    if len(data) < end:
        raise HeaderError(f"{what} of {end} bytes is cut off after {len(data)}")
    payload = bytes(data[_FRAME.size : end])
    if sha256(payload).digest() != digest:
        raise HeaderError(f"{what} does not match its checksum")
    try:
        # RecursionError: a payload of a hundred thousand brackets. ValueError: not ASCII, not
        # JSON, a number of thousands of digits.
        return _Object(loads(payload.decode("ascii")), what), end
    except (ValueError, RecursionError) as error:
        raise HeaderError(f"{what} is not JSON: {type(error).__name__}") from None


class _Object:
    """Typed access to a JSON object whose fields must all be read."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise HeaderError(f"{where}: expected an object, found {_kind(value)}")
        self.fields: dict[str, object] = value
        self.where = where

    def get(self, name: str, read: Callable[[object, str], _T]) -> _T:
        if name not in self.fields:
            raise HeaderError(f"{self.where}: {name} is missing")
        return read(self.fields.pop(name), f"{self.where}.{name}")

    def done(self) -> None:
        if self.fields:
            # A field that we would not write: the bytes are not what this format means by them.
            raise HeaderError(f"{self.where}: unknown field {min(self.fields)!r}")


def _header(fields: _Object) -> Header:
    header = Header(
        package=fields.get("package", _str),
        build_id=fields.get("build_id", _str),
        capture=fields.get("capture", _str),
        base=fields.get("base", _base),
        platform=fields.get("platform", _str),
        flags=fields.get("flags", _flags),
        targets=fields.get("targets", _tuple_of(_target)),
        partitions=fields.get("partitions", _tuple_of(_count)),
        slots=fields.get("slots", _texts),
        requires=fields.get("requires", _tuple_of(_require)),
        preferences=fields.get("preferences", _tuple_of(_preference)),
        methods=fields.get("methods", _count),
        omitted=fields.get("omitted", _tuple_of(_omitted)),
    )
    fields.done()
    return header


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", type(None): "null"}
    return names.get(type(value), f"a {type(value).__name__}")


def _str(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise HeaderError(f"{where}: expected a text, found {_kind(value)}")
    return value


def _count(value: object, where: str) -> int:
    if type(value) is not int:  # a bool is an int
        raise HeaderError(f"{where}: expected a number, found {_kind(value)}")
    if not 0 <= value <= _MAX_INT:
        raise HeaderError(f"{where}: expected a number from 0 to {_MAX_INT}, found another")
    return value


def _list(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise HeaderError(f"{where}: expected a list, found {_kind(value)}")
    return value


def _row(value: object, where: str, length: int) -> list[object]:
    row = _list(value, where)
    if len(row) != length:
        raise HeaderError(f"{where}: expected {length} values, found {len(row)}")
    return row


def _tuple_of(read: Callable[[object, str], _T]) -> Callable[[object, str], tuple[_T, ...]]:
    def read_all(value: object, where: str) -> tuple[_T, ...]:
        return tuple([read(item, where) for item in _list(value, where)])

    return read_all


def _texts(value: object, where: str) -> tuple[str, ...]:
    # Slots are thousands: looking at their types at once takes a tenth of the time.
    items = _list(value, where)
    if not set(map(type, items)) <= {str}:
        return tuple([_str(item, where) for item in items])
    return tuple(items)  # type: ignore[arg-type]


def _base(value: object, where: str) -> BaseImage:
    fields = _Object(value, where)
    base = BaseImage(
        python_abi=fields.get("python_abi", _str),
        numba=fields.get("numba", _str),
        llvmlite=fields.get("llvmlite", _str),
        llvm=fields.get("llvm", _str),
        numpy=fields.get("numpy", _str),
        runtime_format=fields.get("runtime_format", _count),
    )
    fields.done()
    return base


def _flags(value: object, where: str) -> CacheFlags:
    text = _str(value, where)
    try:
        flags = parse_flags(text)
    except PackageImageError as error:
        raise HeaderError(f"{where}: {error}") from None
    if str(flags) != text:
        raise HeaderError(f"{where}: expected {str(flags)!r}, found {text!r}")
    return flags


def _target(value: object, where: str) -> TargetRecord:
    fields = _Object(value, where)
    target = TargetRecord(
        spec=fields.get("spec", _str),
        name=fields.get("name", _str),
        features=fields.get("features", _texts),
        vector_bits=fields.get("vector_bits", _count),
        options=fields.get("options", _texts),
    )
    fields.done()
    return target


_INCLUDE_TYPES = (str, str, int, str)


def _include(value: object, where: str) -> Include:
    # A package of 1,000 functions has 100. Its types seen at once, and no constructor that would
    # find out what it is given, take a third of the time.
    if type(value) is list and tuple(map(type, value)) == _INCLUDE_TYPES:
        include = Include.__new__(Include)
        fields = vars(include)
        fields["root"], fields["path"], fields["size"], fields["sha256"] = value
        if 0 <= fields["size"] <= _MAX_INT:
            return include
    root, path, size, sha256 = _row(value, where, 4)
    return Include(_str(root, where), _str(path, where), _count(size, where), _str(sha256, where))


def _require(value: object, where: str) -> Require:
    package, content = _row(value, where, 2)
    return Require(_str(package, where), _str(content, where))


def _preference(value: object, where: str) -> tuple[str, str]:
    name, setting = _row(value, where, 2)
    return (_str(name, where), _str(setting, where))


def _omitted(value: object, where: str) -> Omitted:
    function, signature, reason = _row(value, where, 3)
    return Omitted(_str(function, where), _str(signature, where), _str(reason, where))
