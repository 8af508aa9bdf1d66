"""Run fresh processes, one at a time, in turns, and keep what each took."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

LIBRARY = Path(__file__).resolve().parent.parent / "site_scons"


class Failed(Exception):
    """A measured process went wrong, so there is nothing to compare."""


@dataclass(frozen=True)
class Command:
    """A Python command line, where it runs, and what is different in its environment."""

    arguments: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Run:
    """One command, run to its end: the seconds until then, and what it and its children computed.

    `cpu` is 0 where the system does not say (Windows).
    """

    seconds: float
    output: str
    cpu: float = 0.0


@dataclass(frozen=True)
class Summary:
    """Median and extremes of one side, in seconds."""

    median: float
    low: float
    high: float
    runs: int


def summarise(seconds: Iterable[float]) -> Summary:
    values = list(seconds)
    return Summary(statistics.median(values), min(values), max(values), len(values))


# What this process was started with must not leak into a measured one; a threading layer and a
# number of threads are the user's choice and stay.
_KEPT_NUMBA = ("NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER")


def clean_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without PYTHON*, NUMBA_* and PKGIMAGE* settings, with `changes`.

    PKGIMAGE_LLD is kept: it says where a tool is, not what is measured.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "NUMBA_", "PKGIMAGE"))
        or name in _KEPT_NUMBA
        or name == "PKGIMAGE_LLD"
    }
    return {**kept, **changes}


def run(command: Command) -> Run:
    """Run a command to its end; time from start to exit, as its caller waits for it.

    Raises Failed, with the end of what it said, when its exit code is not zero.
    """
    environment = clean_environment(command.environment)
    computed = _computed_by_children()
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command.arguments],
        cwd=command.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise Failed(f"{' '.join(command.arguments)} ended with {done.returncode}:\n{said}")
    return Run(seconds, done.stdout, _computed_by_children() - computed)


def _computed_by_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def in_turns(
    sides: Mapping[str, Callable[[], Run]],
    rounds: Mapping[str, int],
    report: Callable[[str, Run], None] = lambda name, run: None,
) -> dict[str, list[Run]]:
    """Run all sides round robin, each as often as `rounds` says; the order turns round each time.

    So that a slow minute of the machine falls on every side and none always follows another.
    """
    found: dict[str, list[Run]] = {name: [] for name in sides}
    for turn in range(max(rounds.values(), default=0)):
        names = list(sides) if turn % 2 == 0 else list(reversed(sides))
        for name in names:
            if turn < rounds[name]:
                done = sides[name]()
                found[name].append(done)
                report(name, done)
    return found
