"""Memos: what is read back, and whose are not believed."""

import json
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageimage.load import memo

posix = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")


@pytest.fixture
def file(tmp_path):
    return memo.file_for("kind", "key", {"XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)})


def test_what_is_written_is_read(file):
    assert memo.read(file) == {}
    memo.write(file, {"a": [1, "\udcff"]})
    assert memo.read(file) == {"a": [1, "\udcff"]}
    assert len(os.listdir(os.path.dirname(file))) == 1


def test_names(tmp_path):
    home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    names = {memo.file_for("seen", "a", home, spread=f"pod-{n}") for n in range(2000)}
    assert 200 < len(names) <= 256
    assert memo.file_for("seen", "a", home) != memo.file_for("seen", "b", home)
    # No name below a folder that an attacker's key chooses.
    assert os.path.dirname(memo.file_for("seen", "../../x", home)).endswith("seen")


@posix
def test_without_a_home_folder_there_is_none():
    assert memo.file_for("seen", "a", {"HOME": "nowhere"}) is None


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"9" * 5000, b"1"])
def test_what_is_no_object_is_nothing(file, data):
    memo.write(file, {})
    with open(file, "wb") as output:
        output.write(data)
    assert memo.read(file) == {}


@given(st.binary())
def test_any_bytes(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(data)
    path.chmod(0o600)
    assert isinstance(memo.read(str(path)), dict)


def test_one_that_is_too_large_is_nothing(file):
    memo.write(file, {"a": "x" * (1 << 22)})
    assert not os.path.exists(file)
    memo.write(file, {})
    with open(file, "w") as output:
        json.dump({"a": "x" * (1 << 22)}, output)
    assert memo.read(file) == {}


@posix
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_one_that_others_can_write_is_nothing(file, mode):
    memo.write(file, {"a": 1})
    os.chmod(file, mode)
    assert memo.read(file) == {}
    memo.write(file, {"a": 2})
    assert memo.read(file) == {"a": 2}


@posix
def test_one_of_another_user_is_nothing(file, monkeypatch):
    memo.write(file, {"a": 1})
    other = os.path.join(os.path.dirname(os.path.dirname(file)), "other", "x.json")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert memo.read(file) == {}
    memo.write(file, {"a": 2})  # not in another user's folder
    memo.write(other, {"a": 2})  # nor a folder in it
    monkeypatch.undo()
    assert memo.read(file) == {"a": 1}
    assert not os.path.exists(os.path.dirname(other))


@posix
def test_a_cache_folder_that_a_group_can_write_will_do(file):
    folder = os.path.dirname(file)
    os.makedirs(folder)
    for path in (folder, os.path.dirname(folder)):
        os.chmod(path, 0o775)
    memo.write(file, {"a": 1})
    assert memo.read(file) == {"a": 1}


@posix
def test_links_pipes_and_folders_are_nothing(file, tmp_path):
    memo.write(file, {"a": 1})
    other = tmp_path / "other"
    os.rename(file, other)
    os.symlink(other, file)
    assert memo.read(file) == {}
    os.unlink(file)
    os.mkfifo(file, 0o600)
    assert memo.read(file) == {}
    os.unlink(file)
    os.mkdir(file)
    assert memo.read(file) == {}
    memo.write(file, {"a": 2})  # cannot, and says nothing
    assert os.listdir(os.path.dirname(file)) == [os.path.basename(file)]


def test_a_folder_that_cannot_be_made_costs_nothing(tmp_path):
    (tmp_path / "pkgimage").write_text("a file")
    memo.write(str(tmp_path / "pkgimage" / "seen" / "x.json"), {"a": 1})
    assert (tmp_path / "pkgimage").read_text() == "a file"


def test_writers_at_once_each_leave_a_whole_file(file):
    rows = [{"writer": n, "text": str(n) * 50_000} for n in range(4)]
    memo.write(file, rows[0])

    def write(row):
        for _ in range(20):
            memo.write(file, row)

    threads = [threading.Thread(target=write, args=(row,)) for row in rows]
    for thread in threads:
        thread.start()
    # Windows refuses to replace what is open here; the memo is then the one before.
    found = [memo.read(file) for _ in range(50)]
    for thread in threads:
        thread.join()
    assert all(value in rows for value in [*found, memo.read(file)])
    assert len(os.listdir(os.path.dirname(file))) == 1
