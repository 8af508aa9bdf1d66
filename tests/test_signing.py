from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from packageimage import signing
from packageimage.load.trust import Guard, Refusal
from packageimage.model.errors import PackageImageError
from packageimage.model.rejection import RejectionKind

LIBRARY = Path(__file__).resolve().parents[1] / "site_scons"
OURS = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
THEIRS = Ed25519PrivateKey.from_private_bytes(b"b" * 32)
KEY, OTHER = signing.public_key(OURS), signing.public_key(THEIRS)
DATA = b"header and trailer"
SIGNED = signing.add_signature(DATA, b"", OURS)


def test_a_signature_is_one_of_all_bytes() -> None:
    assert signing.problem(DATA, SIGNED, {KEY}) == ""
    for at in range(len(DATA)):
        altered = DATA[:at] + bytes([DATA[at] ^ 1]) + DATA[at + 1 :]
        assert signing.problem(altered, SIGNED, {KEY}).endswith("of other bytes")
    for other in (DATA[:-1], DATA + b"\0", b""):
        assert signing.problem(other, SIGNED, {KEY}) != ""


def test_the_file_and_the_bytes_signed_stay_as_they_are() -> None:
    """Images that are signed today must be accepted by later releases."""
    assert (
        b"ed25519 " + base64.b64encode(KEY) + b" "
        + base64.b64encode(OURS.sign(
            b"packageimage signature 1\n" + bytes.fromhex(
                "1fb8e0247607ceccc97868bacc5e426c8873f1a5883839c28e736f82c1a709d7"
            )
        )) + b"\n"
    ) == SIGNED  # fmt: skip


def test_keys_that_nobody_trusts() -> None:
    assert signing.problem(DATA, SIGNED, {OTHER}) == f"one by {signing.encode_key(KEY)}"
    assert signing.problem(DATA, b"", {KEY}) == "no signature in the file beside it"


def test_several_signers() -> None:
    both = signing.add_signature(DATA, SIGNED, THEIRS)
    assert len(both.splitlines()) == 2
    assert signing.problem(DATA, both, {KEY}) == signing.problem(DATA, both, {OTHER}) == ""
    # Again, and of other bytes: what is not of these bytes goes.
    assert signing.add_signature(DATA, both, OURS) == both
    assert len(signing.add_signature(b"other", both, OURS).splitlines()) == 1
    # A line that claims our key and is no good hides no good one.
    forged = SIGNED.replace(b"ed25519 ", b"ed25519 ", 1).split(b" ")
    bad = b" ".join([*forged[:2], base64.b64encode(bytes(64))]) + b"\n"
    assert signing.problem(DATA, bad + SIGNED, {KEY}) == ""
    assert signing.problem(DATA, bad, {KEY}).endswith("of other bytes")


@given(st.binary(max_size=400))
def test_any_bytes_are_no_signature(junk: bytes) -> None:
    assert signing.problem(DATA, junk, {KEY, bytes(32)}) != ""


@given(st.integers(0, len(SIGNED) - 1), st.integers(0, 255))
def test_no_altered_file_passes_for_other_bytes(at: int, byte: int) -> None:
    altered = SIGNED[:at] + bytes([byte]) + SIGNED[at + 1 :]
    assert signing.problem(b"other", altered, {KEY}) != ""


def test_keys_of_low_order_sign_nothing() -> None:
    """A public key of small order would verify much; who trusts one has none."""
    row = b"ed25519 " + base64.b64encode(bytes([1, *[0] * 31])) + b" "
    row += base64.b64encode(bytes([1, *[0] * 63])) + b"\n"
    assert signing.parse(row)
    assert signing.problem(DATA, row, {KEY}) != ""


def test_private_keys() -> None:
    pem = signing.new_key()
    private = signing.private_key(pem)
    assert signing.problem(DATA, signing.add_signature(DATA, b"", private), {
        signing.public_key(private)
    }) == ""  # fmt: skip
    encrypted = OURS.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    other = rsa.generate_private_key(65537, 1024).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for bad, reason in (
        (encrypted, "found an encrypted one; decrypt it"),
        (other, "found RSAPrivateKey"),
        (b"", "found something else"),
        (pem[:80], "found something else"),
    ):
        with pytest.raises(PackageImageError, match=reason):
            signing.private_key(bad)


# -- as the loader asks ------------------------------------------------------------------------


def refusal(folder: Path, key: bytes, data: bytes = DATA) -> Refusal | None:
    return Guard(keys=frozenset([key])).before_decoding(folder / "s.pki", data)


def test_the_loader_insists(tmp_path: Path) -> None:
    assert Guard().before_decoding(tmp_path / "s.pki", DATA) is None
    unsigned = refusal(tmp_path, KEY)
    assert unsigned is not None
    assert (unsigned.kind, unsigned.found) == (RejectionKind.SIGNATURE, "none")
    (tmp_path / "s.sig").write_bytes(SIGNED)
    assert refusal(tmp_path, KEY) is None
    other, altered = refusal(tmp_path, OTHER), refusal(tmp_path, KEY, b"other")
    assert other is not None
    assert other.found.startswith("one by ")
    assert altered is not None
    assert altered.found.endswith("of other bytes")
    (tmp_path / "s.sig").unlink()
    (tmp_path / "s.sig").mkdir()
    unreadable = refusal(tmp_path, KEY)
    assert unreadable is not None
    assert unreadable.kind is RejectionKind.SIGNATURE


def test_without_cryptography(tmp_path: Path) -> None:
    """Keys are set and nobody can verify: that is no reason to go on."""
    (tmp_path / "s.sig").write_bytes(SIGNED)
    code = """
import sys
sys.path.insert(0, sys.argv[1])
sys.modules["cryptography"] = None
from packageimage.load.trust import Guard
found = Guard.of({"PKGIMAGE_TRUSTED_KEYS": sys.argv[3]}).before_decoding(sys.argv[2], b"")
print(found.kind.value, "|", found.expected, "|", found.advice)
"""
    words = [sys.executable, "-c", code, str(LIBRARY), str(tmp_path / "s.pki")]
    done = subprocess.run(
        [*words, signing.encode_key(KEY)], capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "signature | the package cryptography, to verify signatures | "
        "run: pip install cryptography\n"
    )
