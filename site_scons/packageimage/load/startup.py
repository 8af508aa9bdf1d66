"""What a Python process with `pkgimage enable` runs at start: almost nothing.

The `.pth` file that `pkgimage enable` writes imports this module in every process of the
environment, so it only waits: for a package that has images, which may be restored without Numba,
and for Numba, for the package whose import has brought it in. A program that imports the standard
library alone pays for one comparison at each import.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder


class Watcher:
    """A meta-path finder that acts once, when Numba or a package with images is imported."""

    def __init__(self) -> None:
        self._packages: frozenset[str] | None = None  # with images; not looked up yet

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        """importlib's finder protocol."""
        if "." in fullname or fullname in sys.stdlib_module_names:
            return None
        if fullname != "numba":
            return self._enable(fullname) if fullname in self._with_images() else None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname)
        if spec is not None:
            from .running import around_run

            around_run(spec, after=enable_or_say_why)
        return spec

    def _with_images(self) -> frozenset[str]:
        if self._packages is None:
            self._packages = frozenset()  # what is imported here asks again
            from .session import packages_with_images

            self._packages = packages_with_images()
        return self._packages

    def _enable(self, fullname: str) -> ModuleSpec | None:
        """Enable images, and let them find the package that is being imported."""
        sys.meta_path.remove(self)
        enable_or_say_why()
        from .session import current

        session = current()
        return None if session is None else session.find_spec(fullname)


def enable_or_say_why() -> None:
    """Enable images; a setting that can't be understood costs a line, not the program (D5)."""
    from ..model.errors import PackageImageError
    from .session import enable

    try:
        enable()
    except PackageImageError as error:
        import os

        print(f"pkgimage: error: {error}", file=sys.stderr)
        if os.environ.get("PKGIMAGE", "").strip().lower() == "strict":
            raise SystemExit(2) from None


if "numba" in sys.modules:
    enable_or_say_why()
else:
    sys.meta_path.insert(0, Watcher())
