"""Programs that use the package `elements` (tests/packages), which is restored."""

START = """
import ctypes, re, sys
import numpy as np
import elements
from elements import callbacks, classes, general, stencils, ufuncs, users

def attempt(function, *arguments, **named):
    try:
        return function(*arguments, **named)
    except Exception as error:
        return re.sub(" at 0x[0-9a-f]+", "", f"{type(error).__name__}: {error}")

reals, integers = np.arange(4.0), np.arange(4)
single = reals.astype("f4")

def shown(value):
    return (value.dtype, value.shape, value.tolist()) if isinstance(value, np.ndarray) else value

def unplaced(value):
    return re.sub("#[0-9a-f]+", "", str(value))

def show(function, *arguments, **named):
    print(shown(attempt(function, *arguments, **named)))
"""

UFUNCS = (
    START
    + """
eager, lazy = elements.eager, elements.lazy
print(eager.types, eager.nin, eager.nout, eager.nargs, eager.ntypes, eager.identity)
print(eager.signature, eager.reorderable, eager._frozen, repr(eager), str(eager))
print(eager.__name__, eager.__doc__, eager.__module__, eager.__qualname__, lazy.__annotations__)
print(eager.ufunc, eager.__wrapped__(1, 2), ufuncs.difference.__wrapped__ is ufuncs.plain)
print(ufuncs.same is lazy, elements.table["lazy"] is lazy, eager.ufunc is eager.ufunc)
print(ufuncs.used_at_import.types, ufuncs.result, ufuncs.largest.reorderable)
print(ufuncs.compiled.__wrapped__ is ufuncs.helper.py_func, ufuncs.with_note.note)
for a in (reals, single, integers, integers.astype("u1"), reals > 1, 2, 2.5, True, np.float32(3)):
    show(eager, a, a)
    show(eager, a, 1)
show(eager, reals, reals, out=np.zeros(4, "f4"), casting="same_kind")
show(eager, reals, reals, np.zeros(4))
show(eager, reals, integers, where=reals > 1, out=np.zeros(4))
show(eager, integers, integers, dtype="f8")
show(eager, reals, reals, dtype="i8", casting="unsafe")
show(eager, reals, "text")
show(eager, reals, reals, reals, reals)
show(eager, np.ones(2), np.ones(3))
show(eager, reals, nothing=1)
show(eager.reduce, reals)
show(eager.reduce, np.ones((2, 3)), axis=1)
show(eager.reduce, reals[:0])
show(eager.accumulate, integers)
show(eager.reduceat, reals, [0, 2])
show(eager.outer, reals, integers)
x = reals.copy()
show(eager.at, x, [0, 0, 1], 2.0)
print(x)
show(eager.at, single, [0, 0, 1], single[:3])
print(single)
show(lazy.reduce, reals)
print(lazy.types)
show(lazy, integers, integers)
show(lazy, reals, reals)
show(lazy, single, single)  # fits what there is
print(lazy.types)
show(lazy, reals, reals, out=np.zeros(4))
show(lazy, 1j * reals, 1j * reals)
show(lazy, integers.astype("i4"), integers.astype("i4"))
print(lazy.types, lazy.ntypes)
show(lazy.reduce, reals)
show(lazy.accumulate, reals)
x = integers.copy()
show(lazy.at, x, [0, 1], x[:2])
print(x)
largest = ufuncs.largest
x = single.copy()
show(largest.at, x, [1, 2], single[:2])
print(x, largest.types)
show(largest, integers, integers[::-1])
show(largest.reduce, integers.reshape(2, 2), axis=(0, 1))
print(largest.types, largest.identity)
show(ufuncs.half, integers.astype("i4"))
show(ufuncs.half, integers)
show(ufuncs.checked, reals)
show(ufuncs.checked, -1.0)
show(ufuncs.later, np.datetime64(1, "s"), np.timedelta64(2, "s"))
show(ufuncs.later, np.arange(3).astype("m8[s]"), np.timedelta64(2, "s"))
show(ufuncs.looked_up, integers)
show(ufuncs.in_python, reals)
show(ufuncs.calls_helper, reals)
show(ufuncs.add_three, integers)
show(ufuncs.add_half, reals)
show(ufuncs.difference, reals, reals[::-1])
show(ufuncs.compiled, reals)
show(ufuncs.with_note, integers)

class Own:
    def __array_ufunc__(self, function, method, *inputs, **kwargs):
        return function is lazy, method, len(inputs), sorted(kwargs)

show(lazy, Own(), 1)
show(lazy, 1, reals, out=Own())
class Refusing:
    def __array_ufunc__(self, *_, **__):
        return NotImplemented
show(eager, Refusing(), 1.0)
lazy.extra = 5
print(lazy.extra, hasattr(lazy, "nothing"), callable(lazy))
show(ufuncs.caller, reals, reals)
"""
)

