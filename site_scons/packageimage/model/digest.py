"""SHA-256 of what a process has in its hands, without OpenSSL where that takes longer to load.

`hashlib` loads OpenSSL's library, which takes 2 to 4 ms, more than all other checks of an image.
CPython has a SHA-256 of its own beside it: 0.1 ms to load, 3 us for each kB.
"""

from __future__ import annotations

import sys
from typing import Any

_MUCH = 1 << 19  # bytes; from here on OpenSSL's, five times as quick, is worth its loading


def sha256(data: bytes) -> Any:
    """A hash object, as of `hashlib.sha256(data)`."""
    found: Any = getattr(sys.modules.get("hashlib"), "sha256", None)
    if found is None and len(data) < _MUCH:
        found = _cpythons()
    if found is None:
        import hashlib

        found = hashlib.sha256
    return found(data)


def _cpythons() -> Any:
    # Its name until Python 3.11 and since. A build of CPython may leave it out.
    name = "_sha2" if sys.version_info >= (3, 12) else "_sha256"
    try:
        return __import__(name).sha256
    except (ImportError, AttributeError):
        return None
