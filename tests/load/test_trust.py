"""Who may have written an image, as a table; then with real owners and modes."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageimage.load import groups, trust, windows_acl
from packageimage.load.trust import (
    Guard,
    Place,
    Reader,
    judge,
    outside_owner,
    owners_of,
    public_keys,
    trusted_folders,
)
from packageimage.model.errors import PackageImageError
from packageimage.model.rejection import RejectionKind

LIBRARY = Path(__file__).resolve().parents[2] / "site_scons"
ME, OTHER, OUTSIDE = 1000, 1001, 65534
FILE, FOLDER = stat.S_IFREG, stat.S_IFDIR


@pytest.mark.parametrize(
    ("kind", "owner", "mode", "fits"),
    [
        (FILE, ME, 0o644, True),
        (FILE, 0, 0o755, True),
        (FILE, OTHER, 0o644, False),
        (FILE, ME, 0o646, False),
        (FILE, ME, 0o664, False),
        (FILE, 0, 0o666, False),
        (FILE, ME, 0o1666, False),  # the sticky bit protects names in a folder, not content
        (FOLDER, ME, 0o755, True),
        (FOLDER, 0, 0o755, True),
        (FOLDER, OTHER, 0o755, False),
        (FOLDER, ME, 0o775, False),
        (FOLDER, ME, 0o757, False),
        (FOLDER, 0, 0o1777, True),
        (FOLDER, ME, 0o1777, True),
        (FOLDER, OTHER, 0o1777, False),  # who owns it removes what he likes
        (FOLDER, OUTSIDE, 0o755, False),
        (stat.S_IFIFO, ME, 0o600, False),
        (stat.S_IFSOCK, ME, 0o600, False),
        (stat.S_IFLNK, ME, 0o777, False),
    ],
)
def test_judge(kind: int, owner: int, mode: int, fits: bool) -> None:
    place = Place("/p", owner, 50, kind | mode)
    assert (judge(place, Reader(ME)) == "") is fits
    assert judge(place, Reader(ME)).startswith("" if fits else "/p")


@pytest.mark.parametrize("kind", [FILE, FOLDER])
def test_a_private_group_may_write(kind: int) -> None:
    """What a umask of 002 leaves."""
    place = Place("/p", ME, ME, kind | 0o664)
    assert judge(place, Reader(ME, is_private=lambda place: place.group == ME)) == ""
    assert "group 1000" in judge(place, Reader(ME, is_private=lambda place: False))
    anybody = Place("/p", ME, ME, kind | 0o666)
    assert "anybody" in judge(anybody, Reader(ME, is_private=lambda place: True))


def test_administrators_of_macos() -> None:
    for group, fits in ((80, True), (0, True), (20, False)):
        place = Place("/usr/local/lib", ME, group, FOLDER | 0o775)
        assert (judge(place, Reader(ME, sys_platform="darwin")) == "") is fits
    assert judge(Place("/p", ME, 80, FOLDER | 0o775), Reader(ME, sys_platform="linux"))


def test_who_owns_the_package_may_own_its_image() -> None:
    place = Place("/p", OTHER, OTHER, FILE | 0o644)
    assert judge(place, Reader(ME, frozenset([OTHER]))) == ""
    assert judge(place, Reader(0, frozenset([OTHER]))) == ""
    assert judge(Place("/p", OTHER, 1, FILE | 0o646), Reader(ME, frozenset([OTHER])))


def test_outside_of_a_user_namespace() -> None:
    reader = Reader(ME, outside=OUTSIDE)
    assert judge(Place("/usr", OUTSIDE, OUTSIDE, FOLDER | 0o755), reader) == ""
    assert judge(Place("/usr", OUTSIDE, OUTSIDE, FOLDER | 0o757), reader)
    assert judge(Place("/usr/f", OUTSIDE, OUTSIDE, FILE | 0o644), reader)


@pytest.mark.parametrize(
    ("uid_map", "found"),
    [
        ("         0          0 4294967295\n", None),
        ("         0       1000          1\n", OUTSIDE),
        ("0 1000 1\n1 100000 65536\n", OUTSIDE),
        ("", OUTSIDE),
    ],
)
def test_outside_owner(uid_map: str, found: int | None) -> None:
    files = {"/proc/self/uid_map": uid_map, "/proc/sys/kernel/overflowuid": "65534\n"}
    assert outside_owner(files.__getitem__) == found


def test_no_proc() -> None:
    def missing(path: str) -> str:
        raise FileNotFoundError(path)

    assert outside_owner(missing) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        ("owner", ()),
        ("anyone", None),
        (" anyone ", None),
        ("/a" + os.pathsep + os.pathsep + "/b/../c/", ("/a", "/c")),
        ("owner" + os.pathsep + "/a", ("/a",)),
    ],
)
def test_trusted_folders(text: str, found: tuple[str, ...] | None) -> None:
    expected = found if found is None else tuple(map(os.path.realpath, found))
    assert trusted_folders(text) == expected


@pytest.mark.parametrize("text", ["a", "Anyone", "no", "anyone" + os.pathsep + "/a", "./d"])
def test_other_settings_are_mistakes(text: str) -> None:
    with pytest.raises(PackageImageError, match="PKGIMAGE_TRUST must be owner, anyone or"):
        Guard.of({"PKGIMAGE_TRUST": text})


# -- real files --------------------------------------------------------------------------------

needs_posix = pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
needs_root = pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="only root gives files to others"
)


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A header in a depot below home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    folder = tmp_path / "depot" / "base" / "kernels"
    folder.mkdir(parents=True)
    for path in (folder / "s.pki", folder / "s.so"):
        path.touch()
        path.chmod(0o644)
    for each in (folder, folder.parent, folder.parent.parent, tmp_path):
        each.chmod(0o755)
    return folder / "s.pki"


def found(path: Path, **options: frozenset[int]) -> str:
    refusal = Guard().before_reading(path, path.with_suffix(".so"), **options)
    if refusal is None:
        return ""
    assert refusal.kind is RejectionKind.UNTRUSTED
    assert "PKGIMAGE_TRUST" in refusal.advice
    return refusal.found


@needs_posix
@pytest.mark.parametrize("name", ["s.pki", "s.so", ".", "..", "../..", "../../.."])
@pytest.mark.parametrize("mode", [0o757, 0o777])
def test_each_part_of_the_path_counts(image: Path, name: str, mode: int) -> None:
    assert found(image) == ""
    part = Path(os.path.normpath(image.parent / name))
    part.chmod(mode)
    assert found(image) == f"{part.resolve()} that anybody can write (mode {mode:o})"


@needs_posix
def test_above_home_is_not_our_matter(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o757)
    assert "anybody" in found(image)
    monkeypatch.setenv("HOME", str(tmp_path / "depot"))
    assert found(image) == ""


@needs_posix
def test_a_sticky_folder(image: Path) -> None:
    image.parent.chmod(0o1777)
    assert found(image) == ""


@needs_posix
def test_links(image: Path, tmp_path: Path) -> None:
    stranger = tmp_path / "theirs"
    stranger.mkdir()
    target = stranger / "t.pki"
    target.touch()
    image.unlink()
    image.symlink_to(target)
    assert found(image) == ""
    stranger.chmod(0o757)
    assert str(stranger) in found(image)
    # The other way round: who can change a link decides what is read.
    stranger.chmod(0o755)
    (tmp_path / "link").symlink_to(image.parent, target_is_directory=True)
    assert found(tmp_path / "link" / image.name) == ""
    image.parent.chmod(0o757)
    assert "anybody" in found(image)


@needs_posix
def test_settings_let_others_write(image: Path, tmp_path: Path) -> None:
    image.chmod(0o666)
    for text, fits in (
        ("owner", False),
        ("anyone", True),
        (str(tmp_path / "depot"), True),
        (str(tmp_path / "dep"), False),
        (f"/nowhere{os.pathsep}{image}", True),
    ):
        refusal = Guard.of({"PKGIMAGE_TRUST": text}).before_reading(image)
        assert (refusal is None) is fits, text


@needs_posix
def test_what_is_missing_is_nobodys(image: Path) -> None:
    image.unlink()
    assert found(image) == ""
    assert found(image.parent / "no" / "such.pki") == ""


@needs_posix
def test_a_link_in_circles(image: Path) -> None:
    image.unlink()
    image.symlink_to(image)
    assert found(image) != ""


@needs_root
@pytest.mark.parametrize("name", ["s.pki", "s.so", "..", "../.."])
def test_another_owner(image: Path, name: str) -> None:
    part = Path(os.path.normpath(image.parent / name))
    os.chown(part, 54321, 54321)
    assert found(image) == f"{part.resolve()} of user 54321"
    assert found(image, owners=frozenset([54321])) == ""
    assert owners_of(part) == frozenset([54321])


@needs_root
def test_as_another_user(image: Path, tmp_path: Path) -> None:
    """A user takes what is his and root's, and not what a third one owns."""
    code = """
import os, sys
sys.path.insert(0, sys.argv[1])
from packageimage.load.trust import Guard
from packageimage.load import trust
import pwd, grp
os.chdir(sys.argv[2])
os.seteuid(int(sys.argv[3]))
refusal = Guard().before_reading(sys.argv[2] + "/s.pki")
print(refusal and refusal.found)
"""

    def asked(user: int) -> str:
        words = [sys.executable, "-c", code, str(LIBRARY), str(image.parent), str(user)]
        environ = {**os.environ, "HOME": str(tmp_path)}
        done = subprocess.run(words, env=environ, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    # pytest's own folders, of which there are more when its tests run in several processes.
    folders = [path for path in (tmp_path, *tmp_path.parents) if "pytest-" in str(path)]
    opened = [path for path in folders if path.stat().st_mode & 0o077 == 0]
    for path in opened:
        path.chmod(0o711)
    try:
        assert asked(54321) == "None"  # root's
        os.chown(image, 54321, 54321)
        assert asked(54321) == "None"
        assert asked(54322) == f"{image.resolve()} of user 54321"
        assert asked(0) == f"{image.resolve()} of user 54321"
    finally:
        for path in opened:
            path.chmod(0o700)


@needs_root
def test_groups_of_the_system(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import grp
    import pwd

    accounts = {54321: ("alice", 600), 54322: ("bob", 601)}
    members_of = {
        600: ("alice", []),
        601: ("users", []),
        602: ("alice", ["bob"]),
        603: ("staff", []),
    }

    class Row:
        def __init__(self, **fields: object) -> None:
            vars(self).update(fields)

    def account(uid: int) -> Row:
        name, gid = accounts[uid]
        return Row(pw_name=name, pw_gid=gid)

    def group(gid: int) -> Row:
        name, members = members_of[gid]
        return Row(gr_name=name, gr_mem=members)

    monkeypatch.setattr(pwd, "getpwuid", account)
    monkeypatch.setattr(grp, "getgrgid", group)

    def private(owner: int, group: int) -> bool:
        return groups.is_private(str(image), owner, group)

    assert private(54321, 600)
    assert not private(54321, 603)  # another group of hers
    assert not private(54322, 601)  # all users' group
    accounts[54321] = ("alice", 602)
    assert not private(54321, 602)  # has another member
    assert not private(1, 600)  # no such account
    assert not private(54321, 1)


@needs_posix
def test_a_folder_is_asked_once(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    lstat = os.lstat

    def counted(path: str) -> os.stat_result:
        asked.append(str(path))
        return lstat(path)

    guard = Guard()
    assert guard.before_reading(image) is None
    monkeypatch.setattr(trust.os, "lstat", counted)
    assert guard.before_reading(image) is None
    assert set(asked) == {str(image.resolve())}


def test_loading_it_takes_next_to_nothing() -> None:
    code = (
        "import sys, os, collections.abc; sys.path.insert(0, sys.argv[1]); "
        "from packageimage.load.trust import Guard; Guard.of(dict(os.environ)); "
        "print(sorted({'cryptography', 'hashlib', 'dataclasses', 'inspect', 'numba', 'numpy', "
        "'ctypes', 'packageimage.signing'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, str(LIBRARY)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


# -- keys --------------------------------------------------------------------------------------

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
TEXT = base64.b64encode(KEY).decode()
PEM = (
    b"-----BEGIN PUBLIC KEY-----\n"
    + base64.b64encode(bytes.fromhex("302a300506032b6570032100") + KEY)
    + b"\n-----END PUBLIC KEY-----\n"
)
FILES = {
    "/lines": f"# ours\n{TEXT}\n\n{base64.b64encode(OTHER_KEY).decode()} # old\n".encode(),
    "/pem": PEM,
    "/both": base64.b64encode(OTHER_KEY) + b"\n" + PEM,
    "/empty": b"# none\n",
    "/private": PEM.replace(b"PUBLIC", b"PRIVATE"),
    "/rsa": PEM.replace(b"MCow", b"MCox"),
    "/cut": PEM[:60],
    "/bytes": bytes(range(256)),
}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], set()),
        ([TEXT], {KEY}),
        ([TEXT, "", TEXT], {KEY}),
        (["/lines"], {KEY, OTHER_KEY}),
        (["/pem"], {KEY}),
        (["/both"], {KEY, OTHER_KEY}),
    ],
)
def test_public_keys(words: list[str], expected: set[bytes]) -> None:
    assert public_keys(os.pathsep.join(words), FILES.__getitem__) == expected


