"""Answers that are slow to get, kept in the user's cache while what they came from stays the same.

Each is a file with the question, the answer, and the size and time of every file and folder that
the answer depends on. Whatever is wrong with such a file, the question is asked again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from packageimage.depot import user_cache_folder
from packageimage.model.errors import PackageImageError

# A file may change twice within one tick of its file system's clock: what is younger than this
# cannot be told from what it was when the answer was given.
_YOUNG_NS = 2_000_000_000

Answer = tuple[Any, Iterable[str]]
"""What is answered, as JSON has it, and the paths that it depends on."""


def remembered(question: list[Any], ask: Callable[[], Answer]) -> Any:
    """The answer to a question, asked now or earlier. What `ask` raises passes through."""
    file = _file_of(question)
    if file is not None:
        try:
            known = json.loads(file.read_bytes())
            if known["question"] == question and all(
                _stat(path) == stat for path, stat in known["paths"].items()
            ):
                return known["answer"]
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            pass
    answer, paths = ask()
    stats = {path: _stat(path) for path in sorted(set(paths))}
    now = time.time_ns()
    if file is not None and all(
        stat is None or now - stat[1] > _YOUNG_NS for stat in stats.values()
    ):
        _keep(file, {"question": question, "paths": stats, "answer": answer})
    return answer


def _file_of(question: list[Any]) -> Path | None:
    digest = hashlib.sha256(json.dumps(question).encode()).hexdigest()[:32]
    try:
        return user_cache_folder(os.environ) / "answers" / f"{digest}.json"
    except PackageImageError:
        return None  # there is no home folder


def _stat(path: str) -> list[int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def _keep(file: Path, fields: dict[str, Any]) -> None:
    from packageimage.stages.output import write_output  # only a new answer needs it

    with contextlib.suppress(OSError):  # it is asked again next time
        write_output(file, json.dumps(fields).encode())
