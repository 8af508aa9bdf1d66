"""The first call with new types: answered without what only a compilation needs."""

import pytest
from image_build import PACKAGES, run_plain, run_with_images

WORKLOAD = PACKAGES / "everything_workload.py"

# Numba loads the extensions of all installed distributions before it compiles.
COUNTER = """
import numpy as np
from numba.core import entrypoints
loaded = []
original = entrypoints.init_all
entrypoints.init_all = lambda: loaded.append(1) or original()
from everything import functions as f
f.lazy(np.arange(8.0))
print("answered", len(loaded))
f.lazy(np.arange(8.0, dtype=np.int16))
print("compiled", len(loaded) > 0)
"""

# Calls that must end as they do in plain Numba, whether an image answers them or not.
CALLS = """
import numpy as np
from everything import functions as f

def attempt(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        return type(error).__name__

class Scalar(float):
    pass

class Array(np.ndarray):
    pass

a = np.arange(8.0)
print(attempt(f.lazy, a), attempt(f.lazy, a.view(Array)), attempt(f.lazy, a[::2]))
print(attempt(f.lazy, a.astype(">f8")), attempt(f.lazy, object()), attempt(f.lazy))
print(attempt(f.lazy, a, a), attempt(f.fibonacci, 7), attempt(f.fibonacci, np.int8(7)))
print(attempt(f.fibonacci, True), attempt(f.fibonacci, Scalar(6.0)), attempt(f.fibonacci, None))
read_only = np.arange(8.0)
read_only.flags.writeable = False
print(attempt(f.lazy, read_only), f.lazy.signatures)
"""


@pytest.mark.slow
def test_extensions_are_loaded_for_compiling_only(tmp_path, everything):
    _, depot = everything
    program = tmp_path / "program.py"
    program.write_text(COUNTER)
    seen = run_with_images(tmp_path, depot, program, PACKAGES)
    assert seen.output == "answered 0\ncompiled True\n", seen.error
    program.write_text(CALLS)
    seen = run_with_images(tmp_path, depot, program, PACKAGES)
    assert seen.output == run_plain(tmp_path, program, PACKAGES), seen.error
    assert seen.seen["answered"] >= 2
