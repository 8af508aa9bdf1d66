"""Builds that are killed at any moment: nothing half-written is used, and the next build is right.

The sources are edited, and edits are undone, between one build and the next.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import edited_package
import pytest
from forked import Programs
from image_build import environment, pkgimage, run_restored

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")

SEED = 11


class Builder:
    """A user's package with its builds, those that are killed and those that are not."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.depot = folder, folder / "depot"
        self.source = edited_package.set_up(folder)
        self.words = [
            "build", edited_package.PACKAGE, "--workload", str(folder / "workload.py"), "--path",
            str(self.source), "--depot", str(self.depot), "--cpu-targets", "generic", "--restore",
        ]  # fmt: skip
        self.version = 1

    def build(self) -> str:
        """Build; what it printed."""
        done = pkgimage(self.folder, *self.words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def build_and_check(self) -> None:
        """The next build is right, and the one after that has nothing to do."""
        self.build()
        seen = run_restored(self.folder, self.depot, self.folder / "program.py", self.source)
        assert (seen.output, seen.returncode) == (self.expected, 0), seen.error
        assert seen.seen["rejections"] == []
        assert seen.seen["restored"] == ["changing", "changing.second"]
        assert "is up to date" in self.build()

    def start(self, stdout: int) -> subprocess.Popen[str]:
        """A build in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "packageimage", *self.words],
            env=environment(self.folder),
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def kill_after(self, seconds: float, *, all_of_it: bool) -> None:
        """Start a build and kill it then, with all its processes or the one that was started."""
        child = self.start(stdout=subprocess.DEVNULL)
        time.sleep(seconds)
        with contextlib.suppress(ProcessLookupError):
            if all_of_it:
                os.killpg(child.pid, signal.SIGKILL)
            else:
                child.kill()
        child.wait()

    def edit(self, rng: random.Random) -> None:
        """A new version of one module or both, one of before, a comment, or nothing."""
        choice = rng.randrange(5)
        if choice < 2:
            self.version += 1
            edited_package.write(self.source, self.version, *(["second"] if choice else []))
        elif choice == 2:
            edited_package.write(self.source, max(1, self.version - rng.randrange(2)))
        elif choice == 3:
            with open(self.source / "changing" / "__init__.py", "a") as file:
                file.write("# more\n")

    @property
    def expected(self) -> str:
        """What the program prints."""
        version, step = edited_package.versions(self.source)
        return f"{version} {step}\n"


def kill(folder: Path, seed: int, kills: int, most_in_a_row: int) -> None:
    print(f"seed {seed}, {kills} kills")
    rng = random.Random(seed)
    builder = Builder(folder)
    builder.build()
    edited_package.write(builder.source, 2)
    start = time.monotonic()
    builder.build()
    longest = 1.1 * (time.monotonic() - start)
    with Programs(folder, builder.source, folder / "program.py") as programs:
        in_a_row, most = 0, rng.randint(1, most_in_a_row)
        for number in range(kills):
            builder.edit(rng)
            moment = rng.uniform(0, longest)
            builder.kill_after(moment, all_of_it=rng.random() < 0.75)
            seen = programs.run(builder.depot, with_numba=True)
            said = f"seed {seed}, kill {number} after {moment:.3f} s: {seen}"
            assert (seen.output, seen.code) == (builder.expected, 0), said
            in_a_row += 1
            if in_a_row == most:
                in_a_row, most = 0, rng.randint(1, most_in_a_row)
                builder.build_and_check()
    builder.build_and_check()


def kill_in_parallel(tmp_path: Path, kills: int, most_in_a_row: int) -> None:
    """Two users, since most of what a build waits for is one core."""
    with ThreadPoolExecutor(2) as threads:
        tasks = []
        for index in range(2):
            folder = tmp_path / f"user {index}"
            folder.mkdir()
            tasks.append(threads.submit(kill, folder, SEED + index, kills // 2, most_in_a_row))
        for task in tasks:
            task.result()


@pytest.mark.slow
def test_200_killed_builds(tmp_path):
    kill_in_parallel(tmp_path, 200, 12)


@pytest.mark.slow
def test_a_build_that_goes_on_when_its_command_is_killed(tmp_path):
    """SCons outlives `pkgimage build`. The next build waits until it has ended."""
    builder = Builder(tmp_path)
    builder.build()
    edited_package.write(builder.source, 2)
    child = builder.start(stdout=subprocess.PIPE)
    assert child.stdout
    assert "run it and its workload" in child.stdout.readline()
    child.kill()
    child.wait()
    os.killpg(child.pid, signal.SIGSTOP)
    try:
        edited_package.write(builder.source, 1)
        words = [sys.executable, "-m", "packageimage", *builder.words]
        following = subprocess.Popen(
            words, env=environment(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert following.stderr
        assert "waiting for" in following.stderr.readline()
    finally:
        os.killpg(child.pid, signal.SIGCONT)
    following.communicate()
    child.stdout.close()
    assert following.returncode == 0
    builder.build_and_check()


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("stage", "comment"),
    [
        ("lay out data", "# more\n"),
        pytest.param("lay out data", "", marks=SLOW),
        pytest.param("list its functions", "", marks=SLOW),
        pytest.param("list its functions", "# more\n", marks=SLOW),
        pytest.param("verify and publish", "", marks=SLOW),
    ],
)
def test_an_edit_undone_after_a_kill(tmp_path, stage, comment):
    """SCons knows nothing of what the killed build has made; it must not take it for what the one
    before had made of the same sources."""
    builder = Builder(tmp_path)
    builder.build()
    edited_package.write(builder.source, 2)
    child = builder.start(stdout=subprocess.PIPE)
    assert child.stdout
    for line in child.stdout:
        if stage in line:  # said before it runs, so the one before has ended
            os.killpg(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()
    edited_package.write(builder.source, 1)
    with open(builder.source / "changing" / "__init__.py", "a") as file:
        file.write(comment)
    builder.build_and_check()
