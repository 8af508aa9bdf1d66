"""Functions that only one thing tells apart, each pair by another thing."""

import os
from collections import namedtuple

import numpy as np
from numba import jit, njit, objmode, types, vectorize
from numba.extending import register_jitable

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
