"""Run fresh processes, one at a time, in turns, and keep what each took."""

import os
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packageimage.commands.fresh_processes import round_robin, run_to_end, without_settings

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


def clean_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without PYTHON*, NUMBA_* and PKGIMAGE* settings, with `changes`.

    PKGIMAGE_LLD is kept: it says where a tool is, not what is measured.
    """
    return {**without_settings(os.environ, "PKGIMAGE_LLD"), **changes}


def run(command: Command) -> Run:
    """Run a command to its end; time from start to exit, as its caller waits for it.

    Raises Failed, with the end of what it said, when its exit code is not zero.
    """
    done = run_to_end(command.arguments, clean_environment(command.environment), command.folder)
    if done.code:
        said = done.said[-2000:]
        raise Failed(f"{' '.join(command.arguments)} ended with {done.code}:\n{said}")
    return Run(done.seconds, done.output, done.cpu)


def in_turns(
    sides: Mapping[str, Callable[[], Run]],
    rounds: Mapping[str, int],
    report: Callable[[str, Run], None] = lambda name, run: None,
) -> dict[str, list[Run]]:
    """Run all sides in turns, each as often as `rounds` says."""
    found: dict[str, list[Run]] = {name: [] for name in sides}
    for name in round_robin(list(sides), max(rounds.values(), default=0)):
        if len(found[name]) < rounds[name]:
            done = sides[name]()
            found[name].append(done)
            report(name, done)
    return found
