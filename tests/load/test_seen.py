"""Files that were read before are not read again, unless anything at all has happened to them."""

import hashlib
import json
import os
import time

import pytest
from packageimage.load import machine
from packageimage.load.seen import READ_ALL, Seen, seen_of
from packageimage.model.errors import PackageImageError

DATA = b"some content\n"
SIZE = len(DATA)
SECOND = 1_000_000_000
LATER = 60 * SECOND


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Place:
    """A file, a memo, and the processes that ask; `reads` counts how often a file was read."""

    def __init__(self, folder, monkeypatch):
        self.memo = str(folder / "cache" / "memo.json")
        self.file = folder / "file"
        self.file.write_bytes(DATA)
        self.subject, self.run, self.reads = "images", "run 1", 0
        self.digest = hashlib.file_digest
        monkeypatch.setattr(hashlib, "file_digest", self._count)

    def _count(self, file, name):
        self.reads += 1
        return self.digest(file, name)

    def look(self, later=LATER, size=SIZE, expected=DATA, file=None):
        """Size and hash, in a process that comes `later` and keeps what it finds out."""
        file = self.file if file is None else file
        seen = Seen(self.memo, self.subject, self.run, lambda: time.time_ns() + later)
        answer = seen.content(str(file), size, sha256(expected))
        seen.save()
        return answer

    def rows(self):
        try:
            with open(self.memo) as file:
                return json.load(file)["files"]
        except FileNotFoundError:
            return None


@pytest.fixture
def place(tmp_path, monkeypatch):
    return Place(tmp_path, monkeypatch)


def test_a_known_file_is_not_read(place):
    assert [place.look(), place.look(), place.reads] == [(len(DATA), sha256(DATA))] * 2 + [1]


def test_a_file_of_another_size_is_not_read(place):
    assert place.look(size=len(DATA) + 1) == (len(DATA), "")
    assert (place.rows(), place.reads) == (None, 0)


def test_a_rejection_is_never_from_memory(place):
    place.look()
    for _ in range(2):
        assert place.look(expected=b"another") == (len(DATA), sha256(DATA))
    assert place.reads == 3


def written_in_place(place):
    place.file.write_bytes(DATA.upper())


