"""A remembered verdict is what all checks would say now, or it is not taken."""

from __future__ import annotations

import marshal
import os
import shutil
import sys
import time
from collections.abc import Callable
from importlib.util import source_hash
from pathlib import Path

import numba
import packageimage
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_build import PACKAGES, build, run_plain, run_with_images
from packageimage import use_log
from packageimage.load import check, groups, machine, remembering, seen, verdicts
from packageimage.load import session as session_module
from packageimage.load.image import Opening
from packageimage.load.session import Session
from packageimage.load.verdicts import Verdict
from packageimage.model import flags
from packageimage.model.flags import CacheFlags
from packageimage.model.header import decode_sidecar, encode, encode_sidecar
from packageimage.model.rejection import Rejection

pytestmark = pytest.mark.skipif(os.name != "posix", reason="nothing is remembered on Windows")
SECOND = 10**9


class Place:
    """A copy of the package `tiny` and its image."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, patch
        self.source, self.depot = folder / "src", folder / "depot"
        self.environ = {"HOME": str(folder)}
        patch.setenv("HOME", str(folder))
        patch.delitem(sys.modules, "tiny", raising=False)
        patch.syspath_prepend(str(self.source))

    @property
    def headers(self) -> list[Path]:
        return sorted(self.depot.glob("*/tiny/*.pki"))

    @property
    def header(self) -> Path:
        return self.headers[-1]

    @property
    def image(self) -> Path:
        return self.header.with_suffix(".pkgimage.so")

    def session(self) -> Session:
        return Session(self.environ, [self.depot])

    def checked(self) -> Opening | Rejection:
        """What all checks say; what they find is remembered."""
        session = self.session()
        rejections: list[Rejection] = []
        fitting = session.examination.fitting("tiny", rejections)
        if not fitting:
            return rejections[0]
        session.examination.remember("tiny", fitting[0], rejections, seen.time.time_ns())
        return fitting[0].opening

    def recalled(self) -> Opening | None:
        return Verdict(self.headers, self.environ).recall()

    def memos(self) -> list[Path]:
        return list(self.folder.glob(".cache/pkgimage/verdicts/*"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verdicts")
    shutil.copytree(PACKAGES / "tiny", folder / "src" / "tiny")
    build(
        folder, folder / "depot", "tiny", PACKAGES / "tiny_workload.py", folder / "src",
        "--cpu-targets", "generic;x86-64-v2;native", "--preference", "TINYS_MODE",
    )  # fmt: skip
    return folder


@pytest.fixture
def place(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name in ("src", "depot"):
        shutil.copytree(built / name, tmp_path / name)
    # A minute later: what was copied is old enough to be remembered.
    now = time.time_ns
    monkeypatch.setattr(seen.time, "time_ns", lambda: now() + 60 * SECOND)
    monkeypatch.setattr(
        seen.Seen.__init__, "__defaults__", (None, "", "", lambda: now() + 60 * SECOND)
    )
    monkeypatch.delenv("TINYS_MODE", raising=False)
    return Place(tmp_path, monkeypatch)


def edit(path: Path, old: str, new: str) -> None:
    """Change a file and keep its size and the time of its last write."""
    before = path.stat()
    text = path.read_text()
    assert old in text and len(old) == len(new)
    path.write_text(text.replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def other_package_first(place: Place) -> None:
    (place.folder / "first" / "tiny").mkdir(parents=True)
    (place.folder / "first" / "tiny" / "__init__.py").write_text("")
    place.patch.syspath_prepend(str(place.folder / "first"))


def link_to_another_source(place: Place) -> None:
    """The package's folder becomes a link, and that is led elsewhere."""
    shutil.copytree(place.source / "tiny", place.folder / "other")
    edit(place.folder / "other" / "constants.py", "2.5", "3.5")
    shutil.rmtree(place.source / "tiny")
    (place.source / "tiny").symlink_to(place.folder / "other")


