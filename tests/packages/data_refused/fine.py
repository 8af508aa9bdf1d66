"""Restored, with references by name into a module that is not."""

from .laden import NAMED, function

holder = [NAMED, function]


class Moved:
    """Says that it is of another module, as classes do whose documentation is there."""

    def method(self):
        return holder


def moved():
    return holder


moved.__module__ = Moved.__module__ = "data_refused.laden"
