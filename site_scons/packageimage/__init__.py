"""Package images for Python: native code for Numba packages, built once and loaded at once.

    import packageimage
    packageimage.enable()
    import kernels            # runs from its image

`enable` imports nothing heavy: Numba is imported with the first package that has an image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"
__all__ = ["PackageImageError", "PackageImageWarning", "enable", "rejections"]

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from .load.session import PackageImageWarning, Session
    from .model.errors import PackageImageError
    from .model.rejection import Rejection


def enable(depots: Iterable[str | os.PathLike[str]] | None = None) -> Session:
    """Use package images in this process, from `depots` or the depot path. Idempotent.

    Raises PackageImageError for a setting (PKGIMAGE, PKGIMAGE_FLAGS, ...) that can't be
    understood, and in mode `strict` when an image of an imported package does not fit.
    """
    from .load.pause import garbage_collection_paused

    with garbage_collection_paused():
        from .load import session

        return session.enable(depots)


def rejections() -> list[Rejection]:
    """Why images of imported packages were not used in this process, in order."""
    from .load.session import current

    session = current()
    return list(session.rejections) if session else []


def __getattr__(name: str) -> Any:
    if name == "PackageImageWarning":
        from .load.session import PackageImageWarning

        return PackageImageWarning
    if name == "PackageImageError":
        from .model.errors import PackageImageError

        return PackageImageError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
