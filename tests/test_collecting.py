"""What leaves a depot and what stays, beside readers and publishers that know nothing of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from packageimage import collecting
from packageimage.collecting import DAY, YOUNG, Budgets, Stored, choose, collect, is_leftover
from packageimage.locks import held
from packageimage.model import header as headers
from packageimage.model.base_image import BaseImage
from packageimage.model.flags import CacheFlags
from packageimage.model.header import Header
from packageimage.publishing import lock_of
from packageimage.use_log import forget, last_use, note_use

NOW = 2_000_000_000.0
BASE = "0123456789abcdef"


def stored(name: str, days: float, size: int = 10, platform: str = "linux-x86_64") -> Stored:
    package, _, slug = name.partition("/")
    return Stored(Path(package, f"{slug}.pki"), platform, size, NOW - days * DAY)


IMAGES = [stored("k/a", 5), stored("k/b", 1), stored("k/c", 100), stored("m/d", 50, 30)]


@pytest.mark.parametrize(
    ("budgets", "gone"),
    [
        (Budgets(), ""),
        (Budgets(days=90), "c"),
        (Budgets(days=3), "cda"),
        (Budgets(days=0), "cdab"),
        (Budgets(variants=2), "c"),
        (Budgets(variants=1), "ca"),
        (Budgets(variants=0), "cdab"),
        (Budgets(size=60), ""),
        (Budgets(size=59), "c"),
        # The large one goes; there is room for the small one behind it.
        (Budgets(size=30), "d"),
        (Budgets(size=20), "cd"),
        (Budgets(size=0), "cdab"),
        (Budgets(size=50, variants=2, days=60), "c"),
    ],
)
def test_choose(budgets: Budgets, gone: str) -> None:
    chosen = choose(IMAGES, budgets, NOW)
    assert "".join(image.header.stem for image, _ in chosen) == gone
    assert choose(IMAGES[::-1], budgets, NOW) == chosen


def test_platforms_are_counted_apart() -> None:
    images = [stored("k/a", 1), stored("k/b", 2, platform="macos-arm64")]
    assert choose(images, Budgets(variants=1), NOW) == []


def test_young_images_stay_and_count() -> None:
    young = stored("k/a", 0.5 * YOUNG / DAY)
    other = stored("k/b", 2)
    for budgets in (Budgets(variants=0), Budgets(size=0), Budgets(days=0)):
        assert [image for image, _ in choose([young, other], budgets, NOW)] == [other]
    # A clock that was in the future when an image was published removes nothing.
    assert choose([stored("k/a", -3)], Budgets(variants=0, days=0, size=0), NOW) == []


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("s.pki", False),
        ("s.pkgimage.so", False),
        ("s.sig", False),
        ("t.pkgimage.so", True),
        ("t.pkgimage.dylib", True),
        ("t.pkgimage.dylib.dSYM", True),
        ("t.sig", True),
        ("s-1.sig", True),
        (".s.pki.0123.tmp", True),
        (".s.lock", True),
        (".s.lock.owner", True),
        (".s.lock.file", True),
        (".nfs0000", False),
        ("README", False),
    ],
)
def test_leftovers(name: str, is_one: bool) -> None:
    assert is_leftover(name, {"s.pki", name}) is is_one


class Depot:
    """Images of made-up content, each file of a given age."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "depot"
        self.environ = {
            "HOME": str(folder), "XDG_CACHE_HOME": str(folder), "LOCALAPPDATA": str(folder)
        }  # fmt: skip

    def add(self, package: str, slug: str, days: float, *suffixes: str) -> Path:
        folder = self.path / BASE / package
        folder.mkdir(parents=True, exist_ok=True)
        for suffix in suffixes or (".pki", ".pkgimage.so"):
            path = folder / (slug + suffix)
            path.write_bytes(b"x" * 10)
            os.utime(path, (NOW - days * DAY, NOW - days * DAY))
        return folder / f"{slug}.pki"

    def collect(self, budgets: Budgets | None = None, **options: object) -> collecting.Collected:
        return collect(self.path, budgets or Budgets(), self.environ, NOW, **options)  # type: ignore[arg-type]

    @property
    def files(self) -> list[str]:
        return sorted(p.relative_to(self.path).as_posix() for p in self.path.rglob("*"))


