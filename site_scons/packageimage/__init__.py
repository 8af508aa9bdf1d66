"""Package images for Python: native code for Numba packages, built once and loaded at once.

    import packageimage
    packageimage.enable()
    import kernels            # runs from its image

`enable` imports nothing heavy: Numba is imported with the first package that has an image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"
__all__ = [
    "PackageImageError",
    "PackageImageWarning",
    "enable",
    "include_dependency",
    "rejections",
]

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from .load.session import Session
    from .model.errors import PackageImageError, PackageImageWarning
    from .model.rejection import Rejection


def enable(depots: Iterable[str | os.PathLike[str]] | None = None) -> Session:
    """Use package images in this process, from `depots` or the depot path. Idempotent.

    Raises PackageImageError for a setting (PKGIMAGE, PKGIMAGE_FLAGS, ...) that can't be
    understood, and in mode `strict` when an image of an imported package does not fit.
    """
    from .load import garbage_collection_paused

    with garbage_collection_paused():
        from .load import session

        return session.enable(depots)


_declared: list[tuple[str, str]] | None = None  # (module, path), while a capture is taken


def include_dependency(path: str | os.PathLike[str]) -> None:
    """Say, in a package, that its image depends on a data file as on a source (as in Julia).

    A relative path starts at the folder of the calling module's file. When the file changes, SCons
    builds the image anew and the loader rejects the old one. Outside a build this does nothing;
    there, a file that can't be read is a PackageImageError.
    """
    if _declared is not None:
        import os
        import sys

        caller = sys._getframe(1).f_globals
        folder = os.path.dirname(os.path.abspath(caller.get("__file__") or ""))
        _declared.append((caller.get("__name__") or "", os.path.join(folder, os.fspath(path))))


def rejections() -> list[Rejection]:
    """Why images of imported packages were not used in this process, in order."""
    from .load.session import current

    session = current()
    return list(session.rejections) if session else []


def __getattr__(name: str) -> Any:
    if name in ("PackageImageError", "PackageImageWarning"):
        from .model import errors

        return getattr(errors, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
