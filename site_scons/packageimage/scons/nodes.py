"""The nodes of stages: SCons' files that explain themselves, are timed, and count as progress."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import SCons.Node.FS
from SCons.Script import GetOption

from packageimage.recipe import sibling_pattern
from packageimage.scons import report
from packageimage.scons.captures import Capture, dependencies_now, saw_others
from packageimage.scons.stated import stated_sha256

if TYPE_CHECKING:
    from packageimage.explanation import Made
    from packageimage.scons.unrecorded import Journal


_LOADED = time.perf_counter()
_LARGE = 1 << 24  # bytes


@dataclass(eq=False)
class Task:
    """One run of a stage, with all its outputs.

    about: what it makes, in a few words. package: whose image. command: its signature's text, once
    it was asked for. outcome: what came of it in this build: '' (not asked for yet), 'run',
    'skipped', 'cached' or 'failed'. seconds: of the command, as SCons' process saw it; start: when
    it began, from when the tool was loaded.
    """

    stage: str
    about: str
    package: str
    journal: Journal
    nodes: list[Any] = field(default_factory=list)
    capture: Capture | None = None
    command: str = ""
    outcome: str = ""
    seconds: float = 0.0
    start: float = 0.0

    @property
    def outputs(self) -> list[str]:
        """Their paths, absolute."""
        return [node.abspath for node in self.nodes]


class StageFile(SCons.Node.FS.File):
    """An output of a stage. Nodes become it as SCons' own change theirs: by their class."""

    __slots__ = ()

    def build(self, **kw: Any) -> None:
        task = self.attributes.pkgimage
        if GetOption("no_exec"):
            super().build(**kw)
            return
        task.journal.note(task.outputs)
        report.started(task)
        start = time.perf_counter()
        task.start = start - _LOADED
        try:
            super().build(**kw)
        except BaseException:
            task.outcome = "failed"
            raise
        else:
            task.outcome = "run"
            # Else it is taken again in the next build.
            if task.capture is None or not saw_others(task.capture, self._unmade()):
                task.journal.made(task.outputs)
        finally:
            task.seconds += time.perf_counter() - start
            report.ended(task)

    def _unmade(self) -> list[Any]:
        """The files that it depends on and no stage makes."""
        nodes = [node for node in self.children() if not node.has_builder()]
        return [node for node in nodes if isinstance(node, SCons.Node.FS.File)]

    def changed(self, node: Any = None, allowcache: bool = False) -> bool:
        # Asked for always: SCons measures the dependencies as it compares them.
        found = bool(super().changed(node, allowcache))
        return found or (node is None and (self._is_unrecorded() or self._was_written_to()))

    def _was_written_to(self) -> bool:
        """Whether a linked library is not what was linked. A large published one is that very file,
        and lies where many programs find it."""
        file: Any = self
        if file.attributes.pkgimage.stage != "link" or not file.exists():
            return False
        recorded = getattr(file.get_stored_info().ninfo, "csig", None)
        return recorded is not None and recorded != file.get_csig()

    def get_max_drift_csig(self) -> str:
        """What its stage has said of a large output, or what SCons recorded of one that has its
        time and size; nobody edits those, and to hash a gigabyte takes a second, in builds that
        have nothing to do."""
        file: Any = self
        size = file.get_size()
        if size >= _LARGE:
            task = file.attributes.pkgimage
            if task.outcome == "run":
                stated = stated_sha256(task.stage, task.outputs, file.abspath)
                if stated:
                    return stated
            info = file.get_stored_info().ninfo
            known = (getattr(info, "timestamp", None), getattr(info, "size", None))
            if known == (file.get_timestamp(), size) and getattr(info, "csig", None):
                return str(info.csig)
        return str(super().get_max_drift_csig() or "")

    def get_csig(self) -> str:
        """SHA-256 of a large output, whatever SCons' hash: that is what stages say of theirs."""
        file: Any = self
        if not file.exists() or file.get_size() < _LARGE:
            return str(super().get_csig())
        info = file.get_ninfo()
        if getattr(info, "csig", None) is None:
            info.csig = self.get_max_drift_csig()
            if not info.csig:
                with open(file.abspath, "rb") as content:
                    info.csig = hashlib.file_digest(content, "sha256").hexdigest()
        return str(info.csig)

    def _is_unrecorded(self) -> bool:
        """Whether it may come from a build that was killed before SCons recorded what it is."""
        file: Any = self
        return bool(file.attributes.pkgimage.journal.is_left(file.abspath))

    def retrieve_from_cache(self) -> bool:
        task = self.attributes.pkgimage
        if not GetOption("no_exec"):
            task.journal.note(task.outputs)
        return bool(super().retrieve_from_cache())

    def built(self) -> None:
        task = self.attributes.pkgimage
        if task.capture is not None:
            node: Any = self
            node.implicit = dependencies_now(node.get_build_env(), task.capture, node.implicit)
        if not task.outcome and self.cached:
            task.outcome = "cached"
            task.journal.made(task.outputs)
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
        from packageimage.explanation import Made, explain, nearest  # most builds are not asked

        info = self.get_binfo()
        if self.exists() and self._is_unrecorded():
            return f"rebuilding `{self}' because the build that made it was killed\n"
        if self.exists() and self._was_written_to():
            return f"rebuilding `{self}' because it was written to after it was made\n"
        if not self.exists():
            new = _made_now(info, {})
            return f"{explain(str(self), new, None, nearest(new, list(_relatives(self))))}\n"
        old = _stored(self.get_stored_info()) or Made("", {})
        return f"{explain(str(self), _made_now(info, old.files), old)}\n"


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
    """What SCons has kept of an earlier build."""
    from packageimage.explanation import Made

    info = entry and entry.binfo
    if not hasattr(info, "bactsig"):
        return None
    files = {}
    for name, kept in _dependencies(info):
        # With a decider that goes by time, there is no hash of the content.
        signature = getattr(kept, "csig", None) or f"{_TIME}{getattr(kept, 'timestamp', None)}"
        files[_name(name)] = signature
    return Made(str(getattr(info, "bact", "")), files)


def _made_now(info: Any, before: Mapping[str, str]) -> Made:
    """The same of this build; each file's signature is of the kind that it was `before`."""
    from packageimage.explanation import Made

    files = {}
    for node, _ in _dependencies(info):
        name = _name(node)
        by_time = before.get(name, "").startswith(_TIME)
        files[name] = f"{_TIME}{node.get_timestamp()}" if by_time else str(node.get_csig())
    return Made(str(info.bact), files)


_TIME = "of "


def _dependencies(info: Any) -> Iterator[tuple[Any, Any]]:
    yield from zip(info.bsources, info.bsourcesigs, strict=False)
    yield from zip(info.bdepends, info.bdependsigs, strict=False)
    yield from zip(info.bimplicit, info.bimplicitsigs, strict=False)


def _name(node: Any) -> str:
    # What was stored is a text already, with slashes on every system.
    return str(node).replace(os.sep, "/")


def become_stage(nodes: list[Any], task: Task) -> None:
    """Make nodes the outputs of `task`. StageFile has no fields of its own, so this is sound."""
    task.nodes = list(nodes)
    for node in nodes:
        node.__class__ = StageFile
        node.attributes.pkgimage = task
