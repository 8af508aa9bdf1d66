"""The constants of compiled functions: pickles that name what modules hold."""

from __future__ import annotations

import importlib
import sys
from _pickle import Unpickler  # `pickle` would compile regular expressions
from io import BytesIO
from typing import Any


class _Unpickler(Unpickler):
    """Reads what `capture.numba_bridge.dumps` wrote."""

    def persistent_load(self, reference: tuple[str, str, str]) -> Any:
        kind, module, qualname = reference
        found: Any = sys.modules.get(module) or importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
        return {"py_func": lambda: found.py_func, "jitclass": lambda: found.class_type}.get(
            kind, lambda: found
        )()


def loads(data: bytes) -> Any:
    """What was pickled; raises whatever unpickling raises."""
    return _Unpickler(BytesIO(data)).load()
