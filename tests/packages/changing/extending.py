"""What runs from its source in any case: the package does not import it."""

import ctypes
import math

import numpy as np
from numba import cfunc, float32, int64, literally, njit, types, vectorize
from numba.extending import intrinsic, overload, register_jitable

from . import made


def with_setting():
    from . import setting

    @njit
    def add_setting(x):
        return x + setting.STEP

    return add_setting


add_setting = with_setting()


def helper_with(factor):
    @register_jitable
    def helper(x):
        return x * factor

    return helper


helper, other_helper = helper_with(2), helper_with(3)


@njit
def call_helper(x):
    return helper(x)


MODE = "one"
AMOUNT = 7


def amount():
    return AMOUNT


def chosen(x):
    raise NotImplementedError


@overload(chosen)
def _chosen(x):
    if MODE == "one":
        return lambda x: x + 1
    return lambda x: x + 2


@njit
def call_chosen(x):
    return chosen(x)


@intrinsic
def constant(typingctx, x):
    value = amount()

    def codegen(context, builder, signature, arguments):
        return context.get_constant(types.int64, value)

    return int64(x), codegen


@njit
def call_constant(x):
    return constant(x)


def _sum(x, y):
    return x + y


integers = vectorize(["int64(int64, int64)"])(_sum)
floats = vectorize(["float64(float64, float64)"])(_sum)
from_nothing = vectorize(["float64(float64, float64)"], identity=0)(_sum)
from_one = vectorize(["float64(float64, float64)"], identity=1)(_sum)


def calling(ufunc):
    @njit
    def call(x, y):
        return ufunc(x, y)

    return call


of_integers, of_floats = calling(integers), calling(floats)


def reducing(ufunc):
    @njit
    def reduce(x):
        return ufunc.reduce(x)

    return reduce


reduce_from_nothing, reduce_from_one = reducing(from_nothing), reducing(from_one)


@njit
def add_made(x):
    return x + made.STEP


class Name(str):
    def __repr__(self):
        return "a name"


NAME, NAN = Name("abc"), math.nan


@njit
def full_name():
    return NAME + "!"


@njit
def sign():
    return np.copysign(1.0, NAN)


integer_absolute = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(abs)
absolute = ctypes.PYFUNCTYPE(ctypes.c_double, ctypes.c_double)(abs)
ABSOLUTE = integer_absolute


@njit
def call_absolute(x):
    return ABSOLUTE(x)


def _more(x):
    y = x * 1.1
    return y


single = cfunc("float64(float64)", locals={"y": float32})(_more)
double = cfunc("float64(float64)")(_more)


def calling_back(callback):
    @njit
    def call(x):
        return callback(x)

    return call


of_single, of_double = calling_back(single), calling_back(double)


@njit
def literal_text(text):
    literally(text)
    return text


@njit
def call(function, x):
    return function(x)
