"""The figures of build.py with their goals, and the table that shows them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from processes import Run, Summary, summarise
from project import Stage
from reruns import COMMENT, FUNCTION, MATRIX, NULL, cold
from sizes import NUMBA
from stage_costs import first_target_seconds

MEASURED = "cold build, stages measured"
IDLE = "same graph, idle commands"


@dataclass(frozen=True)
class Figure:
    """One line of the table: a side's times and, as a ratio, what it is compared with.

    cpu: the median of what all processes of a run computed, in sum; on a busy machine it says more
    than the seconds.
    """

    name: str
    seconds: Summary | None
    against: str = ""
    ratio: float | None = None
    at_most: float | None = None
    cpu: float | None = None


def figures(
    runs: Mapping[str, Sequence[Run]], builds: Sequence[Sequence[Stage]], targets: int
) -> list[Figure]:
    """The table's lines with their goals.

    runs: of each side, by name; builds: the stages of the measured ones; targets: how many CPU
    targets there are, each with its cold builds.
    """
    seconds = {name: summarise(done.seconds for done in listed) for name, listed in runs.items()}
    median = {name: summary.median for name, summary in seconds.items()}
    cpu = {name: summarise(done.cpu for done in listed).median for name, listed in runs.items()}
    first = summarise(map(first_target_seconds, builds))
    lines = [Figure(NUMBA, seconds[NUMBA], cpu=cpu[NUMBA])]
    for count in range(1, targets + 1):
        name = cold(count)
        goal = 1.25 if count == 1 else None
        ratio = median[name] / median[NUMBA]
        lines.append(Figure(name, seconds[name], NUMBA, ratio, goal, cpu[name]))
    whole = "serialize and codegen"
    lines.append(Figure(f"{whole}, 1 CPU target", first))
    for count in range(2, targets + 1):
        added = median[cold(count)] - median[cold(count - 1)]
        lines.append(Figure(f"CPU target {count}", None, whole, added / first.median, 0.35))
    if MATRIX in median:
        # Serialize happens once, whatever the number of platforms.
        one = cold(targets)
        ratio = median[MATRIX] / median[one]
        lines.append(Figure(MATRIX, seconds[MATRIX], one, ratio, 3.5, cpu[MATRIX]))
    for name, against, goal in (
        (FUNCTION, cold(1), 0.15),
        (COMMENT, cold(1), None),
        (IDLE, "", None),
        (NULL, IDLE, 1.5),
    ):
        ratio = median[name] / median[against] if against else None
        lines.append(Figure(name, seconds[name], against, ratio, goal, cpu[name]))
    return lines


def table(lines: Sequence[Figure]) -> str:
    head = f"{'':34}{'median':>9}{'lowest':>9}{'highest':>9}{'CPU':>9}{'runs':>5}  ratio"
    rows = [head, "-" * len(head)]
    for line in lines:
        row = f"{line.name:34}"
        if line.seconds:
            shown = (line.seconds.median, line.seconds.low, line.seconds.high)
            row += "".join(f"{value:>7.2f} s" for value in shown)
            row += " " * 9 if line.cpu is None else f"{line.cpu:>7.2f} s"
            row += f"{line.seconds.runs:>5}"
        else:
            row += " " * 41
        if line.ratio is not None:
            row += f"  {line.ratio:.2f} of {line.against}"
        if line.at_most is not None:
            row += f"; at most {line.at_most:g}: {verdict(line.ratio, line.at_most)}"
        rows.append(row.rstrip())
    return "\n".join(rows)


def verdict(ratio: float, at_most: float) -> str:
    return "met" if ratio <= at_most else f"missed by {ratio / at_most - 1:.0%}"
