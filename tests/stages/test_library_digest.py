"""The digest of a linked library: what it vouches for, and what it finds out."""

from __future__ import annotations

import errno
import hashlib
import json
import os

import pytest
from packageimage.model.errors import PackageImageError
from packageimage.stages import digest
from packageimage.stages.digest import LARGE, checked_sha256, digest_written

SIZES = [0, 5, LARGE - 1, LARGE, LARGE + 1]


@pytest.fixture
def paths(tmp_path):
    return tmp_path / "k.linked.so", tmp_path / "k.linked.so.digest"


def write(paths, content):
    library, said = paths
    new = library.with_name("new")
    new.write_bytes(content)
    with digest_written(said, new):
        assert not said.exists()
        os.replace(new, library)


@pytest.mark.parametrize("size", SIZES)
def test_size_and_hash(paths, size):
    content = os.urandom(size)
    write(paths, content)
    library, said = paths
    sha256 = hashlib.sha256(content).hexdigest()
    assert json.loads(said.read_bytes()) == {"sha256": sha256, "size": size}
    assert checked_sha256(content, library, said) == sha256
    assert checked_sha256(content, library, None) == sha256
    assert said.stat().st_mtime_ns == library.stat().st_mtime_ns
    assert sorted(os.listdir(library.parent)) == [library.name, said.name]


@pytest.mark.parametrize("size", [5, LARGE])
def test_a_library_that_was_written_to(paths, size):
    content = bytes(size)
    write(paths, content)
    library, said = paths
    os.utime(library)
    assert checked_sha256(content, library, said) == hashlib.sha256(content).hexdigest()
    changed = b"x" + content[1:]
    library.write_bytes(changed)
    with pytest.raises(PackageImageError, match=f"as it was linked .{size} bytes, SHA-256"):
        checked_sha256(changed, library, said)


def test_a_large_one_cut_short(paths):
    write(paths, bytes(LARGE + 1))
    library, said = paths
    before = library.stat().st_mtime_ns
    os.truncate(library, LARGE)
    os.utime(library, ns=(before, before))
    with pytest.raises(PackageImageError, match=f"found {LARGE} bytes"):
        checked_sha256(bytes(LARGE), library, said)


def test_a_large_one_with_damage_keeps_the_digest_that_tells(paths):
    """Time and size vouch for it; the header's checksum is then not the one of the damage."""
    content = bytes(LARGE)
    write(paths, content)
    library, said = paths
    assert checked_sha256(b"x" + content[1:], library, said) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"sha256": "00", "size": 1}', '{"sha256": 1, "size": 1}',
             '{"sha256": "' + "0" * 64 + '", "size": "1"}', '{"sha256": "' + "z" * 64 + '"}'],
)  # fmt: skip
def test_a_digest_that_cannot_be_read(paths, text):
    write(paths, b"library")
    library, said = paths
    said.write_text(text)
    with pytest.raises(PackageImageError, match="expected a digest as the link stage writes it"):
        checked_sha256(b"library", library, said)


def test_a_disk_that_fails_while_it_is_hashed(paths, monkeypatch):
    def fsync(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(digest.os, "fsync", fsync)
    with pytest.raises(OSError, match="No space left"):
        write(paths, bytes(LARGE))
    assert os.listdir(paths[0].parent) == ["new"]
