"""Which stages a build had to run, and which it had no reason to. Pure."""

from __future__ import annotations

from collections import Counter

FUNCTION, COMMENT = "after editing a function", "after editing a comment"
NULL = "nothing has changed"
MATRIX = "cold build, 5 platforms of 3"


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


def wrong_when_cold(ran: Counter[str], targets: int, platforms: int = 1) -> list[str]:
    """What a cold build has to run: serialize once, the other stages once for each platform,
    codegen as often for each CPU target of each."""
    expected = {"serialize": 1, "link": platforms, "verify": platforms}
    found = [f"{s} ran {ran[s]} times" for s, times in expected.items() if ran[s] != times]
    if not ran["codegen"] or ran["codegen"] % (targets * platforms):
        found.append(f"codegen ran {ran['codegen']} times for {targets * platforms} CPU targets")
    name = cold(targets) if platforms == 1 else MATRIX
    return [f"{name}: {problem}" for problem in found]
