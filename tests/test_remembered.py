"""Answers are kept while nothing that they came from has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from packageimage.remembered import remembered

OLD = 1_000_000_000


class Asked:
    """A question about a folder: what is in it. Counts how often it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.times = 0

    def __call__(self):
        self.times += 1
        names = sorted(path.name for path in self.folder.iterdir())
        return names, [str(self.folder), *(str(self.folder / name) for name in names), "/gone"]

    def now(self) -> list[str]:
        return remembered(["what is in it", str(self.folder)], self)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "one").write_text("1", encoding="utf-8")
    age(folder)
    return Asked(folder)


def age(folder: Path, time: int = OLD) -> None:
    """Give everything in it, and itself, a time long ago."""
    for path in [*folder.iterdir(), folder]:
        os.utime(path, (time, time))


def kept(asked: Asked) -> Path:
    (file,) = (asked.folder.parent / "cache/pkgimage/answers").iterdir()
    return file


def test_it_is_asked_once(asked: Asked) -> None:
    assert asked.now() == asked.now() == ["one"]
    assert asked.times == 1
    # Another question is another answer.
    assert remembered(["another"], lambda: ("yes", [])) == "yes"
    assert asked.now() == ["one"]
    assert asked.times == 1


CHANGES = {
    "a new file": lambda folder: (folder / "two").touch(),
    "a file less": lambda folder: (folder / "one").unlink(),
    "a time": lambda folder: os.utime(folder / "one", (OLD + 1, OLD + 1)),
    "a size": lambda folder: (folder / "one").write_text("22"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_asks_again(asked: Asked, change: str) -> None:
    asked.now()
    CHANGES[change](asked.folder)
    expected = sorted(path.name for path in asked.folder.iterdir())
    assert asked.now() == expected
    assert asked.times == 2
    age(asked.folder, OLD + 2)
    asked.now()
    assert asked.now() == expected
    assert asked.times == 3


def test_what_has_just_been_written_is_not_trusted(asked: Asked) -> None:
    os.utime(asked.folder / "one")
    asked.now()
    asked.now()
    assert asked.times == 2


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"question": 1}', b"\xff", b"null"])
def test_a_damaged_file_is_replaced(asked: Asked, damage: bytes) -> None:
    asked.now()
    file = kept(asked)
    whole = file.read_bytes()
    file.write_bytes(damage)
    assert asked.now() == ["one"]
    assert file.read_bytes() == whole


def test_an_answer_to_another_question_is_not_taken(asked: Asked) -> None:
    asked.now()
    file = kept(asked)
    file.write_bytes(file.read_bytes().replace(b"what is in it", b"what was in it"))
    asked.now()
    assert asked.times == 2


def test_without_a_folder_to_keep_it_in(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(asked.folder / "one"))
    assert asked.now() == asked.now() == ["one"]
    assert asked.times == 2
