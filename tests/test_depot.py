from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from packageimage import depot
from packageimage.depot import candidates, depot_path, image_stem, publish, user_cache_folder
from packageimage.model.base_image import BaseImage
from packageimage.model.errors import PackageImageError
from packageimage.model.flags import CacheFlags
from packageimage.model.platform import PLATFORMS

BASE = BaseImage("cpython-311", "0.68.1", "0.50.0", "22.1.0", "2.3.0")
LINUX = PLATFORMS["linux-x86_64"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "dépôt with spaces"
    path.mkdir()
    return path


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


@pytest.mark.parametrize(
    ("system", "environ", "expected"),
    [
        ("linux", {"HOME": "/h"}, "/h/.cache/pkgimage"),
        ("linux", {"HOME": "/h", "XDG_CACHE_HOME": "/c"}, "/c/pkgimage"),
        ("linux", {"HOME": "/h", "XDG_CACHE_HOME": "relative"}, "/h/.cache/pkgimage"),
        ("linux", {"HOME": "/h", "XDG_CACHE_HOME": ""}, "/h/.cache/pkgimage"),
        ("darwin", {"HOME": "/h", "XDG_CACHE_HOME": "/c"}, "/h/Library/Caches/pkgimage"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/pkgimage"),
        ("win32", {"USERPROFILE": "/u"}, "/u/AppData/Local/pkgimage"),
    ],
)
def test_user_cache_folder(system: str, environ: dict[str, str], expected: str) -> None:
    assert user_cache_folder(environ, system) == Path(expected)


def test_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(PackageImageError, match="set PKGIMAGE_DEPOT_PATH"):
        user_cache_folder({})
    assert depot_path({}) == ()
    assert depot_path({"PKGIMAGE_DEPOT_PATH": "/a"}) == (Path("/a"),)


def test_depot_path(folder: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(folder), "HOME": str(folder), "LOCALAPPDATA": str(folder)}
    default = user_cache_folder(environ)
    assert depot_path(environ) == depot_path(environ | {"PKGIMAGE_DEPOT_PATH": ""}) == (default,)
    entries = os.pathsep.join(["/b", str(folder), "", "/b", "relative"])
    assert depot_path(environ | {"PKGIMAGE_DEPOT_PATH": entries}) == (
        Path("/b").absolute(),
        folder,
        default,
        Path.cwd() / "relative",
    )


def test_stem() -> None:
    stem = image_stem(BASE, "kernels", LINUX, CacheFlags(), "generic")
    first, package, slug = stem.parts
    assert (first, package, len(slug)) == (BASE.id[:16], "kernels", 16)
    assert int(slug, 16) >= 0 and slug == slug.lower()
    assert stem == image_stem(BASE, "kernels", LINUX.name, CacheFlags(), "generic")
    others = {
        image_stem(BASE, "kernels", PLATFORMS["macos-arm64"], CacheFlags(), "generic"),
        image_stem(BASE, "kernels", LINUX, CacheFlags(opt_level=2), "generic"),
        image_stem(BASE, "kernels", LINUX, CacheFlags(), "generic;haswell"),
        stem,
    }
    assert len(others) == 4


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a..b", ".", "a b", "/etc", "1a"])
def test_package_names_stay_in_the_depot(name: str) -> None:
    with pytest.raises(PackageImageError, match="name of an importable package"):
        image_stem(BASE, name, LINUX, CacheFlags(), "generic")


def test_candidates(folder: Path) -> None:
    assert candidates(folder, BASE, "kernels") == ()
    home = folder / BASE.id[:16] / "kernels"
    home.mkdir(parents=True)
    for name in ("b.pki", "a.pki", "a.pkgimage.so", ".c.pki.0.tmp", ".d.pki"):
        (home / name).touch()
    assert candidates(folder, BASE, "kernels") == (home / "a.pki", home / "b.pki")
    assert candidates(home / "a.pki", BASE, "kernels") == ()


def published(folder: Path, content: bytes = b"library", sidecar: bytes = b"header") -> list[Path]:
    linked = folder.parent / "linked.so"
    linked.write_bytes(content)
    stem = folder / image_stem(BASE, "kernels", LINUX, CacheFlags(), "generic")
    paths = [stem.with_name(stem.name + suffix) for suffix in (".pkgimage.so", ".pki")]
    publish(linked, sidecar, *paths)
    assert linked.read_bytes() == content
    return paths


def test_publish(folder: Path) -> None:
    image, header = published(folder)
    assert (image.read_bytes(), header.read_bytes()) == (b"library", b"header")
    assert candidates(folder, BASE, "kernels") == (header,)
    assert sorted(os.listdir(image.parent)) == sorted([image.name, header.name])
    published(folder, b"new", b"newer")
    assert (image.read_bytes(), header.read_bytes()) == (b"new", b"newer")
    assert sorted(os.listdir(image.parent)) == sorted([image.name, header.name])


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
    mask = os.umask(0o022)
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


@pytest.mark.parametrize("fails_at", range(4))
@pytest.mark.parametrize("existing", [False, True])
def test_a_full_disk_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int, existing: bool
) -> None:
    """Fails at syncing the library or the header, or at giving the one or the other its name."""
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

    monkeypatch.setattr(depot.os, "open", full)
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
