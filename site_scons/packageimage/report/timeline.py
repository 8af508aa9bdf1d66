"""When each stage of a build ran: the file that a build leaves, and its steps laid out on cores.

The file `<package>.build.json` lies in the build's folder `<package>.pkgimage/`:

    {"format": 1, "package": "kernels", "steps": [
      {"image": "kernels for linux-x86_64", "stage": "codegen", "about": "p0 haswell",
       "outcome": "run", "start": 4.21, "seconds": 1.07}]}

`start` counts from the start of the build that ran the step; `outcome` is one of
`summary.OUTCOMES`. A build that skips a step keeps what an earlier one has said of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from packageimage.model.errors import PackageImageError
from packageimage.model.record import Record

FORMAT = 1
SUFFIX = ".build.json"


class Step(Record):
    """One run of a stage. Seconds; start counts from the start of its build."""

    image: str
    stage: str
    about: str
    outcome: str
    start: float
    seconds: float


def encode(package: str, steps: Iterable[Step], earlier: Iterable[Step] = ()) -> bytes:
    """The file's content. Of steps that were not run now, those of `earlier` stay."""
    found = {_key(step): step for step in earlier}
    for step in steps:
        if step.outcome in ("run", "failed") or _key(step) not in found:
            found[_key(step)] = step
    rows = [found[key].as_dict() for key in sorted(found)]
    for row in rows:
        row["start"], row["seconds"] = round(row["start"], 3), round(row["seconds"], 3)
    text = json.dumps({"format": FORMAT, "package": package, "steps": rows}, indent=1)
    return (text + "\n").encode("utf-8")


def decode(data: bytes, name: str) -> tuple[str, tuple[Step, ...]]:
    """Package and steps. Raises PackageImageError for what is no such file; `name` is its name."""
    try:
        said = json.loads(data)
        if said["format"] != FORMAT:
            raise ValueError(f"format {said['format']}")
        steps = tuple(
            Step(
                str(row["image"]), str(row["stage"]), str(row["about"]), str(row["outcome"]),
                float(row["start"]), float(row["seconds"]),
            )
            for row in said["steps"]
        )  # fmt: skip
        return str(said["package"]), steps
    except (ValueError, LookupError, TypeError) as error:
        raise PackageImageError(
            f"{name}: expected the times of a build, found {type(error).__name__}; build again"
        ) from None


def lanes(steps: Iterable[Step]) -> list[list[Step]]:
    """The steps that ran, on as few rows as they need, so that none overlaps another in its row."""
    rows: list[list[Step]] = []
    ran = [step for step in steps if step.outcome in ("run", "failed") and step.seconds > 0]
    for step in sorted(ran, key=lambda each: (each.start, each.stage, each.about, each.image)):
        for row in rows:
            if row[-1].start + row[-1].seconds <= step.start + 1e-3:
                row.append(step)
                break
        else:
            rows.append([step])
    return rows


def _key(step: Step) -> tuple[str, str, str]:
    return (step.image, step.stage, step.about)


def total(steps: Sequence[Step]) -> float:
    """Seconds from the first step's start to the last one's end."""
    ran = [step for row in lanes(steps) for step in row]
    if not ran:
        return 0.0
    return max(step.start + step.seconds for step in ran) - min(step.start for step in ran)
