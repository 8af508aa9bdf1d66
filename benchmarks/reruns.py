"""Which stages a build had to run, and which it had no reason to. Pure."""

from __future__ import annotations

from collections import Counter

FUNCTION, COMMENT = "after editing a function", "after editing a comment"
NULL = "nothing has changed"


def cold(count: int) -> str:
    return f"cold build, {count} CPU target{'s' if count > 1 else ''}"


def wrong_after(edit: str, ran: Counter[str], partitions: int) -> list[str]:
    """Stages that ran after an edit with no reason to, or did not although they had to.

    An edited function is compiled with its partition, once for the one CPU target, and no other.
    """
    if edit == NULL:
        found = [f"{stage} ran" for stage in ran]
    elif edit == COMMENT:
        found = [f"{stage} ran" for stage in ("codegen", "link") if ran[stage]]
    else:
        missing = [s for s in ("serialize", "codegen", "link", "verify") if not ran[s]]
        found = [f"{stage} did not run" for stage in missing]
        if ran["codegen"] > 1:
            found.append(f"codegen ran for {ran['codegen']} of {partitions} partitions")
    return [f"{edit}: {problem}" for problem in found]


def wrong_when_cold(ran: Counter[str], targets: int) -> list[str]:
    """What a cold build has to run: every stage once, codegen as often for each CPU target."""
    found = [f"{s} ran {ran[s]} times" for s in ("serialize", "link", "verify") if ran[s] != 1]
    if not ran["codegen"] or ran["codegen"] % targets:
        found.append(f"codegen ran {ran['codegen']} times for {targets} CPU targets")
    return [f"{cold(targets)}: {problem}" for problem in found]
