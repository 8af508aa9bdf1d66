"""Wrappers of captured code, against those that Numba makes."""

import json
import subprocess
import sys

PROGRAM = """
import json, math, operator, sys
from fractions import Fraction

if sys.argv[1] == "captured":
    from packageimage.capture import numba_bridge
    numba_bridge.install()

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import NativeValue, models, register_model, unbox


class Has:
    # Something with an attribute that extensions of Numba take out of it.

    def __init__(self, **values):
        vars(self).update(values)


def kind_named(name, unbox_it):
    class HasType(types.Type):
        def __init__(self):
            super().__init__(name)

    @register_model(HasType)
    class HasModel(models.PrimitiveModel):
        def __init__(self, manager, kind):
            super().__init__(manager, kind, ir.DoubleType())

    unbox(HasType)(unbox_it)
    return HasType()


def leaves_null(kind, value, c):
    # As extensions do that leave it to the next step to find that there is no such attribute.
    return c.unbox(types.float64, c.pyapi.object_getattr_string(value, "a"))


def leaves_errors(kind, value, c):
    # As those do that say nothing of their own errors; the next argument's shows them.
    found = c.pyapi.object_getattr_string(value, "a")
    number = c.pyapi.long_as_longlong(found)
    c.pyapi.decref(found)
    return NativeValue(c.builder.sitofp(number, ir.DoubleType()))


def unpacks(kind, value, c):
    items = c.pyapi.object_getattr_string(value, "a")
    first, second = c.pyapi.alloca_obj(), c.pyapi.alloca_obj()
    done = c.pyapi.unpack_tuple(items, "has", 2, 2, first, second)
    failed = cgutils.is_null(c.builder, done)
    result = cgutils.alloca_once(c.builder, ir.DoubleType())
    with cgutils.if_unlikely(c.builder, c.builder.not_(failed)):
        c.builder.store(c.unbox(types.float64, c.builder.load(second)).value, result)
    return NativeValue(c.builder.load(result), is_error=failed)


null = kind_named("Null", leaves_null)
sloppy = kind_named("Sloppy", leaves_errors)
unpacked = kind_named("Unpacked", unpacks)


class Own(float):
    def __float__(self):
        return 7.5


class Says:
    def __init__(self, value):
        self.value = value

    def __float__(self):
        return self.value

    def __index__(self):
        return 3


class Fails:
    def __float__(self):
        raise KeyError("no float today")


@njit("f8(f8)")
def double(x):
    return x


@njit("f4(f4)")
def single(x):
    return x


@njit("i8(f8, f4, i8)")
def three(x, y, z):
    return int(x) * 100 + int(y) * 10 + z


@njit("f8()")
def nothing():
    return 1.5


@njit("UniTuple(f8, 2)(UniTuple(f8, 2))")
def both(x):
    return x[1], x[0]


@njit("f8(List(f8, reflected=True))")
def listed(x):
    return x[0] - x[-1]


@njit
def taken(x):
    return 1


@njit
def last(x):
    return 1


@njit
def writes(x, y, z):
    z[0] = y
    return 1


taken.compile((null,))
last.compile((unpacked,))
writes.compile((sloppy, types.float64, types.float64[::1]))
written = np.zeros(1)

VALUES = [
    1.5, -0.0, math.inf, math.nan, 1e300, 5e-324, 0.1, Own(2.5), np.float64(0.1), np.float32(0.1),
    True, 3, 1 << 2000, Fraction(1, 3), Says(0.25), Says("text"), Fails(), "1.5", None, (1.5,), 1j,
    np.array(2.5), np.ones(3), object(),
]
CALLS = [
    *((function, (value,)) for function in (double, single) for value in VALUES),
    (three, (1.5, 2.5, 3)), (three, (1, 2.0, 3.0)), (three, (1.5, None, 3)),
    (three, (Fails(),) * 3),
    *((three, (1.0,) * count) for count in (0, 1, 2, 4, 9)),
    (nothing, ()), (nothing, (1,)), (double, ()), (double, (1.5,) * 3), (double, (1.5, 2.5)),
    (both, ((1.5, 2.5),)), (both, ((Own(1.0), 3),)), (both, ((1.5, None),)), (both, (1.5,)),
    (both, ((1.5,),)), (both, ([1.5, 2.5],)), (both, ()),
    (listed, ([1.5, 2.5],)), (listed, ([1.5, 2],)), (listed, ([1, 2],)),
    (taken, (Has(a=1.5),)), (taken, (Has(a="text"),)), (taken, (Has(),)),
    (last, (Has(a=(1.5, 2.5)),)), (last, (Has(a=[1.5, 2.5]),)), (last, (Has(a=(1.5,)),)),
    (writes, (Has(a="text"), 1.5, written)), (writes, (Has(a=2), 2.5, np.zeros(1))),
]


def outcome(function, arguments):
    entry_point = next(iter(function.overloads.values())).entry_point
    try:
        return repr(entry_point(*arguments))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


print(json.dumps([
    f"{function.__name__}{[type(a).__name__ for a in arguments]}: {outcome(function, arguments)}"
    for function, arguments in CALLS
]))
counts = [sys.getrefcount(value) for value in VALUES]
for _ in range(100):
    for function, arguments in CALLS:
        outcome(function, arguments)
grown = [
    repr(value) for value, before in zip(VALUES, counts, strict=True)
    if abs(sys.getrefcount(value) - before) > 50 and sys.getrefcount(value) < 1 << 30
]
print(json.dumps(grown))
assert written[0] == 0
print(json.dumps("pkgimage.obj.float" in next(iter(double.inspect_llvm().values()))))
"""


def outcomes(folder, how):
    program = folder / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program), how], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_take_arguments_as_numbas_do(tmp_path):
    expected, leaked, _ = outcomes(tmp_path, "plain")
    found, leaked_too, looks_itself = outcomes(tmp_path, "captured")
    assert found == expected
    assert leaked_too == leaked  # Numba leaks a value where it finds fault with another
    assert looks_itself
    assert len([line for line in found if "Error: " in line]) > 20