# Compiling a caller compiles the loops that it uses.
CALLED = (
    START
    + """
show(ufuncs.caller, integers, integers)
print(ufuncs.lazy.types)
show(ufuncs.caller, reals, reals)
show(ufuncs.lazy, single, single)
print(ufuncs.lazy.types, ufuncs.lazy.ufunc.types)
show(ufuncs.caller, integers, integers)
show(ufuncs.lazy, 1j * reals, 1j * reals)
print(ufuncs.lazy.types)
"""
)

GUFUNCS = (
    START
    + """
spread, total = elements.spread, general.total
print(spread.types, spread.nin, spread.nout, spread.signature, spread.identity, repr(spread))
print(spread.__name__, spread.__doc__, spread.__module__, spread.is_dynamic, total.is_dynamic)
print(spread.ufunc, spread.ntypes, spread.nargs, spread._frozen, total._frozen, total.types)
for a in (reals, single, integers, np.ones((2, 3)), np.ones((3, 2)).T):
    show(spread, a, 2)
show(spread, reals, 2, out=np.zeros(4))
show(spread, reals, 2, np.zeros(4, "f4"))
show(spread, reals, 2, axis=0)
show(spread, reals, 2.5)
show(spread, 1.0, 2)
show(spread, reals)
x = reals.copy()
show(general.moved, x)
print(x)
show(general.product, np.ones((3, 4)), reals)
show(general.product, np.ones((3, 4)), reals[:2])
out, out4 = np.zeros(()), np.zeros((), "f4")
show(total, single, out4)
print(total.types)
show(total, integers.astype("i2"), out4)  # fits what there is
print(total.types)
show(total, reals, out)
show(total, np.ones((2, 3)), out=np.zeros(2))
print(total.types, out, out4)
show(general.added, 1.0, 2.0, out)
show(general.added, reals, 2.0, np.zeros(4))
print(general.added.identity, general.added.types)
show(general.caller, reals, np.zeros(4))
print(elements.table["spread"] is spread)
"""
)

CALLBACKS = (
    START
    + """
half, clear, is_more = callbacks.half, callbacks.clear, callbacks.is_more
print(half.__name__, half.__qualname__, half, half.__wrapped__(3.0), half(5))
print(half.address == ctypes.cast(half.ctypes, ctypes.c_void_p).value, half.ctypes(4.0))
print(half.ctypes is half.ctypes, half.ctypes.argtypes, half.ctypes.restype, half.cache_hits)
x = np.ones(3)
print(clear.ctypes(x.ctypes.data_as(ctypes.POINTER(ctypes.c_double)), 2), x)
print(is_more.ctypes(3, 2), is_more.ctypes(1, 2), is_more.ctypes.argtypes)
print(callbacks.add_seven.ctypes(1), callbacks.add_seven(2), type(half.native_name))
print(elements.table["callback"] is half, attempt(half.ctypes, "text"))
print(callbacks.caller(4.0))
try:
    from scipy import LowLevelCallable, integrate
except ImportError:
    print("no SciPy")
else:
    print(integrate.quad(LowLevelCallable(half.ctypes), 0, 2))
"""
)

STENCILS = (
    START
    + """
show(stencils.smooth, reals)
show(stencils.smooth, single)
show(stencils.smooth, reals, out=np.zeros(4))
show(stencils.smooth, np.ones(3))
show(stencils.around, np.arange(16.0).reshape(4, 4)[:, :3].copy())
show(stencils.weighted, reals, np.array([1.0, 2.0]))
show(stencils.caller, reals)
"""
)

CLASSES = (
    START
    + """
Counter = classes.Counter
print(classes.plain(1.0), users.through(2.0), users.Counter is Counter)
print(Counter.__name__, Counter.__qualname__, Counter.__module__, Counter.__doc__)
print(Counter.__mro__, isinstance(1, Counter), classes.registry["counter"] is Counter)
print(issubclass(Counter, Counter), Counter.add(type("Own", (), {"value": 1.0, "count": 0})(), 2))
"""
)

