"""Dispatchers: lazy and explicit, parallel, recursive, generators, closures, containers."""

import math
from collections import namedtuple
from enum import IntEnum

import numpy as np
from numba import cfunc, float64, int64, njit, objmode, prange, stencil, types
from numba.typed import Dict, List

from . import helpers
from .helpers import LARGE, OFFSET, STRIDED, WEIGHTS, labs, python_only, shifted, tripled

Point = namedtuple("Point", "x y")


class Color(IntEnum):
    RED = 1
    BLUE = 3


@njit
def lazy(a):
    total = 0.0
    for value in a:
        total += shifted(value) * WEIGHTS[0]
    return total


@njit("float64(float64, float64)")
def explicit(x, y):
    return math.sin(x) * y


@njit([float64(float64), int64(int64)])
def two_signatures(x):
    return tripled(x)


@njit(cache=True)
def with_cache(x):
    return x + helpers.OFFSET


@njit(fastmath=True, error_model="numpy")
def fast(a, b):
    total = 0.0
    for i in range(a.size):
        total += a[i] / b[i]
    return total


@njit(parallel=True)
def parallel(a):
    total = 0.0
    for i in prange(a.size):
        total += math.sqrt(a[i])
    return total


@njit(parallel=True)
def parallel_array(a, b):
    return np.exp(a) + b * 2.0


@njit
def fibonacci(n):
    if n < 2:
        return n
    return fibonacci(n - 1) + fibonacci(n - 2)


@njit
def mutual_even(n):
    if n <= 0:
        return n == 0
    return mutual_odd(n - 1)


@njit
def mutual_odd(n):
    if n <= 0:
        return False
    return mutual_even(n - 1)


@njit
def generator(n):
    for i in range(n):
        yield i * OFFSET


@njit
def sum_of_generator(n):
    total = 0.0
    for value in generator(n):
        total += value
    return total


def make_adder(amount):
    @njit
    def add(x):
        return x + amount

    return add


add_two = make_adder(2)
add_half = make_adder(0.5)


@njit
def closure_inside(a, factor):
    def scale(x):
        return x * factor

    total = 0.0
    for value in a:
        total += scale(value)
    return total


@njit
def overloaded(x):
    return python_only(x)


@njit
def typed_list(n):
    result = List()
    for i in range(n):
        result.append(float(i))
    return result


@njit
def typed_dict(words):
    counts = Dict.empty(types.unicode_type, types.int64)
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return counts


@njit
def sum_list(values):
    total = 0.0
    for value in values:
        total += value
    return total


@njit(float64(float64))
def square(x):
    return x * x


@njit(float64(float64))
def cube(x):
    return x * x * x


@njit
def apply_all(functions, x):
    total = 0.0
    for function in functions:
        total += function(x)
    return total


@njit
def apply(function, x):
    return function(x)


@njit
def raises(x):
    if x > 2:
        raise ValueError("too large", x)
    return x


@njit
def bounds(a, i):
    return a[i]


@njit
def with_object_mode(x):
    with objmode(y="float64"):
        y = float(str(x)) + 0.5
    return y * 2


@njit
def large_array(i):
    return LARGE[i] + STRIDED[i]


@njit
def c_function(x):
    return labs(x)


@njit
def strings(a, b):
    return (a + "-" + b).upper()


@njit
def tuples(p):
    return Point(p.y, p.x), (p.x, "x")


@njit
def records(r):
    r.a = r.a + 1
    return r.b * 2.0


@njit
def enums(c):
    return c == Color.BLUE


@njit
def optional(x):
    if x > 0:
        return x
    return None


@njit
def complex_numbers(z):
    return z * z + 1j


@njit
def default_argument(x, y=3, *rest):
    return x + y + len(rest)


@njit
def hash_of(text):
    return hash(text)


@njit
def array_result(n):
    return np.linspace(0.0, 1.0, n).reshape(2, -1)


@njit
def matrix(a, b):
    return a @ b


@njit
def random_sum(seed):
    np.random.seed(seed)
    return np.random.random() + np.random.normal()


@stencil
def average(a):
    return (a[-1] + a[0] + a[1]) / 3


@njit
def stencil_inside(a):
    return average(a)


@cfunc("float64(float64, float64)")
def callback(x, y):
    return x * y + 1
