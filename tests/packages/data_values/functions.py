"""Functions of all kinds."""
# ruff: noqa

from __future__ import annotations

import contextlib
import functools
import warnings

SCALE = 3


def simple(a, b=2, *rest, c: int = 3, **more) -> tuple:
    """What it returns is what it got."""
    return a, b, rest, c, more


simple.mark = ["of the function"]
alias = simple


def make_counter(start=0):
    count = start

    def up():
        nonlocal count
        count += 1
        return count

    def value():
        return count

    def unset():
        return never

    if start > 100:
        never = 1
    return up, value, unset


up, value, unset = make_counter(5)
counter = up


def make_factorial():
    def factorial(n):
        return 1 if n < 2 else n * factorial(n - 1)

    return factorial


factorial = make_factorial()


def make_even_odd():
    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    return [even, odd]


even_odd = make_even_odd()


def decorate(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args) * SCALE

    wrapper.cells = wrapper.__closure__
    return wrapper


@decorate
def scaled(x):
    """Scaled."""
    return x + 1


@contextlib.contextmanager
def context(value):
    yield value


@functools.lru_cache(maxsize=7)
def cached(n):
    """Cached."""
    return [n]


cached.note = "kept"
cached(1)
uncached_limit = functools.cache(simple)
partial = functools.partial(simple, 1, c=7)
lambdas = [lambda x, i=i: x + i for i in range(3)]

space = {"__name__": "elsewhere", "base": 10}
exec(
    "def executed(x):\n    return base + x + len([1])\ndef other(x):\n    return executed(x)", space
)
executed = space["executed"]
compiled = compile("SCALE + 1", "<text>", "eval")


def generator(n):
    yield from range(n)


async def coroutine():
    return 1


@functools.singledispatch
def kind(x):
    return "any"


@kind.register
def _(x: int):
    return "int"


@kind.register(list)
def _of_list(x):
    return "list"


kind(1)


def fails(x):
    y = x + 1
    raise ValueError(y)  # line of fails


def warns():
    warnings.warn("careful", stacklevel=1)


def nested():
    def inner():
        raise KeyError("inner")

    return inner


inner = nested()


class _Self:
    def __init__(self):
        self.method = self.run
        self.defaults = self.run.__func__

    def run(self):
        return self


bound = _Self().run


@functools.wraps(_Self)
def wraps_a_class():
    return _Self()


builtin_method = [3, 1].append
default_cycle = []


def with_default(x=default_cycle):
    return x


default_cycle.append(with_default)
pair = (with_default, default_cycle)
with_default.pair = pair
