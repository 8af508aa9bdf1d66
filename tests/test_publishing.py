"""What readers and other publishers find in a depot while an image is being published."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from packageimage import publishing
from packageimage.image_names import candidates, image_stem
from packageimage.model.base_image import BaseImage
from packageimage.model.errors import PackageImageError
from packageimage.model.flags import CacheFlags
from packageimage.model.platform import PLATFORMS
from packageimage.publishing import publish, publish_alone

BASE = BaseImage("cpython-311", "0.68.1", "0.50.0", "22.1.0", "2.3.0")
LINUX = PLATFORMS["linux-x86_64"]
LIBRARY = Path(__file__).resolve().parents[1] / "site_scons"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "dépôt with spaces"
    path.mkdir()
    return path


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


def published(folder: Path, content: bytes = b"library", sidecar: bytes = b"header") -> list[Path]:
    linked = folder.parent / "linked.so"
    if not linked.exists() or linked.read_bytes() != content:
        linked.write_bytes(content)
    stem = folder / image_stem(BASE, "kernels", LINUX, CacheFlags(), "generic")
    paths = [stem.with_name(stem.name + suffix) for suffix in (".pkgimage.so", ".pki")]
    publish(linked, sidecar, *paths)
    assert linked.read_bytes() == content
    return paths


def kept(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_publish(folder: Path) -> None:
    image, header = published(folder)
    assert (image.read_bytes(), header.read_bytes()) == (b"library", b"header")
    assert candidates(folder, BASE, "kernels") == (header,)
    assert sorted(os.listdir(image.parent)) == sorted([image.name, header.name])
    published(folder, b"new", b"newer")
    assert (image.read_bytes(), header.read_bytes()) == (b"new", b"newer")
    assert sorted(os.listdir(image.parent)) == sorted([image.name, header.name])


@pytest.mark.parametrize("copies", ["all", "some", "none", "not there"])
def test_whatever_the_system_copies(
    folder: Path, monkeypatch: pytest.MonkeyPatch, copies: str
) -> None:
    def copy_file_range(source: int, target: int, size: int) -> int:
        if copies == "none" or os.lseek(target, 0, os.SEEK_CUR) >= 3_000_000:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return os.write(target, os.read(source, 1_500_000 if copies == "some" else size))

    if copies == "not there":
        monkeypatch.delattr(os, "copy_file_range", raising=False)
    elif copies != "all":
        monkeypatch.setattr(os, "copy_file_range", copy_file_range, raising=False)
    content = os.urandom(5_000_001)
    assert published(folder, content)[0].read_bytes() == content


LARGE = b"library" * 2_500_000


@pytest.mark.skipif(os.name == "nt", reason="a name of a library in use cannot be replaced there")
def test_a_large_library_is_not_copied(folder: Path) -> None:
    linked = folder.parent / "linked.so"
    linked.touch()
    linked.chmod(0o755)
    image, header = published(folder, LARGE)
    assert image.samefile(linked)
    linked.unlink()  # as a link does, which writes another file
    os.utime(header, (1, 1))
    published(folder, LARGE)  # the same bytes, which are there
    assert not image.samefile(linked)
    assert header.stat().st_mtime > 1
    linked.chmod(0o755)
    published(folder, LARGE, b"header with another include")
    assert image.samefile(linked)
    os.utime(header, (1, 1))
    published(folder, LARGE, b"header with another include")
    assert header.stat().st_mtime > 1
    assert header.read_bytes() == b"header with another include"
    published(folder, LARGE, b"header with yet another")
    assert sorted(os.listdir(image.parent)) == sorted([image.name, header.name])


@pytest.mark.skipif(os.name == "nt", reason="permissions")
def test_a_large_library_that_the_group_may_write(folder: Path) -> None:
    linked = folder.parent / "linked.so"
    linked.touch()
    linked.chmod(0o775)
    image, _ = published(folder, LARGE)
    assert not image.samefile(linked)
    assert image.stat().st_mode & 0o7022 == 0


@pytest.mark.skipif(os.name == "nt", reason="permissions")
def test_a_large_library_whose_name_another_file_gets(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is published, in a folder that others may write to."""
    linked, other = folder.parent / "linked.so", folder.parent / "other.so"
    for path, mode in ((linked, 0o755), (other, 0o777)):
        path.write_bytes(LARGE)
        path.chmod(mode)
    link = os.link

    def late(path: Path, name: Path) -> None:
        os.replace(other, linked)
        link(path, name)

    monkeypatch.setattr(publishing.os, "link", late)
    image, header = published(folder, LARGE)
    assert not image.samefile(linked)
    assert image.stat().st_mode & 0o7022 == 0
    assert sorted(os.listdir(image.parent)) == sorted([image.name, header.name])


