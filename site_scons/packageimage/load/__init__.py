"""The runtime: find, check, choose, bind and attach images.

Here is what nearly all of its modules use. A module takes 50 us to find and to read, however short
it is, and the loader's are imported in every process.
"""

from __future__ import annotations

import gc
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LOG_VARIABLE = "PKGIMAGE_LOG"
LOADING = "loading"


class garbage_collection_paused:
    """Keep the garbage collector off, and put it on again unless the program keeps it off itself.

    Loading makes objects that all stay, in a process where Numba's hundred thousand lie about: a
    full collection set off by them finds nothing and takes ten times as long as the loading. So
    does one that is due at the end: a restored package imports what it needs in here, and looking
    at all of SciPy's objects takes 12 ms. They count as old instead, which full collections look
    at.

    A class and no generator: it is entered once for each of hundreds of modules.
    """

    __slots__ = ("_was_on",)

    def __enter__(self) -> None:
        self._was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._was_on:
            # What a program has frozen would be thawed, too.
            if 0 < gc.get_threshold()[0] < gc.get_count()[0] and not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()


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
