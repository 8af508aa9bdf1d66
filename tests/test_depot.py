from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from packageimage.depot import search_path, user_cache_folder
from packageimage.image_names import candidates, depot_for_new_images, depot_path, image_stem
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


@pytest.mark.parametrize("name", ["XDG_CACHE_HOME", "HOME"])
def test_the_cache_is_where_platformdirs_has_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unix = pytest.importorskip("platformdirs.unix")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv(name, "/else/where")
    expected = unix.Unix("pkgimage", appauthor=False).user_cache_dir
    assert user_cache_folder(os.environ, "linux").as_posix() == expected


def test_the_cache_is_where_platformdirs_has_it_on_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    macos = pytest.importorskip("platformdirs.macos")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/Users/me")
    expected = macos.MacOS("pkgimage", appauthor=False).user_cache_dir
    assert user_cache_folder(os.environ, "darwin").as_posix() == expected


def test_depots_beside_packages_come_before_the_cache(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path), "LOCALAPPDATA": "/x"}
    cache = user_cache_folder(environ)
    site, here = tmp_path / "site-packages", Path.cwd()
    beside = (here / "__pkgimage__", site / "__pkgimage__")
    path = ["", str(site), str(site)]
    assert search_path(environ, path) == (*beside, cache)
    named = environ | {"PKGIMAGE_DEPOT_PATH": str(tmp_path / "d")}
    assert search_path(named, path) == (tmp_path / "d",)
    named["PKGIMAGE_DEPOT_PATH"] += os.pathsep
    assert search_path(named, path) == (tmp_path / "d", *beside, cache)
    # What is built does not go where an installer has put other images.
    assert depot_path(environ) == (cache,)


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_new_images_go_to_the_first_writable_depot(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o755)
    locked, free = tmp_path / "locked", tmp_path / "free"
    (locked / "below").mkdir(parents=True)
    free.mkdir()
    (tmp_path / "file").touch()
    os.chmod(locked / "below", 0o555)
    os.chmod(locked, 0o555)
    os.chmod(free, 0o777)
    names = ["locked/below", "locked/new", "file", "file/below", "free/new/deep", "free"]
    environ = {"PKGIMAGE_DEPOT_PATH": os.pathsep.join(str(tmp_path / name) for name in names)}
    library = Path(__file__).resolve().parents[1] / "site_scons"
    done = subprocess.run(
        [sys.executable, "-c", _AS_OTHER, str(library)],
        env={**os.environ, **environ, "TOP": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(free / "new/deep")
    assert not (free / "new").exists()


# The folders above a temporary one are open to its owner only, so a process that has given root up
# asks from within.
_AS_OTHER = """
import os, sys
sys.path.insert(0, sys.argv[1])
from packageimage.image_names import depot_for_new_images
if os.getuid() == 0:
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    # Drop the right to go past permissions, keep the user.
    class Head(ctypes.Structure):
        _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]
    assert libc.capset(ctypes.byref(Head(0x20080522, 0)), (ctypes.c_uint32 * 6)()) == 0
print(depot_for_new_images(os.environ))
"""


def test_the_first_depot_when_none_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    names = [str(tmp_path / "file/a"), str(tmp_path / "file/b")]
    assert depot_for_new_images({"PKGIMAGE_DEPOT_PATH": os.pathsep.join(names)}) == Path(names[0])


def test_variants_are_candidates(folder: Path) -> None:
    home = folder / BASE.id[:16] / "kernels"
    home.mkdir(parents=True)
    for name in ("a.pki", "a-1.pki", "a.sig", "a-1.sig"):
        (home / name).touch()
    assert candidates(folder, BASE, "kernels") == (home / "a-1.pki", home / "a.pki")
