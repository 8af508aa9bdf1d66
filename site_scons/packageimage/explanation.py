"""Why a stage runs again, in one line: what it was made from before against what it is made from.

Pure: SCons keeps the texts and signatures of the last build, `scons/nodes.py` hands them in.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

_MOST_REASONS = 3
_DIGITS = 8
_LONGEST = 80

_STAGES = frozenset({"serialize", "entries", "codegen", "data", "link", "verify"})
_LINKER = "LLD's command"
_WORDS = "its command"
_OUTPUTS = frozenset({"--output", "--output-image", "--output-header"})


@dataclass(frozen=True)
class Made:
    """What a stage's output is made from. command: its command line, without what does not count.
    files: signatures of their contents by name, in order; hashes, or texts with a space."""

    command: str
    files: Mapping[str, str]


def explain(name: str, new: Made, old: Made | None, relative: Made | None = None) -> str:
    """`rebuilding NAME because ...`.

    old: None when there is no such file. relative: then the same output of another configuration,
    which the last build made and this one does not.
    """
    if old is None:
        reasons = _command_reasons(relative, new) if relative else []
        return f"building `{name}' because {_joined(reasons) or 'it does not exist'}"
    reasons = [*_command_reasons(old, new), *_file_reasons(old.files, new.files)]
    if not reasons and list(old.files) != list(new.files):
        reasons = ["the order of its dependencies changed"]
    if not reasons and old.command != new.command:
        reasons = ["the spelling of its command changed"]
    return f"rebuilding `{name}' because {_joined(reasons) or 'SCons was told to'}"


def nearest(new: Made, others: Sequence[Made]) -> Made | None:
    """Of several relatives the one whose command differs least; the first of equals."""
    return min(others, key=lambda other: len(_command_reasons(other, new)), default=None)


def _joined(reasons: Sequence[str]) -> str:
    shown = list(reasons[:_MOST_REASONS])
    if len(reasons) > len(shown):
        shown.append(f"{len(reasons) - len(shown)} more")
    *first, last = shown or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _file_reasons(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name, now in new.items():
        if name not in old:
            yield f"{name} is new"
        elif old[name] != now:
            yield f"{name} changed (content {_short(old[name])} -> {_short(now)})"
    for name in old:
        if name not in new:
            yield f"{name} is gone"


def _short(signature: str) -> str:
    return signature if " " in signature else signature[:_DIGITS]


def _command_reasons(old: Made, new: Made) -> list[str]:
    """What differs between two command lines of a stage, each with its old and new value."""
    if old.command == new.command:
        return []
    # Files have reasons of their own. SCons spells them without their folder here.
    names = {*old.files, *new.files}
    names |= {name.rpartition("/")[2] for name in names}
    before, after = parse(old.command, names), parse(new.command, names)
    reasons = []
    for what in [*after, *(key for key in before if key not in after)]:
        was, now = before.get(what, ""), after.get(what, "")
        if was != now:
            was, now = _differing(was, now, " " if what in (_WORDS, _LINKER) else ",")
            reasons.append(f"{what} changed from {_shown(was)} to {_shown(now)}")
    return reasons


def parse(command: str, files: Collection[str]) -> dict[str, str]:
    """A stage's command line taken apart: the version of each part of its fingerprint, the text
    after each --option, without the names of `files` and of its outputs."""
    found: dict[str, str] = {}
    fingerprint = re.search(r"(?:^|\s)-X pkgimage=(\S*)", command)
    if fingerprint:
        command = command.replace(fingerprint[0], " ", 1)
        for part in fingerprint[1].split(","):
            of, _, version = part.partition("-")
            found[f"packageimage's code for {of}" if of in _STAGES else of] = version
    # Names may hold spaces, and one may begin as another does.
    for name in sorted(files, key=len, reverse=True):
        command = re.sub(rf"(?<![^\s=]){re.escape(name)}(?!\S)", "", command)
    command, _, linker = command.partition(" -- ")
    if linker:
        found[_LINKER] = " ".join(linker.split())
    head, *options = re.split(r"(?:^|\s+)(?=--[a-z])", command.strip())
    found[_WORDS] = " ".join(head.split())
    for option in options:
        key, _, value = option.partition(" ")
        value = " ".join(value.split())
        if key not in _OUTPUTS:
            found[key] = f"{found[key]} {value}" if key in found else value
    return found


def _differing(old: str, new: str, separator: str) -> tuple[str, str]:
    """Of two lists of words or of KEY=VALUE the items that differ; other texts as they are."""
    before, after = old.split(separator), new.split(separator)
    if separator == "," and not all("=" in item for item in [*before, *after]):
        return old, new
    return (
        separator.join(item for item in before if item not in after),
        separator.join(item for item in after if item not in before),
    )


def _shown(text: str) -> str:
    text = text.strip('"')
    return f"{text[:_LONGEST]}..." if len(text) > _LONGEST else text or "nothing"