@pytest.mark.parametrize(
    "word",
    ["/empty", "/private", "/rsa", "/cut", "/bytes", "/missing", TEXT[:-4], TEXT + TEXT, "-"],
)
def test_what_is_no_key_is_a_mistake(word: str) -> None:
    """It must not count as none, or a slip of the pen would switch the check off."""

    def read(path: str) -> bytes:
        if path not in FILES:
            raise FileNotFoundError(2, "No such file or directory", path)
        return FILES[path]

    with pytest.raises(PackageImageError, match="PKGIMAGE_TRUSTED_KEYS: expected base64"):
        public_keys(os.pathsep.join([TEXT, word]), read)
    with pytest.raises(PackageImageError, match="at least one public key"):
        public_keys(os.pathsep + " ", read)


@given(st.binary(max_size=300))
def test_files_of_keys_take_any_bytes(data: bytes) -> None:
    try:
        keys = public_keys("/file", lambda path: data)
    except PackageImageError:
        return
    assert all(len(key) == 32 for key in keys)


@needs_posix
def test_a_file_of_keys_that_others_can_write(image: Path) -> None:
    image.write_text(TEXT)
    assert Guard.of({"PKGIMAGE_TRUSTED_KEYS": str(image)}).keys == {KEY}
    image.chmod(0o666)
    with pytest.raises(PackageImageError, match="anybody can write"):
        Guard.of({"PKGIMAGE_TRUSTED_KEYS": str(image)})


