"""Keep the garbage collector quiet while an image is loaded.

Loading makes objects that all stay, in a process where Numba's hundred thousand lie about: a full
collection set off by them finds nothing and takes ten times as long as the loading.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Disable collection and enable it again, unless the program keeps it off itself."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
