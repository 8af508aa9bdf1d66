"""The base image of this interpreter, measured without importing what it consists of."""

from __future__ import annotations

import importlib.metadata
import sys

from packageimage.model.base_image import BaseImage
from packageimage.model.errors import PackageImageError


def measure_base_image() -> BaseImage:
    """What an image built here is built against.

    LLVM's version follows from llvmlite's and stays empty: asking would load it. Raises
    PackageImageError when a part of the base image is not installed.
    """
    return BaseImage(
        python_abi=sys.implementation.cache_tag or sys.implementation.name,
        numba=_version("numba"),
        llvmlite=_version("llvmlite"),
        llvm="",
        numpy=_version("numpy"),
    )


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        raise PackageImageError(
            f"expected {distribution} to be installed, found none; install packageimage[build]"
        ) from None