WITH_CLASSES = (
    START
    + """
Counter, Holder = classes.Counter, classes.Holder
made = users.start(1.5)
print(made.add(2.0), made.value, made.count, made.mean, type(made).__name__)
print(isinstance(made, Counter), isinstance(1, Counter), Counter.twice(4), made.twice(5))
print(classes.use(made, 3), classes.make(2.0).value, Counter().value, Counter(value=3.0).value)
print(type(Counter).__name__, type(Counter).__module__, Counter.class_type.struct)
print(Holder(made).total(), list(Holder.class_type.struct))
print(unplaced(Holder.class_type.struct), unplaced(Counter.class_type.instance_type))
print(sorted(vars(Counter)), Counter.__mro__)

import numba
@numba.njit
def uses(x):
    counter = Counter(x)
    return use(counter) + Holder(counter).total()

@numba.njit
def use(counter):
    return counter.add(1.0)

print(uses(1.0), numba.typeof(made) == Counter.class_type.instance_type)
show(Counter, 1.0, 2.0, 3.0)
show(getattr, Counter, "nothing")
show(type, "Sub", (Counter,), {})
classes.RATE = 5.0
print(made.add(1.0), users.start(1.0).add(1.0), classes.plain(1.0))
"""
)

# Threads that call for the first time at once, while another one may import Numba.
THREADS = (
    START
    + """
import threading
sys.setswitchinterval(1e-6)
barrier, failed = threading.Barrier(7), []

def work():
    barrier.wait()
    try:
        for _ in range(20):
            out = np.zeros(())
            general.total(reals, out)
            assert out == 12
            assert ufuncs.eager(reals, reals).tolist() == [0, 2, 4, 6]
            assert ufuncs.lazy(reals, reals).tolist() == [2, 3, 6, 11]
            assert general.spread(reals, 1).tolist() == [2, 3, 4, 5]
            assert callbacks.half.ctypes(2.0) == 1
            assert stencils.smooth(reals)[1] == 1
    except BaseException as error:
        failed.append(repr(error))

def another():
    barrier.wait()
    if IMPORT:
        import numba

threads = [threading.Thread(target=work) for _ in range(6)] + [threading.Thread(target=another)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(failed, ufuncs.lazy.types, ufuncs.eager.types, general.total.types)
"""
)

# What needs Numba, which is then imported; in the end all is as after a plain import.
WITH_NUMBA = (
    START
    + """
import copy, pickle
lazy, eager, spread, total = ufuncs.lazy, ufuncs.eager, general.spread, general.total
show(lazy, integers, integers)
show(total, reals, np.zeros(()))
lazy.note = 5
early = lazy.ufunc
address = callbacks.half.address
late = stencils.smooth(reals)
import numba
from numba.core.ccallback import CFunc
from numba.np.ufunc.dufunc import DUFunc
from numba.np.ufunc.gufunc import GUFunc
from numba.stencils.stencil import StencilFunc
print(sorted(ufuncs.half.targetoptions["fastmath"]))
for each in (lazy, eager, ufuncs.half, ufuncs.add_half):
    print(type(each) is DUFunc, each.types, list(each._dispatcher.overloads), each._frozen)
for each in (spread, total, general.added):
    print(type(each) is GUFunc, each.types, list(each._dispatcher.overloads), each._frozen)
print(type(callbacks.half) is CFunc, callbacks.half.address == address, callbacks.half.cache_hits)
print(type(stencils.around) is StencilFunc, stencils.around.options, stencils.around.neighborhood)
print(lazy.ufunc is early, lazy.note, len(lazy._keepalive), eager.targetoptions, lazy.reorderable)
print(sorted(vars(lazy)), sorted(vars(eager)))
print(sorted(name for name in vars(spread)), sorted(vars(callbacks.clear)))
print(lazy.__doc__, eager.__doc__, lazy.__wrapped__.__name__, spread.__doc__, lazy.__annotations__)

@numba.njit
def calls_all(a):
    b = np.zeros_like(a)
    spread(a, 2, b)
    return eager(a, a) + lazy(a, a) + b + stencils.smooth(a)

show(calls_all, reals)
show(calls_all, single)
print(lazy.types, eager.types)
show(lazy, 1j * reals, 2)
show(lazy, reals, "text")
show(eager, reals, "text")
show(spread, reals, "text")
show(lazy.disable_compile)
show(lazy, integers.astype("M8[s]"), 3)
show(total, integers, np.zeros((), "i8"))
show(total, integers.astype("u2"), np.zeros((), "f4"))
print(total.types)
show(total, integers)
for each in (lazy, eager, spread, total):
    again = pickle.loads(pickle.dumps(each))
    print(type(again).__name__, again.types, again.__name__, again._frozen)
print(copy.copy(eager).types, callbacks.half.ctypes(3.0), callbacks.caller(2.0))
show(stencils.smooth, 1j * reals)
show(stencils.smooth, reals, out=np.zeros(4, "f4"))
show(ufuncs.caller, reals, integers)
ufuncs.FACTOR = 10.0
show(lazy, reals, reals)
show(ufuncs.calls_helper, reals)  # compiled now
callbacks.FACTOR = 10.0
print(callbacks.half.ctypes(3.0))
stencils.WEIGHT = 1.0
show(stencils.smooth, reals)
"""
)

