from .registry import HANDLERS


def handle():
    return 1


HANDLERS["handle"] = handle
