from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from packageimage import locks
from packageimage.load import machine
from packageimage.locks import Owner, Wait, held, owner_of
from packageimage.model.errors import PackageImageError

LIBRARY = Path(__file__).resolve().parents[1] / "site_scons"

HOLDER = """
import sys
from pathlib import Path
from packageimage.locks import held
with held(Path(sys.argv[1]), "kernels"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds tmp_path/lock until its standard input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock")],
        env={**os.environ, "PYTHONPATH": str(LIBRARY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


class Clock:
    """Time that passes while one sleeps; what is done at a time is done in that sleep."""

    def __init__(self) -> None:
        self.now = 0.0
        self.end = float("inf")

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self.end:
            raise KeyboardInterrupt


def test_nothing_is_left(tmp_path: Path) -> None:
    with held(tmp_path / "lock", "kernels"):
        assert sorted(os.listdir(tmp_path)) == ["lock", "lock.owner"]
        owner = owner_of(tmp_path / "lock")
        assert owner is not None
        assert (owner.host, owner.pid) == (machine.name(), os.getpid())
        assert abs(owner.since - time.time()) < 60
    assert os.listdir(tmp_path) == []


def test_a_waiter_is_told_for_whom_and_for_how_long(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    said: list[Wait] = []
    clock = Clock()
    clock.end = 700.0
    with (
        pytest.raises(KeyboardInterrupt),
        held(tmp_path / "lock", "kernels", said.append, clock, clock.sleep),
    ):
        pytest.fail("two hold the lock")
    gaps = [round(b.seconds - a.seconds) for a, b in pairwise(said)]
    assert round(said[0].seconds) == 1
    assert gaps == [2, 4, 8, 16, 32, 64, 128, 256]
    assert str(said[2]) == f"kernels: waiting for process {holder.pid}, for 7 s"


def test_a_waiter_comes_next(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    clock = Clock()
    naps = 0

    def sleep(seconds: float) -> None:
        nonlocal naps
        naps += 1
        if naps == 3:
            holder.communicate("")
        clock.sleep(seconds)

    with held(tmp_path / "lock", "kernels", clock=clock, sleep=sleep):
        assert naps == 3
        assert owner_of(tmp_path / "lock") != holder.pid


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_the_lock_of_a_dead_process_is_free(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "lock").exists()
    clock = Clock()
    clock.end = 5.0
    with held(tmp_path / "lock", "kernels", clock=clock, sleep=clock.sleep):
        owner = owner_of(tmp_path / "lock")
        assert owner is not None
        assert owner.pid == os.getpid()
    assert os.listdir(tmp_path) == []


def without_flock(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refusing(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refusing)


@pytest.mark.skipif(os.name == "nt", reason="flock")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_file_systems_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    without_flock(monkeypatch, number)
    path = tmp_path / "lock"
    clock = Clock()
    clock.end = 3.0
    with held(path, "kernels"):
        marker = tmp_path / "lock.file"
        assert str(os.getpid()) in marker.read_text()
        with (
            pytest.raises(KeyboardInterrupt),
            held(path, "kernels", lambda wait: None, clock, clock.sleep),
        ):
            pytest.fail("two hold the lock")
        assert marker.exists()
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="flock")
def test_a_lock_file_whose_owner_is_dead_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, marker = tmp_path / "lock", tmp_path / "lock.file"
    code = (
        "import filelock, os, sys; a = filelock.SoftFileLock(sys.argv[1]); a.acquire(); os._exit(0)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(marker)])
    process.wait()
    without_flock(monkeypatch, errno.ENOLCK)
    record = marker.read_text()
    assert str(process.pid) in record
    clock = Clock()
    clock.end = 10.0
    with held(path, "kernels", clock=clock, sleep=clock.sleep):
        assert marker.read_text() != record


def test_an_owner_on_another_host() -> None:
    """Nobody here can say whether it is alive."""
    wait = Wait("kernels", Owner("node7", 12, 0.0), 31.4, Path("/d/.s.lock"))
    assert str(wait) == (
        "kernels: waiting for process 12 on node7, for 31 s; if it is gone, remove "
        f"{Path('/d/.s.lock')}"
    )
    assert str(Wait("k", None, 1.0, Path("l"))) == "k: waiting for another process, for 1 s"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"host": "h", "pid": "x", "since": 1}',
        "[" * 9000,
        '{"host": 1, "pid": null}',
    ],
)
def test_damaged_owners_are_unknown(tmp_path: Path, text: str) -> None:
    (tmp_path / "lock.owner").write_text(text)
    assert owner_of(tmp_path / "lock") is None
    (tmp_path / "lock.owner").write_text(json.dumps({"host": "h", "pid": 1, "since": 2}))
    assert owner_of(tmp_path / "lock") == Owner("h", 1, 2.0)


def test_a_folder_that_cannot_be_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(PackageImageError, match=r"kernels: cannot lock .*choose another"),
        held(tmp_path / "file" / "lock", "kernels"),
    ):
        pytest.fail("held")


def test_without_filelock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "filelock", None)
    with (
        pytest.raises(PackageImageError, match=r"needs filelock; run: pip install 'package"),
        held(tmp_path / "lock", "kernels"),
    ):
        pytest.fail("held")


def test_one_at_a_time(tmp_path: Path) -> None:
    """Each adds 1 by reading and writing; the lock's file is made and removed all the time."""
    code = """
import sys
from pathlib import Path
from packageimage.locks import held
count = Path(sys.argv[1], "count")
for _ in range(40):
    with held(Path(sys.argv[1], "lock"), "k"):
        count.write_text(str(int(count.read_text()) + 1))
"""
    (tmp_path / "count").write_text("0")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            env={**os.environ, "PYTHONPATH": str(LIBRARY)},
        )
        for _ in range(4)
    ]
    assert [process.wait() for process in processes] == [0] * 4
    assert (tmp_path / "count").read_text() == "160"
    assert os.listdir(tmp_path) == ["count"]


def test_say(capsys: pytest.CaptureFixture[str]) -> None:
    locks.say(Wait("kernels", None, 3.0, Path("l")))
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "pkgimage: kernels: waiting for another process, for 3 s\n")