# Each needs Numba for what the image has not.
NOT_COMPILED = {
    "jitclass": "print(users.start(2.0).add(1.0))",
    "jitclass's type": "print(classes.Counter.class_type.struct)",
    "jitclass's static method": "print(classes.Counter.twice(4))",
    "jitclass's subclass": "show(type, 'Sub', (classes.Counter,), {})",
    "jitclass with another one": "print(unplaced(classes.Holder.class_type.struct))",
    "jitclass in a function": "print(classes.make(3.0).value)",
    "dufunc": "show(ufuncs.lazy, integers.astype('u1'), integers.astype('u1'))\n"
    "print(ufuncs.lazy.types, ufuncs.lazy._dispatcher.overloads.keys())",
    "dufunc with other arguments": "show(ufuncs.lazy, reals, reals, where=reals > 1)",
    "dufunc with text": "show(ufuncs.lazy, reals, 'text')",
    "dufunc with objects": "show(ufuncs.lazy, reals, object())",
    "dufunc at": "x = integers.astype('u1'); show(ufuncs.largest.at, x, [0, 1], x[:2]); print(x)",
    "dufunc at without a loop": "show(ufuncs.eager.at, 1j * reals, [0, 1], 1j)",
    "gufunc": "x = np.zeros((), 'c16'); show(general.total, 1j * reals, x); print(x)",
    "gufunc with too little": "show(general.total, reals)",
    "stencil": "show(stencils.smooth, integers)",
    "pickled": "import pickle; print(pickle.loads(pickle.dumps(ufuncs.eager)).types)",
    "dispatcher": "print(ufuncs.eager._dispatcher.overloads.keys(), ufuncs.lazy.targetoptions)",
    "added": "general.total.add('void(i2[:], i2[:])'); print(general.total.build_ufunc().types)",
    "compiled callback": "print(callbacks.half._sig, callbacks.half._wrapper_name is None)",
    "text of a class": "print(callbacks.half.__doc__, stencils.smooth.__doc__)",
    "kernel": "print(stencils.around.neighborhood, stencils.smooth.kernel_ir.arg_names)",
    "names": "print(dir(ufuncs.lazy), dir(general.total), sep='\\n')",
    "changed before the first call": "ufuncs.FACTOR = 5.0; show(ufuncs.lazy, reals, reals)\n"
    "show(ufuncs.eager, reals, reals)",
    "a stencil's global changed": "show(stencils.smooth, reals); stencils.WEIGHT = 1.0\n"
    "show(stencils.smooth, reals)",
    "what a stencil calls, changed before": "stencils.WEIGHT = 1.0\n"
    "show(stencils.weighed, reals); show(stencils.weigh, 2.0)",
    "what a stencil calls, changed after": "show(stencils.weighed, reals); stencils.WEIGHT = 1.0\n"
    "show(stencils.weighed, reals); show(stencils.weigh, 2.0)",
    "what a stencil of Numba calls, changed after": "import numba; show(stencils.weighed, reals)\n"
    "stencils.WEIGHT = 1.0; show(stencils.weigh, 2.0); show(stencils.weighed, reals)",
}
for _name, _text in NOT_COMPILED.items():
    NOT_COMPILED[_name] = f"{START}\n{_text}\n"
