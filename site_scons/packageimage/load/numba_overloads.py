"""`Dispatcher.overloads` of what images have answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core import dispatcher
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher

from .numba_library import Found

# The lock itself: entering it through Numba broadcasts two events, which takes longer than what is
# done under it.
compiler_lock = global_compiler_lock._lock


class Overloads:
    """`Dispatcher.overloads` as an attribute that looks first: methods that an image answered
    become compile results when somebody asks for any of a dispatcher's, which calls do not."""

    _WAITING = "_pkgimage_waiting"

    def __init__(self, make: Callable[[Found, tuple[Any, ...], Any], Any]) -> None:
        self._make = make

    def __get__(self, target: Any, owner: Any = None) -> Any:
        if target is None:
            return self
        state = target.__dict__
        if self._WAITING in state:
            with compiler_lock:
                # Of two threads the second finds none, and waits here for the first's results.
                for arguments, (found, entry_point) in state.get(self._WAITING, {}).items():
                    result = self._make(found, arguments, entry_point)
                    state["overloads"][arguments] = result
                state.pop(self._WAITING, None)
        try:
            return state["overloads"]
        except KeyError:
            raise AttributeError("overloads") from None

    def __set__(self, target: Any, value: Any) -> None:
        target.__dict__["overloads"] = value

    @staticmethod
    def can_wait(target: Any) -> bool:
        """Whether nobody else wants to hear of each new overload."""
        add = type(target).add_overload
        return type(target) is CPUDispatcher and add.__module__ == dispatcher.__name__

    @classmethod
    def has(cls, target: Any, arguments: tuple[Any, ...]) -> bool:
        """Whether a dispatcher has an overload, be it one that waits."""
        state = target.__dict__
        known, waiting = state["overloads"], state.get(cls._WAITING)
        return bool(known and arguments in known) or bool(waiting and arguments in waiting)

    @classmethod
    def add(cls, target: Any, arguments: tuple[Any, ...], found: Found, entry_point: Any) -> None:
        """As `Dispatcher.add_overload` does, but for the compile result."""
        codes = [kind._code for kind in arguments]
        target._insert(codes, entry_point, found.row["objectmode"])
        target.__dict__.setdefault(cls._WAITING, {})[arguments] = (found, entry_point)
