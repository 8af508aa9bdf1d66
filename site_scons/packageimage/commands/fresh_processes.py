"""Run fresh Python processes in turns, and keep what each took."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import packageimage

from ..model.errors import PackageImageError, one_line
from ..model.record import Record

# What decides how quick a process is and is the user's choice.
_KEPT = ("NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER")

S = TypeVar("S")


class Side(Record):
    """One way to run a program. arguments: after the interpreter. before: called before each run,
    outside the measured time."""

    name: str
    arguments: tuple[str, ...]
    environ: Mapping[str, str]
    before: Callable[[], None] = lambda: None


class Times(Record):
    """Seconds of each run of a side, in the order they were run."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


class Ended(Record):
    """A process that has ended. seconds: from start to exit, as its caller waits for it. cpu: what
    it and its children computed, 0 where the system does not say (Windows)."""

    seconds: float
    cpu: float
    code: int
    output: str
    errors: str

    @property
    def said(self) -> str:
        """What it said of a failure."""
        return (self.errors or self.output).strip()


def without_settings(environ: Mapping[str, str], *kept: str) -> dict[str, str]:
    """`environ` without the settings of Python, Numba and images, but for `kept`. What this process
    was started with must not leak into a measured one; threads stay."""
    return {
        name: value
        for name, value in environ.items()
        if name in (*_KEPT, *kept) or not name.startswith(("PYTHON", "NUMBA_", "PKGIMAGE"))
    }


def clean_environment(environ: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """`environ` without the settings of Python, Numba and images, with `changes`.

    Threads and PYTHONPATH stay; the library's own folder is on the latter.
    """
    kept = without_settings(environ, "PYTHONPATH")
    library = str(Path(packageimage.__file__).resolve().parents[1])
    path = kept.get("PYTHONPATH", "")
    kept["PYTHONPATH"] = f"{path}{os.pathsep}{library}" if path else library
    return {**kept, **changes}


def run_to_end(
    arguments: Sequence[str], environ: Mapping[str, str], folder: Path | None = None
) -> Ended:
    """Run this Python with `arguments`."""
    computed = _computed_by_children()
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    seconds = time.perf_counter() - started
    cpu = _computed_by_children() - computed
    return Ended(seconds, cpu, done.returncode, done.stdout, done.stderr)


def _computed_by_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def run(side: Side) -> tuple[float, str]:
    """Seconds from start to exit, and what the process printed.

    Raises PackageImageError with the last line of its error when its exit code is not 0.
    """
    side.before()
    done = run_to_end(side.arguments, side.environ)
    if done.code:
        said = done.said.splitlines()
        raise PackageImageError(
            f"expected the program to end ({side.name}), found exit code {done.code}: "
            f"{one_line(said[-1]) if said else 'it said nothing'}"
        )
    return done.seconds, done.output


def round_robin(sides: Sequence[S], rounds: int) -> Iterator[S]:
    """All sides, `rounds` times; the order turns round each time.

    So a slow minute of the machine falls on every side and none always follows another.
    """
    for turn in range(rounds):
        yield from sides if turn % 2 == 0 else reversed(sides)


def in_turns(
    sides: list[Side], rounds: int, budget: float, report: Callable[[str, int], None]
) -> list[Times]:
    """Run all sides `rounds` times; one that has used `budget` seconds stops after three."""
    taken: dict[str, list[float]] = {side.name: [] for side in sides}
    for side in round_robin(sides, rounds):
        mine = taken[side.name]
        if len(mine) >= 3 and sum(mine) > budget:
            continue
        report(side.name, len(mine) + 1)
        mine.append(run(side)[0])
    return [Times(side.name, tuple(taken[side.name])) for side in sides]


def machine() -> dict[str, Any]:
    """What the times were taken on, for a reader to compare."""
    from importlib.metadata import PackageNotFoundError, version

    def of(name: str) -> str | None:
        try:
            return version(name)
        except PackageNotFoundError:
            return None

    from ..model.platform import host_platform

    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "platform": str(host_platform()),
        "cpu": _cpu_name(),
        "cpus": cpus or 1,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "numba": of("numba"),
        "llvmlite": of("llvmlite"),
        "numpy": of("numpy"),
        "packageimage": packageimage.__version__,
    }


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
