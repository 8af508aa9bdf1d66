"""Jitclasses."""

from numba import float64, int64, njit
from numba.experimental import jitclass

RATE = 2.0


@jitclass([("value", float64), ("count", int64)])
class Counter:
    """Counts."""

    def __init__(self, value=1.0):
        self.value = value
        self.count = 0

    def add(self, amount):
        self.value += amount * RATE
        self.count += 1
        return self.value

    @property
    def mean(self):
        return self.value / self.count

    @staticmethod
    def twice(x):
        return x * 2


@jitclass
class Holder:
    counter: Counter
    __hidden: int

    def __init__(self, counter):
        self.counter = counter
        self.__hidden = 3

    def total(self):
        return self.counter.value + self.__hidden


@njit
def use(counter, times):
    for _ in range(times):
        counter.add(1.0)
    return counter.value


@njit
def make(value):
    return Counter(value)


@njit
def plain(x):
    return x + RATE


registry = {"counter": Counter}
