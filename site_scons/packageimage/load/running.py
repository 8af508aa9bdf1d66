"""How something is done when a module runs, as Numba's import is noticed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .loader import found_by_others

if TYPE_CHECKING:
    from .protocols import Restoring


def spec_of_numba(session: Restoring) -> ModuleSpec | None:
    """Numba's spec, by which restored packages learn that its package has run."""
    return spec_before("numba", None, session, _numba_has_run)


def spec_before(
    name: str, path: Any, session: Restoring, after: Callable[[], object]
) -> ModuleSpec | None:
    """The spec of a module that others find, of which something wants to know that it has run."""
    spec = found_by_others(name, path, session)
    if spec is not None:
        around_run(spec, after=after)
    return spec


def _numba_has_run() -> None:
    dispatchers = sys.modules.get(f"{__package__}.dispatchers")
    if dispatchers is not None:  # else nothing waits for it
        dispatchers.numba_is_imported()


def _nothing() -> None:
    """What is done where nothing is to be done."""


def around_run(
    spec: ModuleSpec,
    before: Callable[[], object] = _nothing,
    after: Callable[[], object] = _nothing,
) -> None:
    """Have something done when a module runs, before it and when it has come to its end."""
    run = getattr(spec.loader, "exec_module", None)
    if run is None:
        return

    def run_module(module: ModuleType) -> None:
        before()
        run(module)
        after()

    spec.loader.exec_module = run_module  # type: ignore[union-attr, method-assign]
