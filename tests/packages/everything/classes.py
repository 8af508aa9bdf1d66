"""Jitclasses: made in Python, made in compiled code, passed as arguments, returned."""

from numba import float64, int64, njit
from numba.experimental import jitclass


@jitclass([("value", float64), ("count", int64)])
class Counter:
    def __init__(self, value):
        self.value = value
        self.count = 0

    def add(self, amount):
        self.value += amount
        self.count += 1
        return self.value

    @property
    def mean(self):
        return self.value / self.count


@njit
def use(counter, n):
    for i in range(n):
        counter.add(i)
    return counter.mean


@njit
def make(value):
    counter = Counter(value)
    counter.add(1.0)
    return counter
