"""Classes and other things that modules hold."""

from __future__ import annotations

import dataclasses
import enum
import functools
import logging
from typing import NamedTuple

from .calls import TABLE, scaled

log = logging.getLogger(__name__)
same_table = TABLE
row = TABLE[1]
ring = []
ring.append(ring)
shared = {"scaled": scaled, "ring": ring}


class Grade(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Point(NamedTuple):
    x: float
    y: float = 0.0

    @property
    def norm(self):
        return (self.x**2 + self.y**2) ** 0.5


@dataclasses.dataclass(frozen=True)
class Setting:
    name: str
    grade: Grade = Grade.LOW
    tags: list = dataclasses.field(default_factory=list)


class Base:
    instances = 0

    def __init__(self, value):
        self.value = value
        type(self).instances += 1

    def __repr__(self):
        return f"{type(self).__name__}({self.value!r})"


class Derived(Base):
    def __init__(self, value):
        super().__init__(scaled(value))

    @classmethod
    def make(cls):
        return cls(1.0)

    method = scaled


class Problem(Exception):
    pass


@functools.cache
def cached(x):
    return Derived(x)


setting = Setting("a", Grade.HIGH)
origin = Point(0.0)
made = Derived(2.0)


with open(__file__) as source:
    first_line = source.readline()


def failing():
    raise Problem("here")
