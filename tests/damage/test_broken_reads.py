"""Disks that fail, and depots that go away or change while a session is looking at them."""

from __future__ import annotations

import errno
import io
import os
import shutil
import warnings
from pathlib import Path

import edited_package
import pytest
from damaged import Published, image_files
from packageimage import PackageImageWarning
from packageimage.load import check
from packageimage.load.session import Session


class Loading:
    """A session in this process, and what came of loading the package. Only for images that it
    ends up without: nothing of them must be left in this process."""

    def __init__(self, published: Published, depot: Path, tmp_path: Path) -> None:
        self.environ = {"HOME": str(tmp_path)}
        self.depot, self.header, self.library = depot, *image_files(depot)
        self.other = published.other

    def session(self) -> Session:
        return Session(self.environ, [self.depot])

    def load(self, made: Session | None = None) -> tuple[str, str]:
        """Kind and text of the rejection."""
        made = self.session() if made is None else made
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            made.load(edited_package.PACKAGE)
        assert made.loaded == {}
        (rejection,) = made.rejections
        assert [warning.category for warning in caught] == [PackageImageWarning]
        assert str(rejection) in str(caught[0].message)
        return rejection.kind.value, str(rejection)


@pytest.fixture
def loading(published, depot, tmp_path, monkeypatch) -> Loading:
    monkeypatch.syspath_prepend(str(published.home / "src"))
    return Loading(published, depot, tmp_path)


class FailingFile(io.FileIO):
    """A file whose sectors cannot be read."""

    def fail(self, *_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    read = readall = readinto = fail


@pytest.mark.parametrize(
    ("name", "kind"),
    [("header", "cannot-open"), ("library", "cannot-open"), ("second.py", "include-missing")],
)
def test_a_file_that_cannot_be_read(loading, monkeypatch, name, kind):
    path = {"header": loading.header, "library": loading.library}.get(name)
    opened = io.open

    def failing(file, *args, **kwargs):
        if str(file) == str(path) or os.path.basename(str(file)) == name:
            return FailingFile(file)
        return opened(file, *args, **kwargs)

    monkeypatch.setattr("builtins.open", failing)
    monkeypatch.setattr(io, "open", failing)
    found, text = loading.load()
    assert (found, "Input/output error" in text) == (kind, True), text


@pytest.mark.parametrize("call", ["stat", "listdir"])
def test_a_folder_that_cannot_be_read(loading, monkeypatch, call):
    """What there is cannot be told, so there are no images, or they cannot be looked at."""
    really = getattr(os, call)

    def failing(path, *args, **kwargs):
        if str(path).startswith(str(loading.depot)):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return really(path, *args, **kwargs)

    made = loading.session() if call == "stat" else None
    monkeypatch.setattr(os, call, failing)
    if made is None:
        made = loading.session()
        made.load(edited_package.PACKAGE)
        assert (made.loaded, made.rejections) == ({}, [])
    else:
        assert loading.load(made)[0] == "cannot-open"


def remove(loading: Loading) -> None:
    shutil.rmtree(loading.depot)


def remove_library(loading: Loading) -> None:
    loading.library.unlink()


def cut_library(loading: Loading) -> None:
    """In a new file: the old one may be mapped, where no process survives it."""
    data = loading.library.read_bytes()
    loading.library.unlink()
    loading.library.write_bytes(data[:100])


def publish_another(loading: Loading) -> None:
    for old, new in zip((loading.header, loading.library), image_files(loading.other), strict=True):
        old.unlink()
        shutil.copy(new, old)


def test_a_depot_that_goes_after_it_was_listed(loading):
    made = loading.session()
    remove(loading)
    assert loading.load(made)[0] == "cannot-open"


@pytest.mark.parametrize(
    ("change", "kind"), [(remove, "image-missing"), (remove_library, "image-missing")]
)
def test_between_header_and_library(loading, monkeypatch, change, kind):
    decode = check.decode_sidecar

    def changing(data: bytes):
        change(loading)
        return decode(data)

    monkeypatch.setattr(check, "decode_sidecar", changing)
    assert loading.load()[0] == kind


def test_another_image_between_header_and_library(loading, monkeypatch):
    """It is looked at anew: the other one is of other sources."""
    decode, calls = check.decode_sidecar, []

    def changing(data: bytes):
        if not calls:
            publish_another(loading)
        calls.append(data)
        return decode(data)

    monkeypatch.setattr(check, "decode_sidecar", changing)
    assert loading.load()[0] == "include-changed"
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (remove, "No such file"),
        (remove_library, "No such file"),
        (cut_library, ""),
        (publish_another, "the header inside it is not the one beside it"),
    ],
)
def test_between_checking_and_opening(loading, monkeypatch, change, said):
    examine = check.examine

    def changing(*args, **kwargs):
        verdict = examine(*args, **kwargs)
        assert isinstance(verdict, check.Candidate), verdict
        change(loading)
        return verdict

    monkeypatch.setattr(check, "examine", changing)
    kind, text = loading.load()
    assert kind == "load"
    assert os.name != "posix" or said in text


def test_a_session_without_its_base(loading, monkeypatch):
    """Numba is gone from the environment that the images were built for."""

    def missing():
        raise ModuleNotFoundError("No module named 'numba'", name="numba")

    monkeypatch.setattr("packageimage.load.installed.base_image", missing)
    kind, text = loading.load()
    assert (kind, "no module numba" in text) == ("base-image", True)
