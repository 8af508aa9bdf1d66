"""Functions that only one thing tells apart, each pair by another thing."""

import enum
import os
from collections import namedtuple

import numpy as np
from numba import int64, jit, njit, objmode, types, vectorize
from numba.experimental import jitclass
from numba.extending import overload, register_jitable

from . import other


def _half(x):
    return x * 0.5


half_integer = njit("int64(float64)")(_half)
half = njit(_half)


def _product(x):
    y = x * 1.1
    return y


product_single = njit(locals={"y": types.float32})(_product)
product = njit(_product)


def make_generator(factor):
    @njit
    def generator(n):
        for i in range(n):
            yield i * factor

    return generator


ones, twos = make_generator(1), make_generator(2)


def make_object_mode(amount):
    @njit
    def add(x):
        with objmode(y="float64"):
            y = float(x + amount)
        return y

    return add


add_one, add_two = make_object_mode(1.0), make_object_mode(2.0)


def make_lifted(factor):
    @jit(forceobj=True, looplift=True)
    def lifted(n):
        total = 0.0
        for i in range(n):
            total += i * factor
        return {"total": total}

    return lifted


lifted_one, lifted_two = make_lifted(1.0), make_lifted(2.0)

Pair = namedtuple("Pair", "x y")


@njit
def first(pairs):
    return pairs[0].x


STEP = 1


@njit
def add_step(x):
    return x + STEP


if os.environ.get("TWINS_SECOND"):
    DTYPE, REAL = np.float32, types.float32

    @register_jitable
    def helper(x):
        return x * 3

    @vectorize
    def ufunc(x):
        return x + 100
else:
    DTYPE, REAL = np.float64, types.float64

    @register_jitable
    def helper(x):
        return x * 2

    @vectorize
    def ufunc(x):
        return x + 1


@njit
def with_dtype(n):
    return np.ones(n, dtype=DTYPE) * 0.1


@njit
def with_type(x):
    return REAL(x)


@njit
def with_helper(x):
    return helper(x)


@njit
def with_ufunc(x):
    return ufunc(x)


LARGE = np.arange(200_000.0)


@njit
def large(i):
    return LARGE[i]


@njit
def both(x):
    return x + STEP + other.STEP


def reciprocal(x):
    return 1.0 / x


raising = njit(reciprocal)
silent = njit(error_model="numpy")(reciprocal)


@njit
def call(function, x):
    return function(x)


def try_call(function, x):
    try:
        return call(function, x)
    except ZeroDivisionError as error:
        return str(error)


def counter(step):
    @njit
    def count(n):
        for i in range(n):
            yield i * step

    return count


by_two, by_three = counter(2), counter(3)


@njit
def total(items):
    found = 0
    for item in items:
        found += item
    return found


@njit
def totals(n):
    return total(by_two(n)), total(by_three(n))


def scaled_class(factor):
    @jitclass([("value", int64)])
    class Scaled:
        def __init__(self, value):
            self.value = value

        @property
        def scaled(self):
            return self.value * factor

    return Scaled


Double, Triple = scaled_class(2), scaled_class(3)


@njit
def scaled_value(item):
    return item.scaled


class Choice(enum.IntEnum):
    FIRST = 1


@njit
def is_first(choice):
    return choice == Choice.FIRST


def stub_with(step):
    def stub(x):
        raise NotImplementedError

    @overload(stub)
    def _stub(x):
        return lambda x: x + step

    return njit(lambda x: stub(x))


# Numba finds the code by the stub's identity, so no image can tell these apart: none has them.
stub_one, stub_two = stub_with(1), stub_with(2)
