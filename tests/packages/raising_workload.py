"""Prints the traceback of each exception, as a user sees it."""

import traceback

import numpy as np
import raising
from numba import types
from numba.typed import Dict, List


def show(function, *args):
    try:
        function(*args)
    except Exception as error:
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__.tb_next))
        print(f"{getattr(function, '__name__', function)}:\n{text}")
    else:
        print("nothing raised by", function)


values = List()
values.append(1.0)
words = Dict.empty(types.unicode_type, types.int64)
for name in (
    "static", "dynamic", "through_callee", "through_inlined", "through_jitable", "in_loop", "small",
    "with_inner", "overloaded", "universal", "object_mode", "object_mode_own", "made", "Guard",
):  # fmt: skip
    argument = np.ones(5) if name == "in_loop" else 4.0
    show(getattr(raising, name), argument)
show(raising.overloaded, 4)
show(raising.zero, 0)
show(raising.in_numba, values)
show(raising.key_error, words)
show(raising.broadcast, np.ones((2, 3)), np.ones((4, 3)))
show(raising.sizes, np.ones(3), np.ones(4))
show(raising.Guard(1.0).check, 3.0)