def link_to_another_name(place: Place) -> None:
    """The same files, where the checks look for them by another name."""
    (place.source / "tiny").unlink()
    (place.source / "tiny").symlink_to(place.folder / "second" / "tinier")


def link_the_depot(place: Place) -> None:
    """The depot's folder becomes a link to a depot that others can write."""
    place.depot.rename(place.folder / "real")
    (place.folder / "real").chmod(0o777)
    place.depot.symlink_to(place.folder / "real")


def rewrite_header(place: Place) -> None:
    old = decode_sidecar(place.header.read_bytes())
    place.header.write_bytes(
        encode_sidecar(old.encoded, old.image_size + 1, old.image_sha256, old.includes)
    )


CHANGES: dict[str, Callable[[Place], object]] = {
    "a source": lambda p: edit(p.source / "tiny" / "constants.py", "2.5", "3.5"),
    "a source less": lambda p: (p.source / "tiny" / "constants.py").unlink(),
    "the library": lambda p: flip(p.image),
    "no library": lambda p: p.image.unlink(),
    "the header": rewrite_header,
    "no header": lambda p: (p.patch.setattr(Place, "headers", p.headers), p.header.unlink()),
    "a setting": lambda p: p.environ.update(PKGIMAGE_FLAGS="inline=no"),
    "a setting of Numba": lambda p: p.environ.update(NUMBA_BOUNDSCHECK="1"),
    "another CPU target": lambda p: p.environ.update(PKGIMAGE_CPU="generic"),
    "a CPU target that there is not": lambda p: p.environ.update(PKGIMAGE_CPU="nehalem"),
    "a preference": lambda p: p.patch.setenv("TINYS_MODE", "fast"),
    "no memory is wanted": lambda p: p.environ.update(PKGIMAGE_VERIFY="always"),
    "keys": lambda p: p.environ.update(PKGIMAGE_TRUSTED_KEYS="A" * 43 + "="),
    "another Numba": lambda p: p.patch.setattr(numba, "__version__", "0.99.0"),
    "no Numba": lambda p: p.patch.setitem(sys.modules, "numba", None),
    "no run of the machine": lambda p: p.patch.setattr(machine, "boot_id", lambda: ""),
    "another CPU": lambda p: p.patch.setattr(
        machine, "cpu_identity", lambda arch, same_run: "another"
    ),
    "a CPU that LLVM has to tell": lambda p: p.patch.setattr(
        machine, "cpu_identity", lambda arch, same_run: None
    ),
    "a start of the machine": lambda p: p.patch.setattr(machine, "boot_id", lambda: "another"),
    "another machine": lambda p: p.patch.setattr(machine, "name", lambda: "another"),
    "another Python": lambda p: p.patch.setattr(sys, "version", "another"),
    "others can write the library": lambda p: p.image.chmod(0o666),
    "others can write the header": lambda p: p.header.chmod(0o646),
    "a group can write the depot": lambda p: p.depot.chmod(0o775),
    "others can write a folder above": lambda p: p.folder.chmod(0o777),
    "a link to others' depot": link_the_depot,
    "a package that is found first": other_package_first,
    "no package": lambda p: p.patch.setattr(sys, "path", []),
    "a link to other sources": link_to_another_source,
    "another home": lambda p: p.patch.setenv("HOME", str(p.depot)),
}
SAME = {
    "nothing": lambda p: None,
    "a new module": lambda p: (p.source / "tiny" / "more.py").write_text(""),
    "the mode": lambda p: p.environ.update(PKGIMAGE="strict", PKGIMAGE_LOG="loading"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_checked(place, change):
    before = place.checked()
    assert place.recalled().row == before.row
    time.sleep(0.02)  # a tick of the file system's clock, for the 2 s of a real process
    CHANGES[change](place)
    assert place.recalled() is None


def test_a_link_to_the_same_files_by_another_name(place):
    (place.folder / "first").mkdir()
    (place.source / "tiny").rename(place.folder / "first" / "tiny")
    (place.source / "tiny").symlink_to(place.folder / "first" / "tiny")
    names = {"copy_function": os.link}
    shutil.copytree(place.folder / "first" / "tiny", place.folder / "second" / "tinier", **names)
    place.checked()
    assert place.recalled() is not None
    link_to_another_name(place)
    assert place.recalled() is None
    assert isinstance(place.checked(), Rejection)


@pytest.mark.parametrize("change", SAME)
def test_what_has_not_is_recalled(place, change):
    before = place.checked()
    SAME[change](place)
    assert place.recalled().row == before.row
    assert place.recalled().encoded is None  # what was opened is known to be what was checked


def test_a_rule_that_was_edited(place, tmp_path):
    """Another release of this project may judge otherwise."""
    package = shutil.copytree(Path(packageimage.__file__).parent, tmp_path / "packageimage")
    place.patch.setattr(verdicts, "_PACKAGE", str(package))
    place.patch.setattr(verdicts, "own_rules", verdicts.rules())
    place.checked()
    assert place.recalled() is not None
    for name in verdicts._RULES:
        (package / name).touch()
        before = place.recalled()
        for memo in place.memos():
            memo.unlink()
        place.checked()  # by the rules of before
        assert place.memos() == [], name
        place.patch.setattr(verdicts, "own_rules", verdicts.rules())  # another process
        assert place.recalled() is None
        place.checked()
        assert before is not None and place.recalled() is not None


def test_rules_that_are_in_no_files(place):
    place.patch.setattr(verdicts, "_PACKAGE", str(place.folder / "archive.zip"))
    place.patch.setattr(verdicts, "own_rules", verdicts.rules())
    place.checked()
    assert place.memos() == []


@pytest.mark.parametrize("setting", ["NUMBA_BOUNDSCHECK=1", "PKGIMAGE_CPU=generic"])
def test_settings_are_those_of_the_session(place, setting):
    """A program may change its environment after images are enabled."""
    name, _, value = setting.partition("=")
    session = place.session()
    place.environ[name] = value
    session.load("tiny")
    assert session.loaded["tiny"].encoded is not None  # by the settings of before
    assert place.recalled() is None
    session = place.session()
    del place.environ[name]
    assert place.recalled() is not None
    if setting.startswith("NUMBA"):
        with pytest.warns(UserWarning, match="session asks for yes"):
            session.load("tiny")
        assert session.loaded == {}
    else:
        session.load("tiny")
        assert session.loaded["tiny"].spec == "generic"


def test_a_depot_by_a_relative_path(place):
    """What is opened is what was checked, from whatever folder."""
    place.patch.chdir(place.folder)
    session = Session(place.environ, [Path("depot")])
    (found,) = session.examine("tiny")
    session.examination.remember("tiny", found, [], seen.time.time_ns())
    elsewhere = place.folder / "elsewhere"
    shutil.copytree(place.depot, elsewhere / "depot")
    flip(elsewhere / place.image.relative_to(place.folder))
    place.patch.chdir(elsewhere)
    assert place.recalled().path == str(place.image)


def test_a_use_is_noted_again_after_half_an_hour(place):
    """Of a remembered image: by the time at which the verdict was last written."""
    place.checked()
    (memo,) = place.memos()
    place.session().load("tiny")
    assert use_log.last_use(place.header, place.environ) is None  # noted by who made the checks
    before = time.time() - 1900
    os.utime(memo, (before, before))
    place.session().load("tiny")
    noted = use_log.last_use(place.header, place.environ)
    assert noted is not None
    assert noted > before + 1800
    assert memo.stat().st_mtime > before + 1800
    use_log.forget(place.header, place.environ)
    place.session().load("tiny")
    assert use_log.last_use(place.header, place.environ) is None


def test_a_use_is_noted_of_the_header(place):
    hidden = place.folder / ".pkgimage"
    place.depot.rename(hidden)
    place.depot = hidden
    session = place.session()
    session.load("tiny")
    assert use_log.last_use(place.header, place.environ) is not None
    assert place.recalled() is not None  # and the image remembered


def test_any_bit(place):
    place.checked()
    verdict = Verdict(place.headers, place.environ)
    file = Path(verdict.file)
    data = file.read_bytes()
    for at in range(0, len(data), 7):
        file.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
        assert verdict.recall() is None, at
    file.write_bytes(data[:-1])
    assert verdict.recall() is None
    file.write_bytes(data)
    assert verdict.recall() is not None


NOT_PLAIN: dict[str, Callable[[Place], object]] = {
    "files that are young": lambda p: p.patch.setattr(
        seen.time, "time_ns", lambda: p.header.stat().st_ctime_ns
    ),
    "trust in a folder": lambda p: p.environ.update(PKGIMAGE_TRUST=str(p.folder)),
    "trust in anyone": lambda p: p.environ.update(PKGIMAGE_TRUST="anyone"),
    "no memory": lambda p: p.environ.update(PKGIMAGE_VERIFY="always"),
    "a CPU that LLVM has to tell": lambda p: p.patch.setattr(
        machine, "cpu_identity", lambda arch, same_run: None
    ),
    "a version that is not in its file": lambda p: p.patch.setattr(
        remembering, "version_in", lambda package, path: None
    ),
    "no home": lambda p: p.environ.update(HOME="nowhere"),
}


@pytest.mark.parametrize("change", NOT_PLAIN)
def test_what_is_not_plain_is_not_remembered(place, change):
    NOT_PLAIN[change](place)
    place.checked()
    assert place.memos() == []


def test_a_group_that_can_write(place):
    """With a umask of 002 folders are their owner's group's, which is asked about every time."""
    place.depot.chmod(0o775)
    private = [True]
    place.patch.setattr(groups, "is_private", lambda path, owner, group: private[0])
    place.checked()
    assert place.recalled() is not None
    private[0] = False
    assert place.recalled() is None
    assert "that group" in str(place.checked())


def test_a_rejection_is_not_remembered(place):
    place.environ["PKGIMAGE_CPU"] = "nehalem"
    assert isinstance(place.checked(), Rejection)
    assert place.memos() == []


def another_image(place: Place, **fields: object) -> Path:
    """Another image beside the first, before it in order, with another header; its header."""
    header = place.header.with_name("0" * 16 + ".pki")
    shutil.copy2(place.image, header.with_suffix(".pkgimage.so"))
    old = decode_sidecar(place.header.read_bytes())
    changed = encode(old.header.replace(**fields)) if fields else old.encoded
    header.write_bytes(encode_sidecar(changed, old.image_size, old.image_sha256, old.includes))
    return header


def test_one_of_several_images(place):
    """As after an upgrade of Numba: the images for the version before are still there."""
    another_image(place, flags=CacheFlags(opt_level=0))
    before = place.checked()
    assert before.path == str(place.image)
    assert place.recalled().row == before.row
    session = place.session()
    session.load("tiny")
    (rejection,) = session.rejections
    assert rejection == next(
        each for each in place.session().examine("tiny") if isinstance(each, Rejection)
    )
    assert rejection.kind.value == "flags"


@pytest.mark.parametrize(
    "change",
    [
        lambda other: other.unlink(),
        lambda other: other.touch(),
        lambda other: shutil.copy(other, other.with_name("1" * 16 + ".pki")),
    ],
    ids=["one less", "another", "one more"],
)
def test_another_image_that_changes(place, change):
    other = another_image(place, flags=CacheFlags(opt_level=0))
    place.checked()
    time.sleep(0.02)
    change(other)
    assert place.recalled() is None


def test_a_rejection_that_may_end(place):
    """The other image's library is damaged: mended, it would be as good."""
    other = another_image(place)
    flip(other.with_suffix(".pkgimage.so"))
    place.checked()
    assert place.memos() == []


def test_of_two_that_fit_the_first(place):
    other = another_image(place)
    assert place.checked().path == place.recalled().path == str(other.with_suffix(".pkgimage.so"))


def test_a_library_that_is_replaced_while_it_is_opened(place):
    place.checked()
    verdict = Verdict(place.headers, place.environ)
    assert verdict.recall() is not None
    assert verdict.still()
    flip(place.image)
    assert not verdict.still()


def test_no_check_is_made(place, monkeypatch):
    place.checked()
    monkeypatch.setattr(check, "examine", lambda *given: pytest.fail("was checked"))
    noted = []
    monkeypatch.setattr("packageimage.load.session.note", lambda kind, **fields: noted.append(kind))
    monkeypatch.setattr("packageimage.load.session.logs", True)
    session = place.session()
    session.load("tiny")
    assert noted[-2:] == ["unchanged", "loaded"]
    assert session.loaded["tiny"].spec == place.recalled().spec != ""
    assert session.rejections == []


def test_what_cannot_be_opened_is_checked(place, monkeypatch):
    place.checked()
    opened = []

    class Image:
        def __init__(self, opening, is_right):
            opened.append(opening.encoded is None)
            raise OSError("no memory")

    from packageimage.load import image

    monkeypatch.setattr(image, "Image", Image)
    session = place.session()
    with pytest.warns(UserWarning, match="tiny: load: expected an image that can be opened"):
        session.load("tiny")
    assert opened == [True, False]
    assert [each.kind.value for each in session.rejections] == ["load"]


@given(st.data())
def test_any_bytes(built, tmp_path_factory, data):
    """A memo that is damaged is as good as none."""
    home = tmp_path_factory.getbasetemp() / "any"
    (header,) = built.glob("depot/*/tiny/*.pki")
    verdict = Verdict([header], {"HOME": str(home)})
    file = Path(verdict.file)
    file.parent.mkdir(parents=True, exist_ok=True)
    whole = verdict.whole()
    sealed = data.draw(st.booleans())
    value = data.draw(
        st.one_of(
            st.nothing() if sealed else st.binary(),
            st.recursive(
                st.none() | st.integers(0, 9) | st.text(max_size=3),
                lambda inner: st.lists(inner, max_size=6).map(tuple),
            ).map(marshal.dumps),
            st.lists(st.tuples(), max_size=7).map(
                lambda found: marshal.dumps((whole, tuple(found), (), ()))
            ),
        )
    )
    file.write_bytes(source_hash(value) + value if sealed else value)
    file.chmod(0o600)
    assert verdict.recall() is None


@pytest.mark.slow
def test_programs_run_from_it(built, tmp_path):
    """Real processes, two seconds later; then the source changes, which bytecode would hide."""
    for name in ("src", "depot"):
        shutil.copytree(built / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    program, source = PACKAGES / "tiny_workload.py", tmp_path / "src"
    time.sleep(2.1)
    quiet = {"PYTHONDONTWRITEBYTECODE": "1"}
    plain = run_plain(tmp_path / "plain", program, source, **quiet)
    first = run_with_images(tmp_path / "home", tmp_path / "depot", program, source, **quiet)
    kept = [path.name for path in tmp_path.rglob("verdicts/*")]
    second = run_with_images(tmp_path / "home", tmp_path / "depot", program, source, **quiet)
    assert len(kept) == 1
    assert first.output == second.output == plain
    for name in ("answered", "loaded", "targets", "rejections", "compiled"):
        assert first.seen[name] == second.seen[name], name
    edit(tmp_path / "src" / "tiny" / "constants.py", "2.5", "3.5")
    third = run_with_images(tmp_path / "home", tmp_path / "depot", program, source, **quiet)
    assert [kind for kind, _ in third.seen["rejections"]] == ["include-changed"]
    assert third.output != plain
    assert third.output == run_plain(tmp_path / "plain", program, source, **quiet)


def test_the_modes_of_a_session_are_those_of_the_flags():
    assert sorted(session_module._MODES) == sorted(flags.MODES)
