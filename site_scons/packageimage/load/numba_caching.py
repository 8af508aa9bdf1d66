"""What Numba's own cache keeps while images are loaded.

Code of an image refers to variables of the process, so Numba's cache can keep nothing that has it
in it. While Numba compiles for its cache (`cache=True`), what it calls is therefore compiled by
Numba as well, as without images: a method's *stand-in*. That is done once; from then on the cache
has the caller with all that it calls, and the next process compiles nothing.
"""

from __future__ import annotations

from _thread import _local
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import errors, event
from numba.core.caching import NullCache

from . import logs, note
from .numba_attach import Hook

UNCACHEABLE = "pkgimage"
"""A library of an image counts as having this dynamic global, so that Numba's cache keeps nothing
that has it in it: it refers to the image's slots."""

_STAND_INS = "_pkgimage_stand_ins"
"""Under this name a dispatcher holds its stand-ins' compile results, by types of arguments."""


class Keeping(_local):
    """What this thread compiles for Numba's cache."""

    def __init__(self) -> None:
        self._depth = 0
        self._making: list[tuple[Any, tuple[Any, ...]]] = []

    @contextmanager
    def compiling(self, cache: Any) -> Iterator[None]:
        """While something is compiled that this cache is to keep, if it is one."""
        if not getattr(cache, "_enabled", False):  # `NullCache` has no such switch
            yield
            return
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def __bool__(self) -> bool:
        return self._depth > 0

    def is_making(self, target: Any, arguments: tuple[Any, ...]) -> bool:
        """Whether this stand-in is being compiled: then what calls it is called by it."""
        return any(one is target and other == arguments for one, other in self._making)

    def stand_in(self, target: Any, arguments: tuple[Any, ...], declared: Any) -> Any:
        """The compile result that Numba has for a dispatcher and these types. None where it cannot
        compile that, or is about to. declared: the return type, if it was."""
        stand_ins = target.__dict__.setdefault(_STAND_INS, {})
        if arguments in stand_ins or self.is_making(target, arguments):
            return stand_ins.get(arguments)
        self._making.append((target, arguments))
        try:
            stand_ins[arguments] = _compiled(target, arguments, declared)
        except (errors.NumbaError, NotImplementedError) as error:
            # Of functions that call each other, Numba gives up on one that calls another while that
            # is compiled, when it is done with its types.
            if logs:
                why = f"Numba cannot compile it for its cache: {error}"
                note("not cached", method=target.py_func.__qualname__, why=why)
        finally:
            self._making.pop()
        return stand_ins.get(arguments)


def _compiled(target: Any, arguments: tuple[Any, ...], declared: Any) -> Any:
    """As `Dispatcher.compile` does it, but for what the dispatcher learns of it."""
    # Of a declared signature Numba's cache knows the text.
    cache = target._cache if declared is None else NullCache()
    context = target.targetctx
    found = cache.load_overload(arguments, context)
    if found is not None:
        if not found.objectmode:
            context.insert_user_function(found.entry_point, found.fndesc, [found.library])
        return found
    details = {"dispatcher": target, "args": arguments, "return_type": declared}
    # The counter tells Numba that what calls it in there recurses.
    with target._compiling_counter, event.trigger_event("numba:compile", data=details):
        # Not `compile`, which remembers for the dispatcher what could not be compiled.
        made = target._compiler._compile_core(arguments, declared)
    cache.save_overload(arguments, made)
    return made


def mark_uncacheable(original: Hook) -> Hook:
    """Numba's own cache must not keep code that refers to an image's slots by address."""

    def add_linking_library(self: Any, library: Any) -> None:
        original(self, library)
        if UNCACHEABLE in library._dynamic_globals and UNCACHEABLE not in self._dynamic_globals:
            self._dynamic_globals.append(UNCACHEABLE)

    return add_linking_library


def refuse_quietly(original: Hook) -> Hook:
    """Where nothing but an image's code keeps a function out of Numba's cache, Numba would warn of
    dynamic globals, which the program has none of and can do nothing about."""

    def check_cachable(this: Any, result: Any) -> Any:
        others = set(result.library._dynamic_globals) - {UNCACHEABLE}
        if others or not result.library._dynamic_globals or not _can_be_cached(result.lifted):
            return original(this, result)
        if logs:
            described = f"{result.fndesc.modname}.{result.fndesc.qualname}"
            note("not cached", method=described, why="it calls a function of an image")
        return False

    return check_cachable


def _can_be_cached(lifted: Iterable[Any]) -> bool:
    return all(one.can_cache for one in lifted)