@pytest.fixture
def depot(tmp_path: Path) -> Depot:
    return Depot(tmp_path)


def test_what_was_used_stays(depot: Depot) -> None:
    used = depot.add("k", "used", 200)
    read = depot.add("k", "read", 200)
    depot.add("k", "unused", 200, ".pki", ".pkgimage.so", ".sig")
    note_use(used, depot.environ, NOW - 3 * DAY)
    library = read.with_name("read.pkgimage.so")
    os.utime(library, (NOW - 2 * DAY, NOW - 200 * DAY))
    done = depot.collect(Budgets(days=90))
    assert [(image.header.stem, why) for image, why in done.removed] == [
        ("unused", "not used for 200 days")
    ]
    assert done.removed[0][0].size == 30
    assert sorted(image.header.stem for image in done.kept) == ["read", "used"]
    assert [name for name in depot.files if "unused" in name] == []
    assert len(depot.files) == 2 + 4


def test_a_dry_run_changes_nothing(depot: Depot) -> None:
    depot.add("k", "s", 200)
    depot.add("k", ".t.tmp", 200, "")
    before = depot.files
    done = depot.collect(Budgets(days=90), dry_run=True)
    assert (len(done.removed), len(done.leftovers), len(done.kept)) == (1, 1, 0)
    assert depot.files == before


def test_what_dead_builds_left_goes_after_a_day(depot: Depot) -> None:
    depot.add("k", "s", 0.5)
    for name in (".s.pki.01.tmp", ".s.lock", "t.pkgimage.so"):
        depot.add("k", name, 0.9, "")
    assert depot.collect().leftovers == []
    for name in (".s.pki.01.tmp", ".s.lock", "t.pkgimage.so"):
        depot.add("k", name, 1.1, "")
    symbols = depot.path / BASE / "k" / "t.pkgimage.dylib.dSYM"
    (symbols / "Contents").mkdir(parents=True)
    os.utime(symbols, (NOW - 2 * DAY, NOW - 2 * DAY))
    assert len(depot.collect().leftovers) == 4
    assert depot.files == [BASE, f"{BASE}/k", f"{BASE}/k/s.pkgimage.so", f"{BASE}/k/s.pki"]


def test_what_a_build_is_writing_stays_whatever_the_clock_says(depot: Depot) -> None:
    """The clock of a depot on another machine, or this one's, may be days off."""
    header = depot.add("p", "a", days=0)
    new = header.with_name(".b.pki.0123456789abcdef.tmp")
    with held(lock_of(header.with_name("b.pki")), "test"):
        new.write_bytes(b"")
        for path in header.parent.iterdir():
            os.utime(path, (NOW - 2 * DAY, NOW - 2 * DAY))
        assert depot.collect().leftovers == []
        assert new.exists()
    assert [path.name for path, _ in depot.collect().leftovers] == [new.name]


def test_empty_folders_go_when_nobody_is_about_to_fill_them(depot: Depot) -> None:
    folder = depot.path / BASE / "k"
    folder.mkdir(parents=True)
    for path in (folder.parent, folder):
        os.utime(path, (NOW, NOW))
    depot.collect()
    assert folder.exists()
    for path in (folder, folder.parent):
        os.utime(path, (NOW - DAY, NOW - DAY))
    depot.collect()
    assert not folder.exists()


def test_other_things_in_a_cache_stay(depot: Depot) -> None:
    """The user's cache is a depot and has other folders."""
    for name in ("build/k-0123/.old.tmp", "uses/x.sig", f"{BASE}/not-a-package/x.sig", "x.sig"):
        path = depot.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (NOW - 99 * DAY, NOW - 99 * DAY))
    before = depot.files
    depot.collect(Budgets(days=0, variants=0, size=0))
    assert depot.files == before


@pytest.mark.skipif(os.name == "nt", reason="making links takes rights there")
def test_links_are_not_followed(depot: Depot, tmp_path: Path) -> None:
    header = depot.add("k", "s", 200)
    elsewhere = tmp_path / "elsewhere"
    header.parent.rename(elsewhere)
    header.parent.symlink_to(elsewhere, target_is_directory=True)
    done = depot.collect(Budgets(days=0, variants=0, size=0))
    assert (done.removed, done.leftovers) == ([], [])
    assert len(os.listdir(elsewhere)) == 2


