"""A module that makes its constants when they are asked for."""

VALUES = {"STEP": 1}


def __getattr__(name):
    if name in VALUES:
        return VALUES[name]
    raise AttributeError(name)
