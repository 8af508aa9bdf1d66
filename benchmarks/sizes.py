"""How time, memory and size of a build grow with the number of functions."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from growth import Bend, first_bend, slopes
from images import plain_environment
from processes import Command, run
from project import Project
from reruns import wrong_when_cold
from stage_costs import Step, steps

MEASURE = Path(__file__).resolve().parent / "measure_stage.py"
NUMBA = "Numba alone"


@dataclass(frozen=True)
class Size:
    """What one package of the growth series took."""

    functions: int
    build: float  # seconds
    steps: Mapping[str, Step]
    image: int  # bytes, with the header


def measure_size(
    work: Path, functions: int, target: str, say: Callable[[str], None]
) -> tuple[Size, list[str]]:
    """Numba alone, then a cold build with each stage measured; and what was wrong with it.

    Raises processes.Failed.
    """
    project = Project(work / str(functions), functions, target)
    project.write()
    record = work / f"{functions}.numba.jsonl"
    record.unlink(missing_ok=True)
    words = ("-I", "-S", str(MEASURE), str(record), sys.executable, str(project.package.workload))
    alone = run(Command(words, work, plain_environment(project.package)))
    used = json.loads(record.read_text(encoding="utf-8"))
    say(f"  {functions} functions, {NUMBA}: {alone.seconds:.1f} s")
    built, stages = project.measured_build()
    say(f"  {functions} functions, built: {built.run.seconds:.1f} s")
    wrong = [f"{functions} functions: {problem}" for problem in wrong_when_cold(built.ran, 1)]
    size = sum(path.stat().st_size for path in project.published())
    found = {NUMBA: Step(1, used["cpu"], used["peak"]), **steps(stages)}
    return Size(functions, built.run.seconds, found, size), wrong


def growth_series(sizes: Sequence[Size]) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """By quantity, then by step, the points that growth.py looks at."""
    names = [n for n in sizes[0].steps if all(n in size.steps for size in sizes)]
    return {
        "CPU": {n: [(s.functions, s.steps[n].cpu) for s in sizes] for n in names},
        "time": {"whole build": [(s.functions, s.build) for s in sizes]},
        "memory": {n: [(s.functions, float(s.steps[n].peak)) for s in sizes] for n in names},
        "size": {"image": [(s.functions, float(s.image)) for s in sizes]},
    }


# Scale, unit and digits of a value, and of what one function more costs.
UNITS = {
    "CPU": ((1.0, "s", 2), (1e3, "ms", 2)),
    "time": ((1.0, "s", 2), (1e3, "ms", 2)),
    "memory": ((1e-6, "MB", 0), (1e-3, "kB", 1)),
    "size": ((1e-6, "MB", 2), (1e-3, "kB", 2)),
}


def bends(sizes: Sequence[Size]) -> dict[str, Bend | None]:
    """By quantity, where it stops being linear first, if anywhere.

    Not of the whole build's time, which other programs on the machine bend. What is less than
    2 % of the CPU seconds in sum, 5 % of the largest stage's memory or of the image, does not
    count.
    """
    floors = {
        "CPU": {s.functions: 0.02 * sum(p.cpu for p in s.steps.values()) for s in sizes},
        "memory": {s.functions: 0.05 * max(p.peak for p in s.steps.values()) for s in sizes},
        "size": {s.functions: 0.05 * s.image for s in sizes},
    }
    series = growth_series(sizes)
    return {quantity: first_bend(series[quantity], floors[quantity]) for quantity in floors}


def growth_table(sizes: Sequence[Size]) -> str:
    """Values by number of functions, then what one more function costs between them."""
    rows = []
    found = bends(sizes)
    between = [f"{a.functions}-{b.functions}" for a, b in pairwise(sizes)]
    for quantity, series in growth_series(sizes).items():
        (scale, unit, digits), (small, small_unit, small_digits) = UNITS[quantity]
        head = f"{quantity + ', ' + unit:14}" + "".join(f"{s.functions:>9}" for s in sizes)
        head += f"  | {small_unit} a function" + "".join(f"{text:>11}" for text in between)
        rows += [head, "-" * len(head)]
        for name, points in series.items():
            row = f"{name:14}" + "".join(f"{value * scale:>9.{digits}f}" for _, value in points)
            row += "  |" + " " * (len(small_unit) + 12)
            row += "".join(f"{slope * small:>11.{small_digits}f}" for slope in slopes(points))
            rows.append(row)
        if quantity in found:
            rows.append(bend_line(quantity, found[quantity]))
        rows.append("")
    return "\n".join(rows)


def bend_line(quantity: str, found: Bend | None) -> str:
    if found is None:
        return f"{quantity}: linear throughout"
    _, (small, unit, digits) = UNITS[quantity]
    return (
        f"{quantity}: the first that is not linear is {found.series}, seen at {found.functions} "
        f"functions: {found.before * small:.{digits}f} {unit} a function, then "
        f"{found.after * small:.{digits}f}"
    )
