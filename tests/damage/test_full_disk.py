"""A disk that is full in the middle of a build: the build says so, nothing half-written is used,
and with room again the next build is right."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import edited_package
import pytest
from image_build import environment, run_plain, run_restored
from test_killed_builds import Builder

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A file system of that size; skips where none may be mounted."""
    folder.mkdir()
    options = f"size={kilobytes}k,mode=755"
    words = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    try:
        subprocess.run(words, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def resize(folder: Path, kilobytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", str(folder)], check=True)


def enlarge(folder: Path) -> None:
    resize(folder, 1 << 16)


def used(folder: Path) -> int:
    """What is on the file system, in kilobytes."""
    found = os.statvfs(folder)
    return (found.f_blocks - found.f_bfree) * found.f_frsize // 1024


def failing_build(builder: Builder, *, file_size: int | None = None) -> str:
    """What a build says that must fail without a traceback."""

    def limit() -> None:
        import resource

        if file_size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))

    # Python 3.11 takes bytecode of which only a part could be written for all of it, and other
    # tests import the library from the same folder.
    settings = environment(builder.folder, PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(
        [sys.executable, "-m", "packageimage", *builder.words],
        env=settings, capture_output=True, text=True, preexec_fn=limit,
    )  # fmt: skip
    assert done.returncode in (1, 2), done.stdout + done.stderr
    assert "pkgimage: error: " in done.stderr
    return done.stderr


def check_program(builder: Builder) -> None:
    seen = run_restored(builder.folder, builder.depot, builder.folder / "program.py",
                        builder.source)  # fmt: skip
    assert (seen.output, seen.returncode) == (builder.expected, 0), seen.error


@pytest.mark.slow
def test_a_full_depot(tmp_path):
    """There is room for one image and not for its successor beside it."""
    builder = Builder(tmp_path)
    with small_disk(tmp_path / "small", 1 << 16) as disk:
        builder.depot = disk / "depot"
        builder.words[builder.words.index("--depot") + 1] = str(builder.depot)
        builder.build()
        resize(disk, used(disk) + 8)
        edited_package.write(builder.source, 2)
        said = failing_build(builder)
        assert "No space left on device" in said
        assert "make room or choose another depot" in said
        assert "Traceback" not in said
        left = sorted(path.name.partition(".")[2] for path in disk.rglob("*") if path.is_file())
        assert left == ["pkgimage.so", "pki"]
        check_program(builder)
        enlarge(disk)
        builder.build_and_check()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How much a whole build keeps in the user's cache, in kilobytes."""
    builder = Builder(tmp_path_factory.mktemp("kept"))
    with small_disk(builder.folder / ".cache", 1 << 16) as disk:
        builder.build()
        return used(disk)


@pytest.mark.slow
@pytest.mark.parametrize("percent", [20, 60, 80, 92])
def test_no_room_for_what_a_build_keeps(tmp_path, kept, percent):
    builder = Builder(tmp_path)
    with small_disk(tmp_path / ".cache", kept * percent // 100) as disk:
        said = failing_build(builder)
        assert "No space left on device" in said or "needs more disk space" in said
        assert run_plain(tmp_path, tmp_path / "program.py", builder.source) == builder.expected
        check_program(builder)
        enlarge(disk)
        builder.build_and_check()


@pytest.mark.parametrize("size", [4_096, 12_000])
@pytest.mark.slow
def test_files_may_not_grow(tmp_path, size):
    """As with a quota: a program that does not look is killed by a signal."""
    builder = Builder(tmp_path)
    builder.build()
    edited_package.write(builder.source, 2)
    failing_build(builder, file_size=size)
    check_program(builder)
    builder.build_and_check()
