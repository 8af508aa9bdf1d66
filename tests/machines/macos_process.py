"""Lets packageimage's loader, on this Linux machine, take itself to be on macOS and open dylibs.

Runs on the machine, before images are enabled. All of the loader but opening the file, the
platform's name and the addresses of C functions is the real one, and so is Numba.
"""

from __future__ import annotations

import os
import types
from pathlib import Path

from . import macos_names
from .dylib import Dylib


def pretend() -> None:
    """Make `packageimage.enable()` accept images of the macOS of this CPU."""
    import ctypes

    from packageimage.load import image, numba_attach, verdicts
    from packageimage.model import platform as platforms

    arch = {"x86_64": "x86_64", "aarch64": "arm64"}[os.uname().machine]
    platform = platforms.PLATFORMS[f"macos-{arch}"]
    platforms.host_platform = lambda: platform
    # What is remembered of one system must not meet the other, which has the same kernel here.
    verdicts._KIND = "verdicts-of-macos"

    image._table_in = lambda library: library.address("pkgimage")
    image.ctypes = types.SimpleNamespace(**vars(ctypes) | {"CDLL": lambda path: Dylib(Path(path))})
    linux = numba_attach.address_of
    numba_attach.address_of = lambda name: macos_names.address_of(name, linux)
