"""What Python calls, quicker than Numba makes it.

Numba compiles each function together with a wrapper that takes the arguments out of a tuple and
the values out of the arguments, and has CPython do both. Nearly every call brings exactly what was
asked for, which the code can see for itself; all else goes on as Numba has it.

One of the modules that use Numba's private interfaces, as `capture.numba_bridge` is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import boxing, callwrapper, cgutils, pythonapi, types

# Where CPython has what follows the fields of every object: its type, a tuple's length and items, a
# float's value. In bytes; the same on all platforms, which are 64-bit ones.
_TYPE = object.__basicsize__ - 8
_TUPLE_SIZE = object.__basicsize__
_TUPLE_ITEMS = tuple.__basicsize__
_FLOAT_VALUE = object.__basicsize__

FLOAT_TYPE = "float"
"""What is asked of `PythonAPI.get_c_object` for the type of Python's floats."""


def install() -> None:
    """Have Numba, in this process, make wrappers that look for themselves first."""
    callwrapper.PyCallWrapper.build_wrapper = _building(callwrapper.PyCallWrapper.build_wrapper)
    pythonapi._unboxers.functions[types.Float] = _unboxing(boxing.unbox_float)


def _building(original: Callable) -> Callable:
    def build_wrapper(
        self: Any, api: Any, builder: Any, closure: ir.Value, args: ir.Value, kws: ir.Value
    ) -> Any:
        numbas = api.unpack_tuple

        def unpack_tuple(items: ir.Value, *more: Any) -> ir.Value:
            if items is not args:  # an extension asks the same of what may be no tuple
                return numbas(items, *more)
            return _unpack(numbas, api, items, *more)

        api.unpack_tuple = unpack_tuple
        return original(self, api, builder, closure, args, kws)

    return build_wrapper


def _unpack(
    numbas: Callable, api: Any, args: ir.Value, name: Any, n_min: int, n_max: int, *places: ir.Value
) -> ir.Value:
    """`PyArg_UnpackTuple` is variadic; what remains for it is the error for a wrong number."""
    builder = api.builder
    size = _field(builder, args, _TUPLE_SIZE, api.py_ssize_t)
    fits = builder.icmp_signed("==", size, ir.Constant(size.type, len(places)))
    with builder.if_else(fits, likely=True) as (direct, other):
        with direct:
            for number, place in enumerate(places):
                item = _field(builder, args, _TUPLE_ITEMS + 8 * number, api.pyobj)
                builder.store(item, place)
            after_direct = builder.block
        with other:
            answer = numbas(args, name, n_min, n_max, *places)
            after_other = builder.block
    done = builder.phi(answer.type)
    done.add_incoming(ir.Constant(answer.type, 1), after_direct)
    done.add_incoming(answer, after_other)
    return done


def _unboxing(original: Callable) -> Callable:
    """Of `float` itself the value can be read; what else converts to one says so itself."""

    def unbox_float(kind: Any, value: ir.Value, c: Any) -> Any:
        builder = c.builder
        exact = c.pyapi.get_c_object(FLOAT_TYPE)
        look, direct, other, done = map(
            builder.append_basic_block, ("float.look", "float.direct", "float.other", "float.done")
        )
        # Who takes a value out of another object may leave it to this to find that there is none.
        builder.cbranch(cgutils.is_not_null(builder, value), look, other)
        builder.position_at_end(look)
        is_exact = builder.icmp_unsigned("==", _field(builder, value, _TYPE, exact.type), exact)
        builder.cbranch(is_exact, direct, other)
        builder.position_at_end(direct)
        quick: ir.Value = _field(builder, value, _FLOAT_VALUE, c.pyapi.double)
        if kind == types.float32:
            quick = builder.fptrunc(quick, c.context.get_argument_type(kind))
        pending = c.pyapi.c_api_error()  # what an unboxer before this one may have left
        builder.branch(done)
        builder.position_at_end(other)
        answer = original(kind, value, c)
        after_other = builder.block
        builder.branch(done)
        builder.position_at_end(done)
        found, is_error = builder.phi(quick.type), builder.phi(cgutils.bool_t)
        found.add_incoming(quick, direct)
        found.add_incoming(answer.value, after_other)
        is_error.add_incoming(pending, direct)
        is_error.add_incoming(answer.is_error, after_other)
        return pythonapi.NativeValue(found, is_error=is_error)

    return unbox_float


def _field(builder: ir.IRBuilder, value: ir.Value, offset: int, kind: ir.Type) -> ir.Value:
    start = builder.bitcast(value, cgutils.voidptr_t)
    place = builder.gep(start, [ir.Constant(cgutils.intp_t, offset)])
    return builder.load(builder.bitcast(place, kind.as_pointer()))
