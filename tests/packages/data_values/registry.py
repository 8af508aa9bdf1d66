"""What other modules fill."""

HANDLERS = {}


def register(function):
    HANDLERS[function.__name__] = function
    return function


class Plugin:
    known = {}  # noqa: RUF012

    def __init_subclass__(cls):
        Plugin.known[cls.__name__] = cls


class Base:
    pass
