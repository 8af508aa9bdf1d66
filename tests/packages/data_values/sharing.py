"""Holds objects of other modules."""
# ruff: noqa

from . import arrays, classes, functions
from .arrays import plain
from .classes import Color, Plain, plain as instance  # noqa: F401
from .functions import up, value

everything = {
    "array": plain,
    "view": arrays.plain[4:6],
    "part": arrays.left[8:10],
    "items": Plain.items,
    "mark": functions.simple.mark,
    "inner": classes.plain.inner,
    "color": Color.GREEN.value,
    "space": functions.space,
    "cell": functions.scaled.__closure__[0],
}


class Below(Plain, Color.__class__ if False else object):
    pass


def again():
    return up(), value()
