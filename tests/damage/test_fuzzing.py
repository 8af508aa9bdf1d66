"""Damaged images: each is rejected with a reason, or it is the right one all the same."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import edited_package
import pytest
from damaged import Case, Files, Published, case, image_files
from forked import Programs
from image_build import run_plain, run_restored, run_with_images
from packageimage.load import check, installed
from packageimage.load.check import Candidate, examine
from packageimage.load.host import host_cpu
from packageimage.load.seen import READ_ALL, Seen
from packageimage.model.flags import CacheFlags
from packageimage.model.header import decode_sidecar
from packageimage.model.platform import host_platform
from packageimage.model.rejection import RejectionKind

SEED = 20240611


@pytest.fixture(scope="module")
def session() -> check.Session:
    platform = host_platform()
    return check.Session(
        platform.name, installed.base_image(), CacheFlags(), host_cpu(platform.arch)
    )


class Target:
    """A place for damaged files, and the loader's verdict on them."""

    def __init__(self, folder: Path, published: Published, session: check.Session) -> None:
        self.package = folder / "0" / edited_package.PACKAGE
        self.package.mkdir(parents=True)
        self.files = self.package / "x.pki", self.package / "x.pkgimage.so"
        self.source = published.home / "src"
        self.published, self.session = published, session

    def root_of(self, package: str) -> Path | None:
        return self.source if package == edited_package.PACKAGE else None

    def verdict(self, files: Files | None = None, seen: Seen = READ_ALL):
        if files is not None:
            files.write(*self.files)
        return examine(*self.files, self.session, self.root_of, seen=seen)

    def check(self, found: Case, seen: Seen = READ_ALL) -> str:
        """The kind of rejection, or "" when the image may be opened. AssertionError for more."""
        verdict = self.verdict(found.files, seen)
        if isinstance(verdict, Candidate):
            assert is_right(found, verdict, self.published), found.name
            return ""
        text = str(verdict)
        assert verdict.expected or verdict.found, (found.name, text)
        assert text.startswith(f"{edited_package.PACKAGE}: {verdict.kind.value}: "), found.name
        assert text.isprintable(), (found.name, text)
        return verdict.kind.value


def is_right(found: Case, verdict: Candidate, published: Published) -> bool:
    """Whether an image that would be opened is one that was published, or is seen to be none by
    the header inside it."""
    files = found.files
    genuine = [published.files(name) for name in published.depots]
    if files in genuine:
        return True
    # No byte of the library has changed. Its own header is another one, or the trailer says in
    # other words what it said.
    return files.library in [each.library for each in genuine] and (
        verdict.sidecar.encoded not in files.library
        or verdict.sidecar.includes == decode_sidecar(genuine[0].header).includes
    )


def fuzz(tmp_path, published, session, numbers) -> dict[str, int]:
    target = Target(tmp_path, published, session)
    kinds: dict[str, int] = {}
    for number in numbers:
        kind = target.check(case(number, SEED, published))
        kinds[kind] = kinds.get(kind, 0) + 1
    return kinds


# All that damage alone can lead to. The rest needs another session or another source.
DAMAGED = {"header", "cannot-open", "image-missing", "image-size", "checksum"}


def test_2000_damaged_images(tmp_path, published, session):
    kinds = fuzz(tmp_path, published, session, range(2_000))
    assert set(kinds) >= DAMAGED
    assert kinds.get("", 0) < 60, kinds  # those with an unlucky number: the same bytes again


@pytest.mark.slow
def test_20000_damaged_images(tmp_path, published, session):
    kinds = fuzz(tmp_path, published, session, range(2_000, 22_000))
    # With wrong values and right checksums every check has something to say.
    assert set(kinds) >= {*DAMAGED, "platform", "base-image", "include-missing"}


ODD_FILES = {
    "a pipe": (lambda path: os.mkfifo(path), "not a file"),
    "a folder": (lambda path: path.mkdir(), "not a file"),
    "a link to itself": (lambda path: path.symlink_to(path), "symbolic links"),
    "a link to nothing": (lambda path: path.symlink_to("none"), "No such file"),
    "a link to a device": (lambda path: path.symlink_to("/dev/zero"), "not a file"),
    "a file of a terabyte": (lambda path: _sparse(path, 1 << 40), "too large"),
    "a file that cannot be read": (
        lambda path: path.symlink_to("/proc/self/mem"),
        "Input/output error",
    ),
}


def _sparse(path: Path, size: int) -> None:
    with open(path, "wb") as file:
        file.truncate(size)


@pytest.mark.skipif(sys.platform != "linux", reason="what other systems have no names for")
@pytest.mark.parametrize("name", ODD_FILES)
def test_a_header_that_is(tmp_path, published, session, name):
    make, said = ODD_FILES[name]
    target = Target(tmp_path, published, session)
    published.files("restored").write(*target.files)
    target.files[0].unlink()
    make(target.files[0])
    verdict = target.verdict()
    assert verdict.kind is RejectionKind.CANNOT_OPEN
    assert said in verdict.found


@pytest.mark.skipif(sys.platform != "linux", reason="what other systems have no names for")
@pytest.mark.parametrize("name", ODD_FILES)
def test_a_library_that_is(tmp_path, published, session, name):
    target = Target(tmp_path, published, session)
    published.files("restored").write(*target.files)
    target.files[1].unlink()
    ODD_FILES[name][0](target.files[1])
    kinds = (RejectionKind.CANNOT_OPEN, RejectionKind.IMAGE_SIZE, RejectionKind.IMAGE_MISSING)
    assert target.verdict().kind in kinds


