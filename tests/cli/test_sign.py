from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from packageimage import signing
from packageimage.cli import main
from packageimage.load.trust import Guard
from packageimage.model import header as headers
from packageimage.model.base_image import BaseImage
from packageimage.model.flags import CacheFlags
from packageimage.model.header import Header


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    base = BaseImage("cpython-311", "0.68.1", "0.50.0", "22.1.0", "2.4.6", 1)
    header = Header("k", "0" * 64, "0" * 64, base, "linux-x86_64", CacheFlags(), (), (1,), ())
    data = b"library"
    encoded = headers.encode(header)
    digest = hashlib.sha256(data).hexdigest()
    (tmp_path / "s.pki").write_bytes(headers.encode_sidecar(encoded, len(data), digest))
    (tmp_path / "s.pkgimage.so").write_bytes(data)
    return tmp_path / "s.pkgimage.so"


@pytest.fixture
def key(image: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["sign", "--generate", "team.pem"]) == 0
    return capsys.readouterr().out.split()[-1]


def test_generate(image: Path, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = image.parent
    assert (folder / "team.pem.pub").read_text() == f"{key}\n"
    if os.name != "nt":
        assert (folder / "team.pem").stat().st_mode & 0o777 == 0o600
    before = (folder / "team.pem").read_bytes()
    assert main(["sign", "--generate", "team.pem"]) == 2
    assert "cannot write team.pem: File exists; name a new file" in capsys.readouterr().err
    assert (folder / "team.pem").read_bytes() == before
    # The public file is there: no private key is left without one.
    (folder / "team2.pem.pub").touch()
    assert main(["sign", "--generate", "team2.pem"]) == 2
    assert not (folder / "team2.pem").exists()


@pytest.mark.parametrize("name", ["s.pkgimage.so", "s.pki"])
def test_sign(image: Path, key: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sign", name, "--key", "team.pem"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "signed s.sig"
    header = image.with_name("s.pki")
    for trusted in (key, str(image.parent / "team.pem.pub")):
        guard = Guard.of({"PKGIMAGE_TRUSTED_KEYS": trusted, "PKGIMAGE_TRUST": "anyone"})
        assert guard.before_decoding(header, header.read_bytes()) is None
        assert guard.before_decoding(header, header.read_bytes() + b"x") is not None


def test_json(image: Path, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sign", "s.pki", "--key", "team.pem", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {
        "format": 1,
        "command": "sign",
        "public_key": key,
        "generated": None,
        "signed": ["s.pki"],
    }


def test_only_what_belongs_together_is_signed(
    image: Path, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    image.write_bytes(b"other")
    assert main(["sign", "s.pki", "--key", "team.pem"]) == 2
    assert "expected SHA-256" in capsys.readouterr().err
    image.unlink()
    assert main(["sign", "s.pki", "--key", "team.pem"]) == 2
    assert "expected the library of s.pki" in capsys.readouterr().err
    image.with_name("s.pki").write_bytes(b"damaged")
    assert main(["sign", "s.pki", "--key", "team.pem"]) == 2
    assert "build the image again" in capsys.readouterr().err
    assert not image.with_name("s.sig").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "expected images and --key FILE"),
        (["s.pki"], "expected images and --key FILE"),
        (["--key", "team.pem"], "expected images and --key FILE"),
        (["s.pki", "--generate", "x"], "makes a key and does nothing else"),
        (["s.pki", "--key", "none.pem"], "none.pem: expected a file that can be read"),
        (["s.pki", "--key", "s.pki"], "s.pki: expected a private key of Ed25519 as PEM"),
        (["t.pki", "--key", "team.pem"], "t.pki: expected a file that can be read"),
    ],
)
def test_mistakes(
    image: Path, key: str, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(["sign", *words]) == 2
    assert said in capsys.readouterr().err
    assert not image.with_name("s.sig").exists()


def test_a_second_signer_is_added(image: Path, key: str) -> None:
    assert main(["sign", "--generate", "other.pem"]) == 0
    for name in ("team.pem", "other.pem", "team.pem"):
        assert main(["sign", "s.pki", "--key", name]) == 0
    assert len(signing.parse(image.with_name("s.sig").read_bytes())) == 2
