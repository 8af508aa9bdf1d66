"""What the stages of a build took: from each process's record to a line for each stage. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from processes import summarise
from project import STAGES, Stage


@dataclass(frozen=True)
class Step:
    """All processes of one stage in one build: how many, their CPU seconds in sum, the peak."""

    processes: int
    cpu: float
    peak: int


def steps(stages: Sequence[Stage]) -> dict[str, Step]:
    """By stage, in the order in which they follow each other."""
    found = {}
    for name in STAGES:
        own = [stage for stage in stages if stage.name == name]
        if own:
            found[name] = Step(len(own), sum(s.cpu for s in own), max(s.peak for s in own))
    return found


def stage_table(builds: Sequence[Sequence[Stage]]) -> str:
    """Medians of several measured builds of one package."""
    listed = [steps(stages) for stages in builds]
    head = f"{'stage':12}{'processes':>10}{'CPU seconds':>13}{'peak memory, one process':>26}"
    rows = [head, "-" * len(head)]
    for name in listed[0]:
        own = [found[name] for found in listed if name in found]
        seconds = summarise(step.cpu for step in own).median
        peak = summarise(step.peak for step in own).median
        rows.append(f"{name:12}{own[0].processes:>10}{seconds:>11.2f} s{peak / 1e6:>23.0f} MB")
    return "\n".join(rows)


def first_target_seconds(stages: Sequence[Stage]) -> float:
    """From the start of serialize to the end of the last codegen."""
    inside = [stage for stage in stages if stage.name in ("serialize", "entries", "codegen")]
    return max(s.ended for s in inside) - min(s.started for s in inside)