# -- what was verified before --------------------------------------------------------------------


class Warm:
    """A target whose files the memo knows."""

    def __init__(self, target: Target, memo: Path) -> None:
        self.target, self.memo = target, memo
        self.files = target.published.files("restored")
        assert isinstance(target.verdict(self.files, self.seen()), Candidate)
        # The second look is from memory: what is not the user's own counts as changed.
        assert set(self.rows()) >= {str(target.files[1])}

    def seen(self) -> Seen:
        return Seen(str(self.memo), clock=lambda: time.time_ns() + 60_000_000_000)

    def rows(self) -> dict:
        seen = self.seen()
        self.target.verdict(seen=seen)
        seen.save()
        return json.loads(self.memo.read_text())["files"]


@pytest.mark.skipif(os.name != "posix", reason="times of change")
@pytest.mark.parametrize("set_back", [False, True])
def test_what_was_verified_before_hides_no_damage(tmp_path, published, session, set_back):
    """Bytes flipped in place; the time of the write set back as well, which ctime tells."""
    warm = Warm(Target(tmp_path, published, session), tmp_path / "memo.json")
    _, library = warm.target.files
    data = warm.files.library
    for number in range(100):
        # The file is as it was, and remembered so.
        assert isinstance(warm.target.verdict(seen=warm.seen()), Candidate)
        warm.rows()
        before = library.stat()
        place = number * len(data) // 100
        with open(library, "r+b") as file:
            file.seek(place)
            file.write(bytes([data[place] ^ 1 << number % 8]))
        if set_back:
            os.utime(library, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert _moved(library, before), "the file system's clock has not ticked"
        assert warm.target.verdict(seen=warm.seen()).kind is RejectionKind.CHECKSUM
        with open(library, "r+b") as file:
            file.seek(place)
            file.write(data[place : place + 1])


def _moved(path: Path, before: os.stat_result) -> bool:
    """Wait for the clock that stamps files: a real memo only knows what is 2 s old."""
    for _ in range(100):
        found = path.stat()
        if found.st_ctime_ns != before.st_ctime_ns:
            return True
        time.sleep(0.002)
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    return False


@pytest.mark.skipif(os.name != "posix", reason="times of change")
def test_a_process_that_relies_on_an_earlier_one(tmp_path, published, depot):
    """End to end, with the memo of a real session."""
    home, program = tmp_path / "home", published.home / "program.py"
    home.mkdir()
    _, library = image_files(depot)
    time.sleep(max(0.0, 2.1 - (time.time() - library.stat().st_ctime)))
    seen = run_restored(home, depot, program, published.home / "src")
    assert (seen.output, seen.seen["rejections"]) == ("1 1\n", [])
    (memo,) = home.glob(".cache/pkgimage/seen/*.json")
    assert str(library) in json.loads(memo.read_text())["files"]
    before, data = library.stat(), bytearray(library.read_bytes())
    data[len(data) // 2] ^= 1
    with open(library, "r+b") as file:
        file.write(data)
    os.utime(library, ns=(before.st_atime_ns, before.st_mtime_ns))
    seen = run_restored(home, depot, program, published.home / "src")
    assert (seen.output, [kind for kind, _ in seen.seen["rejections"]]) == ("1 1\n", ["checksum"])


# -- whole programs --------------------------------------------------------------------------------


def run_all(tmp_path, published, numbers) -> list[str]:
    """Each damaged image in a process of its own: the program ends well, with the right output."""
    output = run_plain(tmp_path, published.home / "program.py", published.home / "src")
    kinds = []
    with Programs(tmp_path, published.home / "src", published.home / "program.py") as programs:
        for number in numbers:
            found = case(number, SEED, published)
            depot = tmp_path / f"depot-{number}"
            folder = depot / "0" / edited_package.PACKAGE
            folder.mkdir(parents=True)
            found.files.write(folder / "x.pki", folder / "x.pkgimage.so")
            # With Numba there already, and without.
            seen = programs.run(depot, with_numba=number % 20 != 0)
            assert (seen.output, seen.code) == (output, 0), (found.name, seen)
            kinds += seen.rejections
    return kinds


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_programs_on_50_damaged_images(tmp_path, published):
    kinds = run_all(tmp_path, published, range(100_000, 100_050))
    assert set(kinds) >= {"header", "checksum"}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_programs_on_300_damaged_images(tmp_path, published):
    kinds = run_all(tmp_path, published, range(100_000, 100_300))
    assert set(kinds) >= {"header", "image-size", "checksum"}


@pytest.mark.parametrize("depot", ["attached", "restored"], indirect=True)
@pytest.mark.parametrize("number", range(2))
def test_a_fresh_program(tmp_path, published, depot, number):
    """A process that no other one was forked from."""
    found = case(200_000 + number, SEED, published)
    found.files.write(*image_files(depot))
    program, source = published.home / "program.py", published.home / "src"
    seen = run_with_images(published.home, depot, program, source)
    assert (seen.output, seen.returncode) == ("1 1\n", 0), seen.error
    assert len(seen.seen["rejections"]) == 1
