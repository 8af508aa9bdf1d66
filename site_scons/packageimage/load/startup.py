"""What a Python process with `pkgimage enable` runs at start: almost nothing.

The `.pth` file that `pkgimage enable` writes imports this module in every process of the
environment, so it only waits for Numba: packages without Numba have no images. When Numba has been
imported, images are enabled, also for the package whose import has brought Numba in.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


class NumbaWatcher:
    """A meta-path finder that acts once, when Numba is imported."""

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        """importlib's finder protocol."""
        if fullname != "numba":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def run_and_enable(module: ModuleType) -> None:
                run(module)
                enable_or_say_why()

            spec.loader.exec_module = run_and_enable  # type: ignore[method-assign]
        return spec


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
    sys.meta_path.insert(0, NumbaWatcher())
