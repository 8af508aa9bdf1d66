"""Hooks Numba in the process that captures a package.

`install()` must run in a process of its own before the package is imported.  It makes Numba

- keep each code library's LLVM module as it is before MCJIT rewrites it in place, and emit code
  that refers to Python objects, environments and large arrays through named slots, where it would
  bake in addresses of this process (`numba_libraries`);
- report each specialisation that it compiles, of any kind, to the `Recorder` (`numba_requests`);
- give the same code in any folder, process and order (`numba_stable`), with wrappers of our own
  (`numba_wrappers`).

It and the other modules called `numba_*` use Numba's private interfaces.
Checked against Numba 0.67 and 0.68; `check_version` refuses others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.core import ccallback, compiler, dispatcher
from numba.core.registry import cpu_target
from numba.np.ufunc import ufuncbuilder, wrappers

from ..model.errors import PackageImageError
from . import numba_wrappers
from .hooks import replace
from .numba_libraries import hook_libraries, hook_slots
from .numba_recorder import Recorder
from .numba_requests import hook_compilations, hook_dispatchers, hook_ufuncs
from .numba_stable import hook_locations, stable_counters, stable_uuids

SUPPORTED_NUMBA = ((0, 67), (0, 68))


def check_version() -> None:
    """Raises PackageImageError when this Numba is not one of those that the bridge was made for."""
    found = tuple(int(part) for part in numba.__version__.split(".")[:2])
    if found not in SUPPORTED_NUMBA:
        known = " or ".join(f"{a}.{b}" for a, b in SUPPORTED_NUMBA)
        raise PackageImageError(
            f"expected Numba {known}, found {numba.__version__}: install a supported Numba"
        )


def install(package: str = "", *, inline: bool = True, line_tables_only: bool = False) -> Recorder:
    """Hook Numba in this process and return the recorder of what it compiles.

    `package` is the one that is captured. `inline=False` keeps LLVM from inlining;
    `line_tables_only` gives debug level 1 where Numba's own setting asks for level 2.
    """
    check_version()
    recorder = Recorder([package])
    _disable_caches()
    hook_libraries(recorder, inline=inline)
    hook_slots(recorder, recorder.slots)
    numba_wrappers.install()
    hook_compilations(recorder)
    hook_dispatchers(recorder)
    hook_ufuncs(recorder)
    hook_locations(recorder)
    stable_counters()
    stable_uuids()
    if line_tables_only:
        _line_tables_only()
    return recorder


def settings() -> dict[str, str]:
    """Numba's configuration as it is now: a package may have changed it."""
    return {
        name: repr(value)
        for name, value in sorted(vars(numba.config).items())
        if name.isupper() and isinstance(value, (bool, int, float, str, type(None)))
    }


def _disable_caches() -> None:
    def nothing(self: Any) -> None:
        return None

    def note(self: Any) -> None:
        self._pkgimage_caches = True  # the restored one shall

    dispatcher.Dispatcher.enable_caching = note
    ufuncbuilder.UFuncDispatcher.enable_caching = nothing
    ccallback.CFunc.enable_caching = nothing
    wrappers.GufWrapperCache = lambda py_func: wrappers.NullCache()


def _line_tables_only() -> None:
    def compiler_init(original: Callable) -> Callable:
        def hooked(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            # Numba gives CUDA code lines without variables, and thereby leaves inlining on; its
            # lowering for the CPU reads the same flag.
            self.state.flags.dbg_directives_only = True

        return hooked

    replace(compiler.CompilerBase, "__init__", compiler_init)


def target_layout() -> tuple[str, str]:
    """Triple and data layout that captured modules have."""
    generator = cpu_target.target_context.codegen()
    return generator._llvm_module.triple, str(generator._data_layout)
