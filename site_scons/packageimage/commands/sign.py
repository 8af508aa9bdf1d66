"""Sign images with a private key (Ed25519), so that sessions can insist on who made them.

A signature is kept in a file beside the header and covers every byte of the image. Sessions with
PKGIMAGE_TRUSTED_KEYS use no image that none of these keys has signed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
from pathlib import Path

from .. import signing
from ..depot import HEADER_SUFFIX, SIGNATURE_SUFFIX
from ..model.errors import PackageImageError, one_line
from ..model.header import HeaderError, decode_sidecar
from ..model.platform import platform_named
from ..publishing import replace_file
from .images import stem_of
from .output import add_json, document


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="image or header")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the private key, PEM")
    parser.add_argument(
        "--generate",
        type=Path,
        metavar="FILE",
        help="make a private key here, and its public key in FILE.pub",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Raises PackageImageError for files that are not as expected; then nothing is signed by this
    call from that file on."""
    if args.generate is not None:
        if args.images or args.key is not None:
            raise PackageImageError("--generate makes a key and does nothing else; leave the rest")
        key = generate(args.generate)
        _say(args, key, [])
        return 0
    if not args.images or args.key is None:
        raise PackageImageError("expected images and --key FILE, or --generate FILE")
    try:
        private = signing.private_key(_read(args.key))
    except signing.NoCryptography:
        raise
    except PackageImageError as error:
        raise PackageImageError(f"{one_line(args.key)}: {error}") from None
    headers = [Path(stem_of(image) + HEADER_SUFFIX) for image in args.images]
    for header in headers:
        _check(header)
    for header in headers:
        sign(header, private)
    _say(args, signing.encode_key(signing.public_key(private)), headers)
    return 0


def generate(file: Path) -> str:
    """Make a key pair; the public key in base64. Raises PackageImageError, also for a file that
    exists: what it signed could never be signed again."""
    pem = signing.new_key()
    key = signing.encode_key(signing.public_key(signing.private_key(pem)))
    public = file.with_name(file.name + ".pub")
    written = []
    try:
        for path, data, mode in ((file, pem, 0o600), (public, f"{key}\n".encode(), 0o644)):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            written.append(path)
            with open(descriptor, "wb") as output:
                output.write(data)
    except OSError as error:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        raise PackageImageError(
            f"cannot write {one_line(error.filename or file)}: {error.strerror}; name a new file"
        ) from None
    return key


def sign(header: Path, private: object) -> Path:
    """Add a signature to those of an image; their file. Raises PackageImageError."""
    file = header.with_suffix(SIGNATURE_SUFFIX)
    earlier = _read(file) if file.exists() else b""
    try:
        replace_file(file, signing.add_signature(_read(header), earlier, private))
    except OSError as error:
        raise PackageImageError(
            f"cannot write {one_line(file)}: {error.strerror}; make its folder writable"
        ) from None
    return file


def _check(header: Path) -> None:
    """Raises PackageImageError unless header and library are what one build has made."""
    try:
        sidecar = decode_sidecar(_read(header))
    except HeaderError as error:
        raise PackageImageError(f"{one_line(header)}: {error}; build the image again") from None
    suffix = platform_named(sidecar.header.platform).image_suffix
    image = header.with_name(header.name.removesuffix(HEADER_SUFFIX) + suffix)
    try:
        with open(image, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PackageImageError(
            f"{one_line(image)}: expected the library of {one_line(header)}, found "
            f"{error.strerror}; build the image again"
        ) from None
    if digest != sidecar.image_sha256:
        raise PackageImageError(
            f"{one_line(image)}: expected SHA-256 {sidecar.image_sha256[:16]}, found {digest[:16]};"
            " build the image again"
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PackageImageError(
            f"{one_line(path)}: expected a file that can be read, found {error.strerror}"
        ) from None


def _say(args: argparse.Namespace, key: str, headers: list[Path]) -> None:
    if args.json:
        generated = None if args.generate is None else str(args.generate)
        signed = [str(header) for header in headers]
        print(document("sign", public_key=key, generated=generated, signed=signed))
        return
    for header in headers:
        print(f"signed {one_line(header.with_suffix(SIGNATURE_SUFFIX))}")
    if args.generate is not None:
        print(f"made {one_line(args.generate)}: keep it to yourself, it is not encrypted")
    print(f"its public key, for PKGIMAGE_TRUSTED_KEYS: {key}")
