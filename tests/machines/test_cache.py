"""How machines are kept: each made once, whole or not at all."""

from __future__ import annotations

import threading
import time

import pytest

from machines import cache


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "machines"))
    return tmp_path / "machines"


def kept(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def test_once_for_each_recipe(folder):
    calls = []

    def make(target):
        calls.append(target)
        (target / "file").write_text("content")

    first = cache.made("machine", ("recipe", b"bytes"), make)
    assert cache.made("machine", ("recipe", b"bytes"), make) == first
    assert (first / "file").read_text() == "content"
    assert len(calls) == 1 and not calls[0].exists()
    assert cache.made("machine", ("recipeb", b"ytes"), make) != first
    assert len(kept(folder)) == 2


def test_nothing_is_left_of_a_failure(folder):
    def fail(target):
        (target / "half").touch()
        cache.run(["sh", "-c", "echo reason >&2; exit 3"])

    with pytest.raises(cache.PreparationError, match=r"exit code 3\nreason"):
        cache.made("machine", ("recipe",), fail)
    assert kept(folder) == []


def test_two_sessions_wait_for_each_other(folder):
    calls = []

    def make(target):
        calls.append(target)
        time.sleep(0.2)

    sessions = [threading.Thread(target=cache.made, args=("machine", (), make)) for _ in range(2)]
    for session in sessions:
        session.start()
    for session in sessions:
        session.join()
    assert len(calls) == 1


def test_a_missing_tool_says_what_to_install():
    with pytest.raises(cache.Unavailable, match=r"no-such-tool.*apt install some-package"):
        cache.tool("no-such-tool", "some-package", "/usr/lib/nowhere")


def test_a_lock_that_is_held(folder):
    lock = cache.root() / "lock"
    with cache.locked(lock, shared=True):
        with cache.locked(lock, shared=True, wait=False):
            pass
        with pytest.raises(BlockingIOError), cache.locked(lock, wait=False):
            pass
