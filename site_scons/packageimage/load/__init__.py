"""The runtime: find, check, choose, bind and attach images.

Here is what nearly all of its modules use. A module takes 50 us to find and to read, however short
it is, and the loader's are imported in every process.
"""

from __future__ import annotations

import gc
import os
from _thread import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LOG_VARIABLE = "PKGIMAGE_LOG"
LOADING = "loading"


_lock = RLock()  # a signal's handler may import something, too
_pauses = 0
_threshold = 0


class garbage_collection_paused:
    """Keep the garbage collector from collecting by itself.

    Loading makes objects that all stay, in a process where Numba's hundred thousand lie about: a
    full collection set off by them finds nothing and takes ten times as long as the loading. So
    does one that is due at the end: a restored package imports what it needs in here, and looking
    at all of SciPy's objects takes 12 ms. They count as old instead, which full collections look
    at.

    By its threshold, since modules that are imported in here may put the collector off, and threads
    may at the same time. A class and no generator: it is entered once for each of hundreds of
    modules.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        global _pauses, _threshold
        with _lock:
            _pauses += 1
            if _pauses == 1:
                _threshold = gc.get_threshold()[0]
                gc.set_threshold(0)

    def __exit__(self, *_: object) -> None:
        global _pauses
        with _lock:
            if _pauses == 0:
                return  # a fork's child, which has gone on
            _pauses -= 1
            if _pauses == 0 and gc.get_threshold()[0] == 0:  # else the program has set another
                is_due = gc.isenabled() and 0 < _threshold < gc.get_count()[0]
                if is_due and not gc.get_freeze_count():  # what is frozen would be thawed
                    gc.freeze()
                    gc.unfreeze()
                gc.set_threshold(_threshold)


def _go_on_in_child() -> None:
    """Only the thread that has forked is there, which may never come to the end of its pause."""
    global _lock, _pauses
    _lock = RLock()
    if _pauses:
        _pauses = 0
        if gc.get_threshold()[0] == 0:
            gc.set_threshold(_threshold)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_go_on_in_child)


def wants_log(environ: Mapping[str, str]) -> bool:
    """Whether decisions are to be told.

    A word that is not known counts as none: a variable that only tells must not end a program.
    """
    words = environ.get(LOG_VARIABLE, "").lower().replace(",", " ").split()
    return LOADING in words


logs = wants_log(os.environ)


def note(kind: str, /, **fields: object) -> None:
    """Tell one decision (`log`): its kind in a word or two, then what it was about. Nothing without
    PKGIMAGE_LOG.

    Where telling costs something, ask `logs` before.
    """
    if logs:
        from .log import tell

        tell(kind, fields)
