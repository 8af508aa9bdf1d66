"""SHA-256 is SHA-256, whoever computes it."""

import hashlib
import subprocess
import sys
from pathlib import Path

import packageimage
import pytest
from packageimage.model import digest

LIBRARY = Path(packageimage.__file__).parents[1]
DATA = [b"", b"abc", b"x" * 100_000, b"y" * (1 << 20)]


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("own", [True, False])
def test_sha256(data, loaded, own, monkeypatch):
    if not loaded:
        monkeypatch.delitem(sys.modules, "hashlib")
    if not own:
        monkeypatch.setattr(digest, "_cpythons", lambda: None)
    assert digest.sha256(data).hexdigest() == hashlib.sha256(data).hexdigest()


def test_openssl_is_not_loaded_for_little():
    program = (
        f"import sys; sys.path.insert(0, {str(LIBRARY)!r}); from packageimage.model import digest; "
        "print(digest.sha256(b'abc').hexdigest(), 'hashlib' in sys.modules, digest._cpythons())"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True)
    found, loaded, own = done.stdout.decode().split(maxsplit=2)
    assert found == hashlib.sha256(b"abc").hexdigest()
    assert loaded == ("True" if own.strip() == "None" else "False")
