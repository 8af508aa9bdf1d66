"""What the build tells while it works and when it has ended: progress and the summary.

Times are taken in SCons' process, around each stage's command, and go to the terminal alone.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import optparse
import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SCons.Script import AddOption, GetOption

from packageimage.model.record import Record
from packageimage.status_line import StatusLine

if TYPE_CHECKING:
    from packageimage.summary import ImageSummary

LINES = "lines"
PROGRESS_LINE = "pkgimage-progress "
SUMMARY_LINE = "pkgimage-summary "
_OFF = ("", "0", "no", "false", "none")


class Image(Record):
    """One image's tasks, and the files to look at when they are done. objects: of each CPU
    target."""

    name: str
    flags: str
    tasks: tuple[Any, ...]
    manifest: str
    objects: tuple[tuple[str, tuple[str, ...]], ...]
    published: tuple[str, ...]


@dataclass
class _Report:
    """This build's. done: tasks that were run or found up to date."""

    images: list[Image] = field(default_factory=list)
    tasks: dict[Any, None] = field(default_factory=dict)
    done: set[Any] = field(default_factory=set)
    running: dict[Any, None] = field(default_factory=dict)
    wanted: str = ""
    progress: str = ""
    line: StatusLine = field(default_factory=lambda: StatusLine(sys.stdout))
    lock: threading.Lock = field(default_factory=threading.Lock)


_report = _Report()


def add_report(env: Any) -> None:
    """The construction variables and the option of SCons' command line."""
    env.SetDefault(PKGIMAGE_SUMMARY=False, PKGIMAGE_PROGRESS="auto")
    if sys.stdout.isatty():
        env.SetDefault(PRINT_CMD_LINE_FUNC=_print_command)
    try:
        AddOption(
            "--pkgimage-summary",
            action="store_true",
            default=False,
            help="Tell what was done for each package image.",
        )
    except optparse.OptionConflictError:
        return  # another environment has the tool too
    atexit.register(_tell)


def add_image(env: Any, image: Image) -> None:
    with _report.lock:
        _report.images.append(image)
        _report.tasks.update(dict.fromkeys(image.tasks))
    said = str(env.subst("$PKGIMAGE_SUMMARY")).lower()
    if said not in _OFF:
        _report.wanted = said
    said = str(env.subst("$PKGIMAGE_PROGRESS")).lower()
    if GetOption("silent") or GetOption("no_exec") or said in _OFF:
        return
    if said == LINES or sys.stdout.isatty():
        _report.progress = LINES if said == LINES else "line"


def started(task: Any) -> None:
    with _report.lock:
        _report.running[task] = None
        _show()


def ended(task: Any) -> None:
    with _report.lock:
        _report.running.pop(task, None)
        _report.done.add(task)
        _show()


def visited(task: Any) -> None:
    with _report.lock:
        _report.done.add(task)


def _show() -> None:
    if not _report.progress:
        return
    running = list(_report.running)
    if not running:
        _report.line.clear()
        return
    about = ", ".join(f"{task.stage} {task.package} {task.about}".strip() for task in running)
    count = f"{len(_report.done)}/{len(_report.tasks)}"
    if _report.progress == LINES:
        print(f"{PROGRESS_LINE}{count} {about}", flush=True)
    else:
        _report.line.show(f"[{count}] {about}")


def _print_command(text: str, target: Any, source: Any, env: Any) -> None:
    """As SCons prints a command, with the progress below it."""
    with _report.lock:
        _report.line.clear()
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
        _show()


def _tell() -> None:
    """At exit, because a build that failed has done something too."""
    _report.line.clear()
    with contextlib.suppress(OSError):
        _keep_times()
    if not (_report.wanted or GetOption("pkgimage_summary")) or GetOption("silent"):
        return
    from packageimage.summary import summary  # most builds are not asked for it

    mark = SUMMARY_LINE if _report.wanted == LINES else ""
    for line in summary(map(_seen, _report.images)):
        print(f"{mark}{line}", flush=True)


def _keep_times() -> None:
    """Leave the times of what was run beside each package's files, for `pkgimage report`."""
    ran = {task for task in _report.tasks if task.outcome in ("run", "failed")}
    if not ran:
        return
    from packageimage.report.build_times import keep
    from packageimage.report.timeline import Step

    users: dict[Any, list[Image]] = {}
    for image in _report.images:
        for task in image.tasks:
            users.setdefault(task, []).append(image)
    steps: dict[tuple[str, str], list[Step]] = {}
    for task, images in users.items():
        # What several images share is told once, as the package's.
        name = images[0].name if len(images) == 1 else task.package
        place = os.path.dirname(images[0].manifest), task.package
        steps.setdefault(place, []).append(
            Step(name, task.stage, task.about, task.outcome, task.start, task.seconds)
        )
    for (folder, package), found in sorted(steps.items()):
        keep(Path(folder), package, found)


def _seen(image: Image) -> ImageSummary:
    from packageimage.summary import ImageSummary, Step

    return ImageSummary(
        name=image.name,
        flags=image.flags,
        targets=tuple(
            (name, _clones(objects, index)) for index, (name, objects) in enumerate(image.objects)
        ),
        steps=tuple(Step(task.stage, task.outcome, task.seconds) for task in image.tasks),
        functions=_functions(image.manifest),
        image_size=_size(image.published[0]),
        header_size=_size(image.published[1]),
    )


def _clones(objects: tuple[str, ...], index: int) -> int | None:
    from packageimage.inspect.clones import clones_in

    total = 0
    for path in objects:
        try:
            found = clones_in(Path(path).read_bytes(), index)
        except OSError:
            found = None
        if found is None:
            return None
        total += found
    return total


def _functions(manifest: str) -> int | None:
    try:
        return int(json.loads(Path(manifest).read_bytes())["methods"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None
