"""Uses a lazy package."""
# ruff: noqa

import data_lazy
from data_lazy import Kind, inner, int64, jit
from data_lazy.inner import helper

own = Kind("own")


@jit
def function(kind=int64):
    return kind.name


table = {"helper": helper}
try:
    import data_lazy.absent
except ImportError:
    pass
try:
    from data_no_such_thing import x
except ImportError:
    x = None