def test_an_image_that_a_process_has_open_stays_whole(depot: Depot) -> None:
    header = depot.add("k", "s", 200)
    before = depot.files
    done = depot.collect(Budgets(days=1), is_in_use=lambda path: path.suffix == ".so")
    assert done.skipped == [(header, "a process uses it")]
    assert (done.removed, len(done.kept), depot.files) == ([], 1, before)


@pytest.mark.parametrize("replaced", ["s.pki", "s.pkgimage.so"])
def test_what_is_published_meanwhile_stays(
    depot: Depot, monkeypatch: pytest.MonkeyPatch, replaced: str
) -> None:
    """A publisher replaces a file after it was judged: at the last moment there is."""
    header = depot.add("k", "s", 200)
    path = header.with_name(replaced)
    rename = os.rename

    def renamed(source: Path, target: Path) -> None:
        if source == path:
            new = path.with_name("new")
            new.write_bytes(b"published")
            os.replace(new, path)
        rename(source, target)

    monkeypatch.setattr(collecting.os, "rename", renamed)
    done = depot.collect(Budgets(days=1))
    assert done.removed == []
    assert done.skipped == [(path, "published just now")]
    assert path.read_bytes() == b"published"
    assert [name for name in depot.files if name.endswith(".tmp")] == []


def test_used_meanwhile(depot: Depot) -> None:
    header = depot.add("k", "s", 200)

    def asked(path: Path) -> bool:
        note_use(header, depot.environ, NOW)
        return False

    done = depot.collect(Budgets(days=1), is_in_use=asked)
    assert done.skipped == [(header, "used just now")]
    assert header.exists()


def test_a_file_that_cannot_be_removed(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    header = depot.add("k", "s", 200)

    def refusing(source: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied", str(source))

    before = depot.files
    monkeypatch.setattr(collecting.os, "rename", refusing)
    done = depot.collect(Budgets(days=1))
    assert done.skipped == [(header, "Permission denied")]
    assert depot.files == before


def test_headers_are_read_for_their_platform(depot: Depot) -> None:
    base = BaseImage("cpython-311", "0.68.1", "0.50.0", "22.1.0", "2.4.6", 1)
    header = Header("k", "0" * 64, "0" * 64, base, "macos-arm64", CacheFlags(), (), (1,), ())
    path = depot.add("k", "s", 1)
    path.write_bytes(headers.encode_sidecar(headers.encode(header), 10, "0" * 64))
    depot.add("k", "damaged", 1)
    kept = {image.header.stem: image.platform for image in depot.collect().kept}
    assert kept == {"s": "macos-arm64", "damaged": ""}


def test_no_depot(depot: Depot) -> None:
    done = depot.collect(Budgets(days=1))
    assert (done.removed, done.kept, done.skipped) == ([], [], [])
    assert not depot.path.exists()


def test_the_use_log(depot: Depot) -> None:
    header = depot.add("k", "s", 200)
    before = os.stat(header.parent).st_mtime_ns
    assert last_use(header, depot.environ) is None
    note_use(header, depot.environ, NOW)
    assert last_use(header, depot.environ) == NOW
    # Within an hour nothing is written.
    note_use(header, depot.environ, NOW + 1000)
    assert last_use(header, depot.environ) == NOW
    note_use(header, depot.environ, NOW + 4000)
    assert last_use(header, depot.environ) == NOW + 4000
    # The clock was put back: what the log says is in the future.
    note_use(header, depot.environ, NOW)
    assert last_use(header, depot.environ) == NOW
    assert os.stat(header.parent).st_mtime_ns == before  # the depot is as it was
    forget(header, depot.environ)
    forget(header, depot.environ)
    assert last_use(header, depot.environ) is None


def test_the_use_log_never_fails(depot: Depot, tmp_path: Path) -> None:
    header = depot.add("k", "s", 200)
    (tmp_path / "file").touch()
    broken = {name: str(tmp_path / "file") for name in depot.environ}
    note_use(header, broken, NOW)
    assert last_use(header, broken) is None


def test_nothing_is_noted_of_a_depot_that_cannot_be_written(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = depot.add("k", "s", 200)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    note_use(header, depot.environ, NOW)
    assert last_use(header, depot.environ) is None
