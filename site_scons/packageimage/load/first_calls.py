"""What restored functions are called with until each specialisation has been called once.

A specialisation is a Python function of C from the start, so that Numba's C dispatcher chooses
among all that the image has. Its code is at first the image's own (`codegen.first_calls`), which
looks at the globals that count, tells that it was called, and makes way for the specialisation's
code; not sooner, because globals are frozen when a function is first called. Where looking is not
enough it asks here.
"""

from __future__ import annotations

import ctypes
from _thread import RLock
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .image import answer_sources

if TYPE_CHECKING:
    from .dispatchers import Function
    from .image import Image
    from .numba_extensions import Extensions

# Words of codegen.first_calls' state: the addresses of the records and of the chosen target's entry
# tables, the list of what was started, what is asked, a method of dispatchers, and two functions.
_STATE_WORDS = 7
# Words of a record: a PyMethodDef, of which the second is its code, its entry, its checks, its
# function.
_RECORD_WORDS = 7
_CODE = 1
_FUNCTION = 6


class FirstCalls:
    """Those of one package."""

    def __init__(
        self,
        image: Image,
        native: Extensions,
        count: int,
        specs: tuple[Any, ...],
        ask: Callable[[int, tuple[Any, ...]], Any],
    ) -> None:
        """count: of specialisations. specs: of what these take, by number. `ask` is called with the
        number of one that cannot start by itself and the arguments of its first call, and returns
        what shall be called instead."""
        self.specs = specs
        self.codes = list(map(native.codes_of, specs))
        """The numbers of their types in Numba's C code, by number of specs."""
        self.functions: list[Function] = []  # by number of specialisation
        self.started: list[int] = []  # what was called, in that order; the image's code adds to it
        self._noted = 0
        self._lock = RLock()  # nothing else is waited for under it
        self._count = count
        self._kept = ask, native.dispatcher.Dispatcher._insert
        self._records = (ctypes.c_uint64 * (_RECORD_WORDS * count))()
        state = (ctypes.c_void_p * _STATE_WORDS).from_address(image.first_calls)
        state[0] = ctypes.addressof(self._records)
        state[1] = image.entry_tables
        state[2] = id(self.started)
        state[3], state[4] = map(id, self._kept)
        module, nothing = ModuleType("pkgimage"), native.functions.Environment({})

        def made(name: str, address: int | None) -> Any:
            return native.functions.make_function(module, name, "", address, nothing, (self,))

        self.add: Callable[..., object] = made("add", state[5])
        """Give a dispatcher a specialisation: (dispatcher, its `Function`, of `codes`, number of
        the specialisation, partition and position of its code among the image's entries; and where
        it need not ask, of each global that counts namespace, name, expected value, in a row).
        All of these are hidden from the garbage collector (`untrack`)."""
        self.untrack: Callable[..., object] = made("untrack", state[6])
        """Hide objects from the garbage collector: lists, dictionaries, tuples that live as long
        as the process. What it does to a process that ends goes by what it has to look at."""
        self.untrack(self.functions)
        answer_sources.append(self.note_started)

    def reserve(self, counts: Iterable[tuple[Function, int]]) -> bool:
        """Give functions numbers for their specialisations, of which they have so many; whether
        there are enough, as there are unless a module was restored twice."""
        taken: list[Function] = []
        for function, count in counts:
            taken += [function] * count
        if not taken:
            return True
        at = len(self.functions)
        self.functions.extend(taken)  # at once: threads and signal handlers may do so
        at = self.functions.index(taken[0], at)
        if at + len(taken) > self._count:
            return False
        for number, function in enumerate(taken, at):
            if function.first < 0:
                function.first = number
        return True

    def callable(self, number: int) -> Any:
        """What a dispatcher calls for a specialisation; None where it has none yet."""
        place = _RECORD_WORDS * number + _FUNCTION
        if not self._records[place]:
            return None
        return ctypes.py_object.from_address(ctypes.addressof(self._records) + 8 * place).value

    def start(self, number: int, address: int) -> Any:
        """Let a specialisation run code that is ready; what to call."""
        self._records[_RECORD_WORDS * number + _CODE] = address
        self.started.append(number)
        return self.callable(number)

    def note_started(self) -> None:
        """Note what has been called since the last time."""
        if self._noted == len(self.started):
            return
        from .methods import note_answer

        with self._lock:
            while self._noted < len(self.started):
                number = self.started[self._noted]
                function = self.functions[number]
                specs, _, key, _ = function.method_of(number)
                if specs not in function.started:
                    function.started += (specs,)
                    note_answer(key, function.dispatcher)
                self._noted += 1
