"""Programs that use the package `stored` (tests/packages), which is restored."""

# All of it without importing Numba.
WITHOUT_NUMBA = """
import sys
import numpy as np
import stored
from stored import calls, kinds

def attempt(function, *arguments, **named):
    try:
        return function(*arguments, **named)
    except Exception as error:
        return f"{type(error).__name__}: {error}"

print(stored.__doc__, stored.__all__, stored.__version__, stored.answer)
print(stored.scaled(1.0), stored.scaled(1.0, 3.0), stored.scaled(2), stored.scaled(x=1.0, by=3.0))
print(stored.scaled(np.ones(3)), stored.total(np.ones(5)), calls.plain(np.ones(4)))
print(calls.looked_up(1), calls.checked(3), attempt(calls.checked, -1))
print(calls.of_tuple((1.0, 2)), calls.of_tuple((1, 2)), calls.of_text("a", "b"))
print(calls.of_records(np.ones(2, [("a", "f8"), ("b", "i4")])))
print(calls.of_dates(np.datetime64(5, "s"), np.datetime64(2, "s")))
print(calls.outer(3), calls.inner(5))
print(calls.of_nothing(), calls.rest(1), calls.rest(1, 2, 3), calls.maybe(None), calls.maybe(2.0))
print(list(calls.count_to(3)), calls.both(1, np.float32(2)))
print(calls.shape(np.ones((2, 3))), calls.shape(np.ones((2, 3)).T))
print(calls.shape(np.ones((2, 6))[:, ::2]))
print(calls.add_three(1), calls.add_half(1.0), calls.fast(1), calls.faster(1.0), calls.slow(1))
print(calls.declared(1.5), calls.declared(2), calls.declared(np.float32(1.5)))
print(calls.declared_arrays(np.ones(3)), calls.declared_arrays(np.ones(6)[::2]))
print(calls.declared_arrays(np.ones(3, np.float32)), calls.declared_arrays(np.ones(3, bool)))
print(calls.one_signature(1, 2.5), calls.declared_tuple((1.5, 2)), calls.declared_tuple((1, 2)))
print(calls.scaled.__name__, calls.scaled.__doc__, calls.scaled.__module__)
print(calls.scaled.__qualname__, calls.scaled.py_func(1.0))
print(calls.fast.py_func is calls.slow, calls.second_name is calls.scaled)
print(calls.scaled.targetoptions, callable(calls.scaled), calls.scaled.__defaults__)
print(kinds.same_table is calls.TABLE, np.shares_memory(kinds.row, calls.TABLE), kinds.row)
print(kinds.ring[0] is kinds.ring, kinds.shared["ring"] is kinds.ring)
print(kinds.setting, kinds.Setting("b"), kinds.origin.norm, kinds.Point(3.0, 4.0).norm)
print(kinds.Grade(2) is kinds.Grade.HIGH, kinds.Grade.LOW < 2, isinstance(kinds.made, kinds.Base))
print(kinds.made, kinds.Derived.make(), kinds.Base.instances, kinds.Derived.instances)
print(kinds.cached(3.0) is kinds.cached(3.0), kinds.cached.cache_info())
print(attempt(kinds.failing), kinds.log.name, kinds.Derived.__mro__)
calls.TABLE[0, 0] = 5.0
print(kinds.same_table[0, 0], calls.LARGE[:2])
print(kinds.made.method.__self__ is kinds.made, kinds.source.closed, kinds.first_line)
"""