def written_with_the_time_set_back(place):
    before = place.file.stat()
    place.file.write_bytes(DATA.upper())
    os.utime(place.file, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced_with_the_time_set_back(place):
    before = place.file.stat()
    other = place.file.with_name("other")
    other.write_bytes(DATA.upper())
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(other, place.file)


def written_through_a_hard_link(place):
    other = place.file.with_name("other")
    os.link(place.file, other)
    other.write_bytes(DATA.upper())


def replaced_by_a_link(place):
    other = place.file.with_name("other")
    other.write_bytes(DATA.upper())
    place.file.unlink()
    place.file.symlink_to(other)


def written_through_a_mapping(place):
    import mmap

    with open(place.file, "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[:] = DATA.upper()


@pytest.mark.skipif(os.name != "posix", reason="times of change")
@pytest.mark.parametrize(
    "change",
    [
        written_in_place, written_with_the_time_set_back, replaced_with_the_time_set_back,
        written_through_a_hard_link, replaced_by_a_link, written_through_a_mapping,
    ],
)  # fmt: skip
def test_whatever_changes_a_file_makes_it_read_again(place, change):
    place.look()
    time.sleep(0.02)  # a tick of the file system's clock, for the 2 s of a real process
    change(place)
    assert place.look() == (len(DATA), sha256(DATA.upper()))
    assert place.reads == 2
    assert place.look(expected=DATA.upper()) == (len(DATA), sha256(DATA.upper()))
    assert place.reads == 2


@pytest.mark.parametrize(
    ("later", "kept"),
    [
        (0, False),  # a second write in the same tick would leave the times as they are
        (SECOND, False),
        (3 * SECOND, True),
        (-LATER, False),  # from the future
    ],
)
def test_what_has_changed_just_now_is_not_remembered(place, later, kept):
    place.look(later=later)
    assert (place.rows() is not None) == kept


def test_a_write_time_from_the_future_is_not_remembered(place):
    future = time.time_ns() + 10 * LATER
    os.utime(place.file, ns=(future, future))
    place.look()
    assert place.rows() is None


def test_what_changes_while_it_is_read_is_not_remembered(place, monkeypatch):
    def digest(file, name):
        found = place.digest(file, name)
        place.file.write_bytes(DATA.upper())
        return found

    monkeypatch.setattr(hashlib, "file_digest", digest)
    time.sleep(0.02)
    place.look()
    assert place.rows() is None


@pytest.mark.parametrize("changes", [{"run": "run 2"}, {"subject": "others"}])
def test_another_run_of_the_machine_or_subject_knows_nothing(place, changes):
    place.look()
    vars(place).update(changes)
    assert place.look() == (len(DATA), sha256(DATA))
    assert place.reads == 2


ROW = [1, 2, 3, 4, 5, "0" * 64]


@pytest.mark.parametrize(
    "files",
    [
        None, [], "x", {"f": None}, {"f": []}, {"f": ROW[:5]}, {"f": [*ROW, 1]},
        {"f": [*ROW[:5], "0"]}, {"f": [*ROW[:5], None]}, {"f": [True, *ROW[1:]]},
        {"f": [1.0, *ROW[1:]]},
    ],
)  # fmt: skip
def test_a_memo_of_another_form_counts_for_nothing(place, files):
    place.look()
    with open(place.memo) as file:
        fields = json.load(file)
    rows = fields["files"]  # the rest is right
    fields["files"] = {**rows, **files} if isinstance(files, dict) else files
    with open(place.memo, "w") as file:
        json.dump(fields, file)
    assert place.look() == (len(DATA), sha256(DATA))
    assert place.reads == 2


def test_files_that_are_as_they_were_stay_in_the_memo(place):
    others = [place.file.with_name(name) for name in ("kept", "changed", "removed")]
    for other in others:
        other.write_bytes(DATA)
        place.look(file=other)
    others[1].write_bytes(b"yy")
    others[2].unlink()
    place.look()
    assert sorted(place.rows()) == sorted([str(place.file), str(others[0])])


def test_nothing_new_writes_nothing(place):
    place.look()
    before = os.stat(place.memo)
    place.look()
    assert os.stat(place.memo) == before


def test_what_is_no_file_is_an_error(tmp_path):
    with pytest.raises(OSError, match="not a file"):
        READ_ALL.content(str(tmp_path), tmp_path.stat().st_size, "")
    with pytest.raises(FileNotFoundError):
        READ_ALL.content(str(tmp_path / "absent"), 0, "")
    if os.name == "posix":
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="not a file"):
            READ_ALL.content(str(tmp_path / "pipe"), 0, "")


def test_the_depot_is_left_alone(tmp_path):
    depot, cache = tmp_path / "depot", tmp_path / "cache"
    depot.mkdir()
    (depot / "image").write_bytes(DATA)
    past = time.time_ns() - LATER
    os.utime(depot / "image", ns=(past, past))
    before = sorted(os.listdir(depot)), os.stat(depot), os.stat(depot / "image").st_mtime_ns
    home = {"XDG_CACHE_HOME": str(cache), "HOME": str(cache), "LOCALAPPDATA": str(cache)}
    seen = seen_of(str(depot), home)
    seen._clock = lambda: time.time_ns() + LATER
    answer = seen.content(str(depot / "image"), len(DATA), sha256(DATA))
    assert answer == (len(DATA), sha256(DATA))
    seen.save()
    after = sorted(os.listdir(depot)), os.stat(depot), os.stat(depot / "image").st_mtime_ns
    assert after[0] == before[0] and after[1].st_mtime_ns == before[1].st_mtime_ns
    assert after[2] == before[2]
    assert [len(files) for _, _, files in os.walk(cache) if files] == [1]


@pytest.mark.parametrize("value", ["always", " Always "])
def test_always(tmp_path, value):
    assert seen_of(str(tmp_path), {"PKGIMAGE_VERIFY": value}) is READ_ALL


@pytest.mark.parametrize("value", ["", "once"])
def test_once(tmp_path, value):
    environ = {"PKGIMAGE_VERIFY": value, "HOME": str(tmp_path)}
    assert seen_of(str(tmp_path), environ) is not READ_ALL


def test_a_setting_that_is_none():
    with pytest.raises(PackageImageError, match="once or always, found 'never'"):
        seen_of(".", {"PKGIMAGE_VERIFY": "never"})


def test_this_run_of_the_machine_has_one_name():
    assert machine.boot_id() == machine.boot_id()
    assert machine.boot_id("plan9") == ""