@pytest.mark.parametrize("reason", [errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP])
def test_a_large_library_where_a_file_has_one_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    def link(*_: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(publishing.os, "link", link)
    image, _ = published(folder, LARGE)
    assert image.read_bytes() == LARGE
    assert not image.samefile(folder.parent / "linked.so")


def test_an_open_image_keeps_its_content(folder: Path) -> None:
    """A process that has the library mapped must not see it change below its feet."""
    if os.name == "nt":
        pytest.skip("Windows does not replace open files")
    image, _ = published(folder)
    with open(image, "rb") as loaded:
        published(folder, b"other")
        assert loaded.read() == b"library"


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_others_may_read(folder: Path) -> None:
    mask = os.umask(0o002)  # of many distributions; what the group can write is not used
    try:
        image, header = published(folder)
    finally:
        os.umask(mask)
    assert image.stat().st_mode & 0o777 == 0o755
    assert header.stat().st_mode & 0o777 == 0o644


def test_library_before_header(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    replace = os.replace

    def watched(source: Path, target: Path) -> None:
        # both are complete before either is seen
        assert len([n for n in os.listdir(target.parent) if n.endswith(".tmp")]) == 2 - len(order)
        order.append(target.suffix)
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    published(folder)
    assert order == [".so", ".pki"]


@pytest.mark.parametrize("fails_at", range(5))
@pytest.mark.parametrize("existing", [False, True])
def test_a_full_disk_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int, existing: bool
) -> None:
    """Fails at syncing the library or the header, at giving the one its name, at syncing the folder
    (which some file systems cannot do, and does not matter), or at giving the other its name."""
    if existing:
        published(folder)
    before = files(folder)
    calls = 0

    def failing(function):  # type: ignore[no-untyped-def]
        def call(*arguments):  # type: ignore[no-untyped-def]
            nonlocal calls
            calls += 1
            if calls > fails_at:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *map(str, arguments[:1]))
            return function(*arguments)

        return call

    monkeypatch.setattr(os, "fsync", failing(os.fsync))
    monkeypatch.setattr(os, "replace", failing(os.replace))
    with pytest.raises(PackageImageError, match="No space left on device") as caught:
        published(folder, b"new", b"newer")
    assert str(caught.value).isprintable()
    assert files(folder) == before
    if existing:
        assert next(folder.rglob("*.pki")).read_bytes() == b"header"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_writing_to_a_full_device(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def full(path: os.PathLike[str], flags: int, *rest: int) -> int:
        descriptor = opened(path, flags, *rest)
        if str(path).endswith(".tmp"):
            device = opened("/dev/full", os.O_WRONLY)
            os.dup2(device, descriptor)
            os.close(device)
        return descriptor

    monkeypatch.setattr(publishing.os, "open", full)
    with pytest.raises(PackageImageError, match="No space left on device"):
        published(folder, b"x" * 100_000)
    assert files(folder) == []


def test_an_unwritable_depot(folder: Path) -> None:
    (folder / BASE.id[:16]).write_text("a file where a folder should be")
    with pytest.raises(PackageImageError, match=r"cannot publish .*choose another depot"):
        published(folder)
    assert files(folder) == [BASE.id[:16]]


def test_a_missing_library(folder: Path) -> None:
    with pytest.raises(PackageImageError, match=r"No such file.*\(.*nothing\.so\)"):
        publish(folder / "nothing.so", b"", folder / "n" / "a.so", folder / "n" / "a.pki")
    assert files(folder) == []


def test_the_same_bytes_again_touch_nothing_but_the_time(folder: Path) -> None:
    image, header = published(folder)
    signature = header.with_suffix(".sig")
    signature.write_text("of these bytes")
    before = [os.stat(path).st_ino for path in (image, header)]
    os.utime(header, (1, 1))
    published(folder)
    assert [os.stat(path).st_ino for path in (image, header)] == before
    assert header.stat().st_mtime > 1
    assert signature.exists()
    published(folder, sidecar=b"header with another include")
    assert not signature.exists()  # it would be one of other bytes


class InUse:
    """os.replace and os.rename of Windows, where a process uses `image`."""

    def __init__(self, image: Path, *, moves: bool) -> None:
        self.image, self.moves = str(image), moves
        self.really = {"replace": os.replace, "rename": os.rename}

    def replace(self, source: Path, target: Path) -> None:
        if str(target) == self.image and os.path.exists(target):
            raise PermissionError(errno.EACCES, "Access is denied", str(target))
        self.really["replace"](source, target)

    def rename(self, source: Path, target: Path) -> None:
        if str(source) == self.image and not self.moves:
            raise PermissionError(errno.EACCES, "The process cannot access the file", str(source))
        self.really["rename"](source, target)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(publishing.os, "replace", self.replace)
        monkeypatch.setattr(publishing.os, "rename", self.rename)


def test_a_library_in_use_is_moved_aside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, header = published(folder)
    InUse(image, moves=True).install(monkeypatch)
    unlink = Path.unlink

    def refusing(path: Path, missing_ok: bool = False) -> None:
        if path.name.endswith(".tmp") and path.exists() and path.read_bytes() == b"library":
            raise PermissionError(errno.EACCES, "in use", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refusing)
    published(folder, b"new", b"newer")
    assert (image.read_bytes(), header.read_bytes()) == (b"new", b"newer")
    (aside,) = set(os.listdir(image.parent)) - {image.name, header.name}
    assert aside.startswith(".")
    assert aside.endswith(".tmp")  # for gc
    assert candidates(folder, BASE, "kernels") == (header,)


def test_beside_a_library_that_cannot_be_moved(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, header = published(folder)
    with monkeypatch.context() as windows:
        InUse(image, moves=False).install(windows)
        published(folder, b"new", b"newer")
    slug = header.stem
    assert kept(folder) == {
        f"{slug}.pkgimage.so": b"library",
        f"{slug}.pki": b"header",
        f"{slug}-1.pkgimage.so": b"new",
        f"{slug}-1.pki": b"newer",
    }
    assert len(candidates(folder, BASE, "kernels")) == 2
    # When the name is free again it takes the image, and the variant goes.
    published(folder, b"newest", b"newest header")
    assert kept(folder) == {f"{slug}.pkgimage.so": b"newest", f"{slug}.pki": b"newest header"}


def test_a_folder_without_permission(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is no library in use: nothing gets another name, and the reason is said."""

    def refusing(source: Path, target: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(target))

    monkeypatch.setattr(publishing.os, "replace", refusing)
    with pytest.raises(PackageImageError, match="Permission denied"):
        published(folder)
    assert files(folder) == []


def test_publishers_take_turns(folder: Path) -> None:
    """What is there in the end is one publisher's pair, and no lock or temporary file is left."""
    code = """
import sys
from pathlib import Path
from packageimage.publishing import publish_alone
mine, folder = sys.argv[1].encode(), Path(sys.argv[2])
linked = folder / f"linked-{sys.argv[1]}"
for turn in range(30):
    linked.write_bytes(mine + b"%d" % turn)
    publish_alone(linked, mine + b"%d" % turn, folder / "d/s.so", folder / "d/s.pki", "s")
"""
    environ = {**os.environ, "PYTHONPATH": str(LIBRARY)}
    words = [sys.executable, "-c", code]
    publishers = [subprocess.Popen([*words, name, str(folder)], env=environ) for name in "abc"]
    while any(each.poll() is None for each in publishers):
        # A reader sees whole files: each is what one publisher has written.
        for name in ("s.so", "s.pki"):
            if (folder / "d" / name).exists():
                data = (folder / "d" / name).read_bytes()
                assert data[:1] in b"abc"
                assert data[1:].isdigit()
    assert [each.returncode for each in publishers] == [0, 0, 0]
    assert sorted(os.listdir(folder / "d")) == ["s.pki", "s.so"]
    assert (folder / "d/s.pki").read_bytes() == (folder / "d/s.so").read_bytes()


def test_alone_in_a_folder_that_cannot_be_made(folder: Path) -> None:
    (folder / "file").touch()
    linked = folder / "linked"
    linked.touch()
    with pytest.raises(PackageImageError, match="choose another depot"):
        publish_alone(linked, b"", folder / "file/d/s.so", folder / "file/d/s.pki", "s")
    assert files(folder) == ["file", "linked"]
