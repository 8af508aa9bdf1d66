"""The nodes of stages: SCons' files that explain themselves, are timed, and count as progress."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import SCons.Node.FS
from SCons.Script import GetOption

from packageimage.explanation import Made, explain, nearest
from packageimage.recipe import sibling_pattern
from packageimage.scons import report
from packageimage.scons.captures import Capture, dependencies_now


@dataclass(eq=False)
class Task:
    """One run of a stage, with all its outputs.

    about: what it makes, in a few words. package: whose image. command: its signature's text, once
    it was asked for. outcome: what came of it in this build: '' (not asked for yet), 'run',
    'skipped', 'cached' or 'failed'. seconds: of the command, as SCons' process saw it.
    """

    stage: str
    about: str
    package: str
    nodes: list[Any] = field(default_factory=list)
    capture: Capture | None = None
    command: str = ""
    outcome: str = ""
    seconds: float = 0.0


class StageFile(SCons.Node.FS.File):
    """An output of a stage. Nodes become it as SCons' own change theirs: by their class."""

    __slots__ = ()

    def build(self, **kw: Any) -> None:
        task = self.attributes.pkgimage
        if GetOption("no_exec"):
            super().build(**kw)
            return
        report.started(task)
        start = time.perf_counter()
        try:
            super().build(**kw)
        except BaseException:
            task.outcome = "failed"
            raise
        else:
            task.outcome = "run"
        finally:
            task.seconds += time.perf_counter() - start
            report.ended(task)

    def built(self) -> None:
        task = self.attributes.pkgimage
        if task.capture is not None:
            node: Any = self
            node.implicit = dependencies_now(node.get_build_env(), task.capture, node.implicit)
        if not task.outcome and self.cached:
            task.outcome = "cached"
        super().built()

    def visited(self) -> None:
        super().visited()
        task = self.attributes.pkgimage
        if self is task.nodes[0]:
            if not task.outcome and not GetOption("no_exec"):
                task.outcome = "skipped"
            report.visited(task)

    def explain(self) -> str | None:
        """Why it is made, in one line."""
        if self.always_build:
            text: str | None = super().explain()
            return text
        new = _made(self.get_binfo(), now=True)
        if not self.exists():
            relative = nearest(new, list(_relatives(self)))
            return f"{explain(str(self), new, None, relative)}\n"
        return f"{explain(str(self), new, _stored(self.get_stored_info()) or _NOTHING)}\n"


_NOTHING = Made("", {})


def _relatives(node: StageFile) -> Iterator[Made]:
    """The same output of configurations that an earlier build made and this one does not."""
    pattern = sibling_pattern(node.attributes.pkgimage.package, node.name)
    if pattern is None:
        return
    for name, entry in sorted(node.dir.sconsign().entries.items()):
        other = node.dir.entries.get(name)
        if (
            pattern.fullmatch(name)
            and (other is None or not other.has_builder())
            and os.path.isfile(os.path.join(node.dir.abspath, name))
        ):
            made = _stored(entry)
            if made:
                yield made


def _stored(entry: Any) -> Made | None:
    info = entry and entry.binfo
    return _made(info, now=False) if hasattr(info, "bactsig") else None


def _made(info: Any, now: bool) -> Made:
    names = [*info.bsources, *info.bdepends, *info.bimplicit]
    infos = [*info.bsourcesigs, *info.bdependsigs, *info.bimplicitsigs]
    files = {}
    for name, ninfo in zip(names, infos, strict=False):
        signature = name.get_csig() if now else getattr(ninfo, "csig", None)
        files[_name(name)] = str(signature or "")
    return Made(str(getattr(info, "bact", "")), files)


def _name(node: Any) -> str:
    # What was stored is a text already, with slashes on every system.
    return str(node).replace(os.sep, "/")


def become_stage(nodes: list[Any], task: Task) -> None:
    """Make nodes the outputs of `task`. StageFile has no fields of its own, so this is sound."""
    task.nodes = list(nodes)
    for node in nodes:
        node.__class__ = StageFile
        node.attributes.pkgimage = task
