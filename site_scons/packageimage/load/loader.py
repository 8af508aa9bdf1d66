"""How modules that an image restores are found, and how Numba's import is noticed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

from .pause import garbage_collection_paused


class ImageLoader(SourceFileLoader):
    """A source file's loader that takes what the module holds from an image.

    All else is the source file's: `inspect.getsource`, resources, the code for `python -m`. Raises
    of a module what its `__pkgimage_init__` raises.
    """

    def __init__(
        self, name: str, path: str, package: Any, report: Callable[[str, str], None]
    ) -> None:
        """`package`: a `restored.RestoredPackage`. `report` is told (module, reason) when the
        source has to run."""
        super().__init__(name, path)
        self._package = package
        self._report = report

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """importlib's protocol. A function may have been restored before its module is imported."""
        from .objects import early_module

        return early_module(spec.name) if spec.name == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        """importlib's protocol. A module that is reloaded runs its source, which may be edited."""
        from .restored import CannotRestore

        name = module.__name__
        if name == self.name and name not in self._package.values:
            try:
                with garbage_collection_paused():
                    self._package.run(module)
            except CannotRestore as error:
                self._report(name, str(error))
            else:
                return
        super().exec_module(module)


def spec_of(
    name: str, path: Any, package: Any, report: Callable[[str, str], None]
) -> ModuleSpec | None:
    """The spec of a restored module; None where the module is not a source file any more."""
    spec = PathFinder.find_spec(name, path)
    if spec is None or type(spec.loader) is not SourceFileLoader:
        return spec
    spec.loader = ImageLoader(name, spec.loader.path, package, report)
    return spec


def spec_of_numba() -> ModuleSpec | None:
    """Numba's spec, by which restored packages learn that its package has run."""
    spec = PathFinder.find_spec("numba")
    if spec is not None and spec.loader is not None:
        run = spec.loader.exec_module

        def run_and_tell(module: ModuleType) -> None:
            from .restored import numba_is_imported

            run(module)
            numba_is_imported()

        spec.loader.exec_module = run_and_tell  # type: ignore[method-assign]
    return spec
