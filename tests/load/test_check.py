"""The loader's checks, one by one and in order, on headers made for the purpose."""

import hashlib
import os
import time

import pytest
from packageimage.load.check import Candidate, Session, examine, preference_mismatch
from packageimage.load.seen import Seen
from packageimage.model.base_image import BaseImage
from packageimage.model.cpu_selection import HostCPU, TargetRecord
from packageimage.model.flags import CacheFlags
from packageimage.model.header import Header, Include, Require, encode, encode_sidecar
from packageimage.model.rejection import Rejection

BASE = BaseImage("cpython-311", "0.68.1", "0.50.0", "", "2.4.6")
SOURCE = b"FACTOR = 2\n"
IMAGE = b"\x7fELF not really"
TARGETS = (
    TargetRecord("generic", "x86-64", ("sse2",), 128),
    TargetRecord("haswell", "haswell", ("avx2", "sse2"), 256),
)
HEADER = Header(
    package="pkg",
    build_id="0" * 64,
    capture="c" * 64,
    base=BASE,
    platform="linux-x86_64",
    flags=CacheFlags(opt_level=2),
    targets=TARGETS,
    partitions=(1,),
    slots=(),
    preferences=(("NUMBA_LLVM_REFPRUNE_PASS", ""),),
)
INCLUDES = (Include("pkg", "pkg/a.py", len(SOURCE), hashlib.sha256(SOURCE).hexdigest()),)
SESSION = Session(
    "linux-x86_64", BASE, CacheFlags(opt_level=2), HostCPU("skylake", frozenset({"avx2", "sse2"}))
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_LLVM_REFPRUNE_PASS", raising=False)
    (tmp_path / "src" / "pkg").mkdir(parents=True)
    (tmp_path / "src" / "pkg" / "a.py").write_bytes(SOURCE)
    (tmp_path / "depot" / "pkg").mkdir(parents=True)
    return tmp_path


def look(place, header=HEADER, session=SESSION, image=IMAGE, root="src", includes=INCLUDES):
    files = place / "depot" / "pkg" / "x.pki", place / "depot" / "pkg" / "x.pkgimage.so"
    digest = hashlib.sha256(IMAGE).hexdigest()
    files[0].write_bytes(encode_sidecar(encode(header), len(IMAGE), digest, includes))
    files[1].write_bytes(image)
    found = place / root if root else None
    return examine(*files, session, lambda package: found if package == "pkg" else None)


def test_fits(place):
    verdict = look(place)
    assert isinstance(verdict, Candidate)
    assert verdict.selection.index == 1
    assert verdict.rank == (False, 256, 2, 2)


def test_a_target_for_this_very_cpu_ranks_first(place):
    exact = look(place, session=SESSION.replace(host=SESSION.host.replace(name="haswell")))
    assert exact.rank > look(place).rank


OTHER_SOURCE = (INCLUDES[0].replace(sha256="1" * 64),)


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"header": HEADER.replace(package="other")}, "header", "other"),
        ({"header": HEADER.replace(platform="macos-arm64")}, "platform", "macos-arm64"),
        (
            {"session": SESSION.replace(base=BASE.replace(numba="0.67.0"))},
            "base-image",
            "numba: image has 0.68.1, session has 0.67.0",
        ),
        (
            {"session": SESSION.replace(base=BASE.replace(python_abi="cpython-312"))},
            "base-image",
            "cpython-312",
        ),
        (
            {"session": SESSION.replace(flags=CacheFlags(opt_level=3))},
            "flags",
            "session asks for at least 3",
        ),
        (
            {"session": SESSION.replace(flags=CacheFlags(debug_level=1, opt_level=2))},
            "flags",
            "debug-level",
        ),
        (
            {"session": SESSION.replace(host=HostCPU("486", frozenset()))},
            "cpu-target",
            "486 lacks",
        ),
        (
            {"session": SESSION.replace(forced_target="znver4")},
            "cpu-target",
            "no target is called 'znver4'",
        ),
        ({"includes": OTHER_SOURCE}, "include-changed", "pkg/a.py"),
        ({"root": None}, "include-missing", "package pkg"),
        ({"root": "elsewhere"}, "include-missing", "pkg/a.py"),
        (
            {"header": HEADER.replace(preferences=(("PATH", "nowhere"),))},
            "preferences",
            "PATH='nowhere'",
        ),
        ({"image": IMAGE + b"x"}, "image-size", f"{len(IMAGE) + 1} bytes"),
        ({"image": b"x" * len(IMAGE)}, "checksum", hashlib.sha256(IMAGE).hexdigest()[:16]),
    ],
)
def test_rejections(place, changes, kind, said):
    verdict = look(place, **changes)
    assert isinstance(verdict, Rejection)
    assert verdict.kind.value == kind
    assert said in str(verdict)
    assert "\n" not in str(verdict)