# -- Windows -----------------------------------------------------------------------------------

USER = "S-1-5-21-1-2-3-1001"
ALICE = "S-1-5-21-1-2-3-1002"


@pytest.mark.parametrize(
    ("descriptor", "is_folder", "problem"),
    [
        # A file below %LOCALAPPDATA%.
        (f"O:{USER}D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;FA;;;{USER})", False, ""),
        (f"O:BAG:{USER}D:(A;;FA;;;SY)(A;;0x1200a9;;;BU)", False, ""),
        (f"O:{USER}D:(A;;FA;;;{USER})(A;;FR;;;WD)", False, ""),
        (f"O:{USER}D:(A;;FA;;;{USER})(A;;FRFW;;;WD)", False, "that WD can write"),
        (f"O:{USER}D:(A;;0x1301bf;;;AU)", False, "that AU can write"),
        (f"O:{USER}D:(A;;FA;;;{ALICE})", False, f"that {ALICE} can write"),
        (f"O:{ALICE}D:(A;;FA;;;{USER})", False, f"owned by {ALICE}"),
        ("D:(A;;FA;;;SY)", False, "owned by nobody"),
        (f"O:{USER}", False, "without an access list: anybody can write it"),
        (f"O:{USER}D:NO_ACCESS_CONTROL", False, "without an access list: anybody can write it"),
        (f"O:{USER}D:", False, ""),  # an empty list gives nothing to anybody
        # Denied, for children alone, or the owner's, whoever that is.
        (f"O:{USER}D:(D;;FA;;;WD)(A;OICIIO;FA;;;WD)(A;;FA;;;OW)", False, ""),
        (f"O:{USER}D:(A;;WDWO;;;BU)", False, "that BU can write"),
        (f"O:{USER}D:(A;;??;;;BU)", False, "that BU can write"),  # not understood
        (f"O:{USER}D:(A;;FA)", False, "with an access list that is not understood: A;;FA"),
        # A conditional entry gives rights too.
        (f'O:{USER}D:(XA;;FA;;;WD;(WIN://SYSAPPID == "x (y)"))', False, "that WD can write"),
        # C:\, where everybody may make folders.
        (
            "O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
            "D:PAI(A;;LC;;;AU)(A;OICIIO;SDGXGWGR;;;AU)(A;OICI;FA;;;SY)(A;OICI;0x1200a9;;;BU)",
            True,
            "",
        ),
        (f"O:{USER}D:(A;;DT;;;BU)", True, "that BU can write"),  # removes what is in it
        (f"O:{USER}D:(A;;SD;;;BU)", True, "that BU can write"),
        (f"O:{USER}D:(A;;CCDCLC;;;BU)", True, ""),
    ],
)
def test_access_lists(descriptor: str, is_folder: bool, problem: str) -> None:
    assert windows_acl.judge(descriptor, USER, is_folder) == problem


def test_the_administrator_has_a_name_of_his_own() -> None:
    descriptor = "O:LAD:(A;;FA;;;LA)"
    assert windows_acl.judge(descriptor, "S-1-5-21-1-2-3-500", False) == ""
    assert windows_acl.judge(descriptor, USER, False) == "owned by LA"


@given(st.text(alphabet="OGDS:();A FAWDxID01-", max_size=60))
def test_any_descriptor_is_judged(text: str) -> None:
    assert isinstance(windows_acl.judge(text, USER, False), str)
    assert windows_acl.judge("O:" + ALICE + text, USER, False) != ""
