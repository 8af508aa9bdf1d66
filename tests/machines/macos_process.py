"""Lets packageimage's loader, on this Linux machine, take itself to be on macOS and open dylibs.

Runs on the machine, before images are enabled. All of the loader but opening the file, the
platform's name and the addresses of C functions is the real one, and so is Numba.
"""

from __future__ import annotations

import os
from pathlib import Path

from . import macos_names
from .dylib import Dylib


def pretend() -> None:
    """Make `packageimage.enable()` accept images of the macOS of this CPU."""
    from packageimage.load import image, numba_attach, verdicts
    from packageimage.model import platform as platforms

    arch = {"x86_64": "x86_64", "aarch64": "arm64"}[os.uname().machine]
    platform = platforms.PLATFORMS[f"macos-{arch}"]
    platforms.host_platform = lambda: platform
    # What is remembered of one system must not meet the other, which has the same kernel here.
    verdicts._KIND = "verdicts-of-macos"

    opened = []  # stay open

    def table_in(path):
        opened.append(Dylib(Path(path)))
        return opened[-1].address("pkgimage")

    image._table_in = table_in
    linux = numba_attach.address_of
    numba_attach.address_of = lambda name: macos_names.address_of(name, linux)