OTHER = HEADER.replace(package="other", capture="d" * 64)
REQUIRING = HEADER.replace(requires=(Require("other", "d" * 64),))


@pytest.mark.parametrize(
    ("found", "includes", "said"),
    [
        (OTHER, INCLUDES, None),
        (OTHER.replace(targets=(), platform="macos-arm64"), INCLUDES, None),
        (None, (), "no image of it"),
        (OTHER.replace(capture="e" * 64), INCLUDES, "capture eeeeeeeeeeeeeeee"),
        (OTHER.replace(package="another"), INCLUDES, "no image of it"),
        (OTHER.replace(base=BASE.replace(numba="0.67.0")), INCLUDES, "no image of it"),
        (OTHER, OTHER_SOURCE, "pkg/a.py as built: other content"),
    ],
)
def test_a_required_package_must_be_as_it_was(place, found, includes, said):
    look(place, header=REQUIRING)
    headers = [place / "absent.pki", place / "damaged.pki"]
    headers[1].write_bytes(b"PKGIMGHD")
    if found is not None:
        headers.append(place / "other.pki")
        headers[2].write_bytes(encode_sidecar(encode(found), 1, "0" * 64, includes))
    folder = place / "depot" / "pkg"
    verdict = examine(
        folder / "x.pki",
        folder / "x.pkgimage.so",
        SESSION,
        lambda package: place / "src",
        lambda package: headers if package == "other" else [],
    )
    if said is None:
        assert isinstance(verdict, Candidate)
    else:
        assert (verdict.kind.value, said in str(verdict)) == ("requires", True), verdict
        assert "other as in its capture dddddddddddddddd" in str(verdict)


def test_the_cheapest_reason_comes_first(place):
    """An image that misfits in every way is rejected for its platform, unopened."""
    verdict = look(
        place,
        header=HEADER.replace(platform="windows-x86_64"),
        includes=OTHER_SOURCE,
        image=b"",
        session=SESSION.replace(flags=CacheFlags(inline=False)),
    )
    assert verdict.kind.value == "platform"


def test_missing_files(place):
    verdict = look(place)
    verdict.path.unlink()
    header = verdict.path.with_name("x.pki")
    again = examine(header, verdict.path, SESSION, lambda package: place / "src")
    assert again.kind.value == "image-missing"
    header.unlink()
    again = examine(header, verdict.path, SESSION, lambda package: place / "src")
    assert again.kind.value == "cannot-open"


@pytest.mark.parametrize(
    ("environ", "mismatch"),
    [
        ({}, False),
        ({"NUMBA_LLVM_REFPRUNE_PASS": ""}, False),
        ({"NUMBA_LLVM_REFPRUNE_PASS": "0"}, True),
    ],
)
def test_preferences(environ, mismatch):
    assert (preference_mismatch(HEADER, environ) is not None) == mismatch


class Answers:
    """Stands for what was read before: paths that are asked for, and what they are said to hold."""

    def __init__(self):
        self.asked = []

    def content(self, path, size, sha256):
        self.asked.append(os.path.basename(path))
        return size, sha256


def test_what_was_seen_before_is_not_read(place):
    """Sources, those of a required package and the library: of none is more read than its name."""
    look(place, header=REQUIRING)
    (place / "other.pki").write_bytes(encode_sidecar(encode(OTHER), 1, "0" * 64, INCLUDES))
    (place / "src" / "pkg" / "a.py").unlink()
    (place / "depot" / "pkg" / "x.pkgimage.so").unlink()
    seen = Answers()
    verdict = examine(
        place / "depot" / "pkg" / "x.pki",
        place / "depot" / "pkg" / "x.pkgimage.so",
        SESSION,
        lambda package: place / "src",
        lambda package: [place / "other.pki"],
        seen,
    )
    assert isinstance(verdict, Candidate)
    assert seen.asked == ["a.py", "a.py", "x.pkgimage.so"]


def test_files_that_change_after_they_were_seen_are_rejected(place):
    def verdict():
        seen = Seen(str(place / "memo.json"), clock=lambda: time.time_ns() + 60_000_000_000)
        files = place / "depot" / "pkg" / "x.pki", place / "depot" / "pkg" / "x.pkgimage.so"
        found = examine(*files, SESSION, lambda package: place / "src", seen=seen)
        seen.save()
        return found

    look(place)
    assert isinstance(verdict(), Candidate)
    assert isinstance(verdict(), Candidate)
    time.sleep(0.02)
    (place / "depot" / "pkg" / "x.pkgimage.so").write_bytes(IMAGE.upper())
    assert verdict().kind.value == "checksum"
    (place / "src" / "pkg" / "a.py").write_bytes(SOURCE.lower())
    assert verdict().kind.value == "include-changed"
