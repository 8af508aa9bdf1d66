"""Signatures of images: Ed25519 (RFC 8032), in a file beside the header.

What is signed is a text of ours and the SHA-256 of the `.pki` file, which is the header and its
trailer. That states the library's size and SHA-256 and those of all sources, so one signature
covers every byte of an image. The `.sig` file has a line for each signer:

    ed25519 <public key, base64> <signature, base64>

Signing and verifying need the package `cryptography`, which is imported here alone and when it is
needed: 6 ms, of which a process without trusted keys pays nothing.
"""

from __future__ import annotations

import binascii
from collections.abc import Collection
from typing import Any

from .model.digest import sha256
from .model.errors import PackageImageError

_CONTEXT = b"packageimage signature 1\n"
_WORD = "ed25519"
_KEY_SIZE, _SIGNATURE_SIZE = 32, 64
_MOST_LINES = 64


class NoCryptography(PackageImageError):
    """The package cryptography can't be imported."""


def problem(data: bytes, signatures: bytes, keys: Collection[bytes]) -> str:
    """What is wrong with the signatures of a `.pki` file's bytes; nothing when a key signed them.

    data: the whole file. signatures: the `.sig` file, any bytes. keys: 32 bytes each. Raises
    NoCryptography.
    """
    found = parse(signatures)
    if not found:
        return "no signature in the file beside it"
    known = [(key, signature) for key, signature in found if key in keys]
    if not known:
        return f"one by {encode_key(found[0][0])}"
    if any(is_valid(data, signature, key) for key, signature in known):
        return ""
    return f"one by {encode_key(known[0][0])} of other bytes"


def is_valid(data: bytes, signature: bytes, key: bytes) -> bool:
    """Whether a key has signed these bytes. Raises NoCryptography."""
    ed25519 = _ed25519()
    from cryptography.exceptions import InvalidSignature

    try:
        ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, _message(data))
    except (InvalidSignature, ValueError):
        return False
    return True


def add_signature(data: bytes, signatures: bytes, private: Any) -> bytes:
    """The `.sig` file with a signature by `private` in it.

    Of the signatures that were there, those of other keys stay that are of these bytes. Raises
    NoCryptography.
    """
    key = public_key(private)
    rows = {
        other: signature
        for other, signature in parse(signatures)
        if other != key and is_valid(data, signature, other)
    }
    rows[key] = private.sign(_message(data))
    return "".join(
        f"{_WORD} {encode_key(each)} {encode_key(rows[each])}\n" for each in sorted(rows)
    ).encode("ascii")


def parse(signatures: bytes) -> list[tuple[bytes, bytes]]:
    """(key, signature) of each line that is one; of any bytes at all."""
    found = []
    for line in signatures.split(b"\n")[:_MOST_LINES]:
        words = line.split(b" ")
        if len(words) != 3 or words[0] != _WORD.encode():
            continue
        try:
            key, signature = (binascii.a2b_base64(word, strict_mode=True) for word in words[1:])
        except ValueError:
            continue
        if len(key) == _KEY_SIZE and len(signature) == _SIGNATURE_SIZE:
            found.append((key, signature))
    return found


def encode_key(key: bytes) -> str:
    """base64, as in PKGIMAGE_TRUSTED_KEYS."""
    return binascii.b2a_base64(key, newline=False).decode("ascii")


def new_key() -> bytes:
    """A new private key, PEM (PKCS 8, not encrypted). Raises NoCryptography."""
    ed25519 = _ed25519()
    from cryptography.hazmat.primitives import serialization

    private = ed25519.Ed25519PrivateKey.generate()
    pem: bytes = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem


def private_key(pem: bytes) -> Any:
    """The private key in a PEM file. Raises NoCryptography, and PackageImageError for a file that
    holds none of Ed25519 or an encrypted one."""
    ed25519 = _ed25519()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise PackageImageError(
            "expected a private key that is not encrypted, found an encrypted one; decrypt it "
            "first, as with: openssl pkey -in KEY"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise PackageImageError(
            "expected a private key of Ed25519 as PEM, found something else; make one with "
            "`pkgimage sign --generate FILE`"
        ) from None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise PackageImageError(
            f"expected a private key of Ed25519, found {type(key).__name__}; make one with "
            "`pkgimage sign --generate FILE`"
        )
    return key


def public_key(private: Any) -> bytes:
    """The 32 bytes of the public key that belongs to a private one."""
    raw: bytes = private.public_key().public_bytes_raw()
    return raw


def _message(data: bytes) -> bytes:
    digest: bytes = sha256(data).digest()
    return _CONTEXT + digest


def _ed25519() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise NoCryptography(
            f"cannot import cryptography ({error}); run: pip install cryptography"
        ) from None
    return ed25519
