"""Check an ad-hoc code signature: recompute the hashes of a Mach-O image's pages.

Layout: Apple's <Kernel/kern/cs_blobs.h>; all of it is big-endian. The kernel of arm64 Macs kills
a process that touches a page whose hash differs.
"""

from __future__ import annotations

import hashlib
import struct

from packageimage.inspect.damage import Bytes, Damaged
from packageimage.inspect.facts import Signature

_BLOB = struct.Struct(">II")  # magic, length
_SUPER_BLOB = struct.Struct(">III")  # magic, length, count
_INDEX = struct.Struct(">II")  # type, offset
# magic, length, version, flags, hashOffset, identOffset, nSpecialSlots, nCodeSlots, codeLimit,
# hashSize, hashType, platform, pageSize (its logarithm)
_CODE_DIRECTORY = struct.Struct(">9I4B")

_EMBEDDED_SIGNATURE = 0xFADE0CC0
_CODE_DIRECTORY_MAGIC = 0xFADE0C02
_SHA256, _SHA256_SIZE = 2, 32


def read_signature(data: bytes, offset: int, size: int) -> Signature:
    """The signature that lies at `offset` of the image `data`, and what is wrong with it."""
    try:
        identifier = _check(data, Bytes(data).part(offset, size), offset)
    except Damaged as problem:
        return Signature("", str(problem))
    return Signature(identifier, "")


def _check(data: bytes, blob: Bytes, offset: int) -> str:
    """The identifier. Raises Damaged for what does not fit."""
    magic, length, count = blob.unpack(_SUPER_BLOB, 0)
    if magic != _EMBEDDED_SIGNATURE:
        raise Damaged(f"expected an embedded signature, found one that begins with {magic:#x}")
    blob = blob.part(0, length)
    directories = []
    for _, at in blob.entries(_INDEX, _SUPER_BLOB.size, count):
        magic, length = blob.unpack(_BLOB, at)
        if magic == _CODE_DIRECTORY_MAGIC:
            directories.append((at, length))
    # Some signers add a directory with SHA-1 for macOS before 10.11; ours do not.
    if len(directories) != 1:
        raise Damaged(f"expected one code directory, found {len(directories)}")
    return _check_directory(data, blob.part(*directories[0]), offset)


def _check_directory(data: bytes, directory: Bytes, offset: int) -> str:
    _, _, _, _, hashes, identifier, _, slots, limit, hash_size, hash_type, _, log_page = (
        directory.unpack(_CODE_DIRECTORY, 0)
    )
    if (hash_type, hash_size) != (_SHA256, _SHA256_SIZE):
        raise Damaged(f"expected hashes of type {_SHA256} (SHA-256), found type {hash_type}")
    if limit != offset:
        raise Damaged(f"expected it to cover the {offset} bytes before it, found {limit}")
    if not 12 <= log_page <= 16:
        raise Damaged(f"expected pages of 4 to 64 KB, found 2^{log_page} bytes")
    page = 1 << log_page
    if slots != -(-limit // page):
        raise Damaged(f"expected a hash for each of {-(-limit // page)} pages, found {slots}")
    expected = directory.take(hashes, slots * _SHA256_SIZE)
    for number in range(slots):
        code = data[number * page : min((number + 1) * page, limit)]
        start = number * _SHA256_SIZE
        if hashlib.sha256(code).digest() != expected[start : start + _SHA256_SIZE]:
            raise Damaged(f"the hash of page {number} differs from the page's content")
    return directory.text(identifier)
