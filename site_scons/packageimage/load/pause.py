"""Keep the garbage collector quiet while an image is loaded.

Loading makes objects that all stay, in a process where Numba's hundred thousand lie about: a full
collection set off by them finds nothing and takes ten times as long as the loading.
"""

from __future__ import annotations

import gc


class garbage_collection_paused:
    """Disable collection and enable it again, unless the program keeps it off itself.

    A class and no generator: it is entered once for each of hundreds of modules.
    """

    __slots__ = ("_was_on",)

    def __enter__(self) -> None:
        self._was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._was_on:
            gc.enable()
