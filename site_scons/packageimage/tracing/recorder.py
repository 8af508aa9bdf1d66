"""In a traced process: notes each specialisation that the program asks Numba for.

What Numba compiles, what it loads from its cache and what images answer all end in
`Dispatcher.add_overload`; ufuncs have their own way. Each is written at once, a line to a file of
this process, because a process may end without a word (`os._exit`, a killed worker).

The hooks use Numba's private interfaces and nothing of images: a program is traced as it is.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from packageimage.tracing.workload import DECLARED, Traced, line_of

TRACE_VARIABLE = "PKGIMAGE_TRACE"
SKIP_VARIABLE = "PKGIMAGE_TRACE_SKIP"
"""Set when what images answer is not to be recorded."""

_OF_IMAGES = "packageimage.load.numba_library"
# Numba compiles these for itself, in whoever calls them.
_INNER = ("numba", "llvmlite")


def start(folder: str) -> None:
    """Record into `folder`, from when Numba is imported on."""
    if "numba" in sys.modules:
        Recorder(Path(folder)).install()
    else:
        sys.meta_path.insert(0, _Watcher(Recorder(Path(folder)).install))


class _Watcher:
    """A meta-path finder that acts once, when Numba has been imported."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self._active = False

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        """importlib's finder protocol."""
        if fullname != "numba" or self._active:
            return None
        self._active = True
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def run_and_act(module: ModuleType) -> None:
                run(module)
                self._act()

            spec.loader.exec_module = run_and_act  # type: ignore[method-assign]
        return spec


class Recorder:
    """Writes what it is told; `install` puts it into Numba."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unnamed: list[tuple[Any, Any, str, tuple[Any, ...]]] = []
        self._owner = os.getpid()

    def install(self) -> None:
        import atexit

        from numba.core import dispatcher
        from numba.np.ufunc import dufunc, gufunc

        add_overload = dispatcher._DispatcherBase.add_overload

        def record_overload(this: Any, result: Any) -> Any:
            add_overload(this, result)
            if isinstance(this, dispatcher.Dispatcher) and not isinstance(
                this, dispatcher.LiftedCode
            ):
                self._note(this, this.py_func, "compile", result.signature.args, result.library)

        dispatcher._DispatcherBase.add_overload = record_overload
        for cls in (dufunc.DUFunc, gufunc.GUFunc):
            self._watch_ufunc(cls, "_compile_for_argtys")
        self._watch_ufunc(gufunc.GUFunc, "add")
        atexit.register(self._name_the_rest)

    def _watch_ufunc(self, cls: Any, name: str) -> None:
        from numba.core import sigutils
        from numba.np.ufunc.gufunc import GUFunc

        original = getattr(cls, name)

        def record(this: Any, sig: Any, *more: Any) -> Any:
            done = original(this, sig, *more)
            with contextlib.suppress(Exception):
                arguments, _ = sigutils.normalize_signature(sig)
                maker = this.gufunc_builder if cls is GUFunc else this._dispatcher
                library = getattr(done, "library", None)
                self._note(this, maker.py_func, "add", tuple(arguments), library)
            return done

        setattr(cls, name, record)

    def _note(
        self, this: Any, function: Any, method: str, arguments: tuple[Any, ...], library: Any
    ) -> None:
        """Never raises: a trace that fails must not change what the program does."""
        with contextlib.suppress(Exception):
            if function.__module__.partition(".")[0] in _INNER:
                return
            if os.environ.get(SKIP_VARIABLE) and type(library).__module__ == _OF_IMAGES:
                return
            name = _name_of(this, function)
            if not name:
                self._unnamed.append((this, function, method, arguments))
            self._write(_traced(function, name, method, arguments, _why_not(this)))

    def _name_the_rest(self) -> None:
        """Those that had no name yet when they were compiled, as with explicit signatures."""
        if os.getpid() != self._owner:
            return  # a forked process: its parent has them
        for this, function, method, arguments in self._unnamed:
            with contextlib.suppress(Exception):
                name = _name_of(this, function)
                if name:
                    self._write(_traced(function, name, method, arguments, _why_not(this)))

    def _write(self, traced: Traced) -> None:
        # One write to a file opened for appending: lines of threads do not mix.
        path = self._folder / f"{os.getpid()}.jsonl"
        with open(path, "ab", buffering=0) as file:
            file.write((line_of(traced) + "\n").encode("utf-8"))


def _why_not(this: Any) -> str:
    """Why a dispatcher or ufunc is not to be compiled in a workload; empty when it is."""
    if not getattr(this, "_can_compile", True) or getattr(this, "_frozen", False):
        return DECLARED
    if type(this).__name__ == "GUFunc":
        return "a guvectorize without signatures; call it in a workload"
    return ""


def _traced(function: Any, name: str, method: str, arguments: tuple[Any, ...], why: str) -> Traced:
    from packageimage.tracing.type_text import NoText, modules_in, type_text

    texts: tuple[str, ...] = ()
    module = function.__module__
    if not why and module == "__main__":
        why = "defined in the program itself; an image holds functions of packages"
    if not why:
        try:
            texts = tuple(map(type_text, arguments))
        except NoText as error:
            why = str(error)
    if not why and not name:
        why = "it has no name at the top level of a module"
    needed = {module}.union(*map(modules_in, texts))
    return Traced(
        module=module,
        qualname=function.__qualname__,
        name=name,
        method=method,
        arguments=texts if not why else (),
        imports=tuple(sorted(needed)) if not why else (),
        shown=_without_addresses(f"({', '.join(map(str, arguments))})"),
        why=_without_addresses(why),
    )


def _without_addresses(text: str) -> str:
    """Types of functions and jitclasses show where in memory an object lies."""
    return re.sub(r" at 0x[0-9a-f]+|#[0-9a-f]{6,}", "", text)


def _name_of(this: Any, function: Any) -> str:
    """The name with which a workload reaches a dispatcher or ufunc through its function's module.

    Its own where that leads to it, else the first in sorted order at the module's top level.
    """
    module = sys.modules.get(function.__module__)
    found: Any = module
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is this:
        return f"{function.__module__}.{function.__qualname__}"
    names = [name for name, value in list(vars(module).items()) if value is this]
    return f"{function.__module__}.{min(names)}" if names else ""
