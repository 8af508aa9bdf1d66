"""LLD's flavors for code outside SCons, wherever they are installed.

They live with the SCons tools: in the wheel inside this package, in a checkout beside it.
"""

from __future__ import annotations

import importlib
from types import ModuleType

_NAMES = ("packageimage.site_tools.lld_flavors", "site_tools.lld_flavors")


def lld_flavors(module: str = "") -> ModuleType:
    """The package `lld_flavors`, or a module of it ('detect').

    Raises ModuleNotFoundError when this library was installed without its SCons tools.
    """
    for name in _NAMES:
        top = name.partition(".lld_flavors")[0]
        try:
            importlib.import_module(top)
        except ModuleNotFoundError as error:
            if error.name != top:
                raise
        else:
            return importlib.import_module(f"{name}.{module}" if module else name)
    raise ModuleNotFoundError(f"no module named {' or '.join(_NAMES)}", name=_NAMES[0])
