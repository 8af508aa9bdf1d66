"""Edits that no function's text shows: a capture taken again must come out as one taken anew."""

import pytest
from test_incremental_serialize import contents, edit, serialize

HEAD = "import numpy as np\nfrom numba import float64, float32, njit\nfrom . import c\n"

# The kernels' module after HEAD, what the workload calls, the file that is edited, old, new.
CASES = {
    "an enum's value": (
        "from .c import Kind\n@njit\ndef f(x):\n    return x + Kind.A.value\n",
        "f(1)", "c", "A = 1", "A = 2",
        "import enum\nclass Kind(enum.IntEnum):\n    A = 1\n",
    ),
    "a named tuple's fields": (
        "from .c import Pair\n@njit\ndef f(x):\n    return Pair(x, 2 * x).a\n",
        "f(1)", "c", "'a b'", "'b a'",
        "from collections import namedtuple\nPair = namedtuple('Pair', 'a b')\n",
    ),
    "an array's order": (
        "A = np.array([[1.0, 2.0], [3.0, 4.0]], order='C')\n"
        "@njit\ndef f(i):\n    return A[i, 0]\n",
        "f(1)", "k", "'C'", "'F'", "",
    ),
    "a large array's fields": (
        "A = np.zeros(100_000, [('x', 'f8'), ('y', 'f8')])\n"
        "@njit\ndef f(i):\n    return A[i]['x']\n",
        "f(1)", "k", "[('x', 'f8'), ('y', 'f8')]", "[('y', 'f8'), ('x', 'f8')]", "",
    ),
    "a slice": (
        "S = slice(0, 3)\n@njit\ndef f(a):\n    return a[S].sum()\n",
        "f(np.ones(9))", "k", "(0, 3)", "(0, 4)", "",
    ),
    "a callee's signature": (
        "@njit('float64(float64)')\ndef g(x):\n    return x / 3\n"
        "@njit\ndef f(x):\n    return g(x)\n",
        "f(1.0)", "k", "'float64(float64)'", "'float32(float64)'", "",
    ),
    "a jitclass's fields": (
        "from numba.experimental import jitclass\n@jitclass([('x', float64)])\nclass J:\n"
        "    def __init__(self, x):\n        self.x = x / 3\n@njit\ndef f(x):\n    return J(x).x\n",
        "f(1.0)", "k", "('x', float64)", "('x', float32)", "",
    ),
    "a constant behind a closure's module": (
        "def make():\n    from . import c\n    @njit\n    def f(x):\n        return x * c.STEP\n"
        "    return f\nf = make()\n",
        "f(1.0)", "c", "2.0", "3.0", "STEP = 2.0\n",
    ),
    "what an overload asks at compile time": (
        "from numba.extending import overload\ndef stub(x):\n    pass\n@overload(stub)\n"
        "def ol_stub(x):\n    step = c.step()\n    def impl(x):\n        return x * step\n"
        "    return impl\n@njit\ndef f(x):\n    return stub(x)\n",
        "f(1.0)", "c", "return 2.0", "return 3.0", "def step():\n    return 2.0\n",
    ),
    "a stencil's border": (
        "from numba import stencil\n@stencil(cval=0.0)\ndef g(a):\n    return a[-1] + a[1]\n"
        "@njit\ndef f(a):\n    return g(a)\n",
        "f(np.ones(5))", "k", "cval=0.0", "cval=1.0", "",
    ),
    "Numba's settings": (
        "import numba\nnumba.config.BOUNDSCHECK = c.CHECK\n@njit\ndef f(a):\n    return a[1]\n",
        "f(np.ones(3))", "c", "None", "1", "CHECK = None\n",
    ),
    "the end that a circle is compiled from": (
        "@njit\ndef f(n):\n    return 1 if n == 0 else g(n - 1)\n"
        "@njit\ndef g(n):\n    return 2 if n == 0 else f(n - 1)\n",
        "f(4)", "workload", "k.f(4)", "k.g(4)", "",
    ),
    "a constant in one half of a circle": (
        "@njit\ndef f(n):\n    return c.K if n == 0 else g(n - 1)\n"
        "@njit\ndef g(n):\n    return 2 if n == 0 else f(n - 1)\n",
        "f(4)", "c", "1", "7", "K = 1\n",
    ),
    "a ufunc's layout": (
        "from numba import guvectorize\n"
        "@guvectorize(['void(f8[:], f8[:], f8[:])'], '(n),(n)->(n)')\n"
        "def f(a, b, r):\n    for i in range(a.size):\n        r[i] = a[i] + b[0]\n",
        "f(np.ones(3), np.ones(3))", "k", "(n),(n)->(n)", "(n),(m)->(n)", "",
    ),
    "a comment above a lifted loop, with line tables": (
        "from numba import jit\n@jit(forceobj=True, looplift=True)\ndef f(n):\n    t = 0.0\n"
        "    for i in range(n):\n        t += i\n    return str(t)\n",
        "f(9)", "k", "from numba import jit\n", "from numba import jit\n# Longer.\n", "",
    ),
    "a constant in a stencil's kernel": (
        "from numba import stencil\n@stencil\ndef f(a):\n    return a[-1] * c.K\n",
        "f(np.ones(5))", "c", "2.0", "3.0", "K = 2.0\n",
    ),
    "a constant in a lifted loop": (
        "from numba import jit\n@jit(forceobj=True, looplift=True)\n"
        "def f(n):\n    t = 0.0\n    for i in range(n):\n        t += c.K\n    return str(t)\n",
        "f(9)", "c", "2.0", "3.0", "K = 2.0\n",
    ),
    "one of two callers of an implementation that is not inlined": (
        "@njit\ndef g(s):\n    return s.split(',')\n@njit\ndef f(s):\n"
        "    return {x.strip().lower(): len(x) for x in g(s)}\n",
        "f('a, B')", "k", "len(x)", "len(x) + 1", "",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_an_edit_is_noticed(tmp_path, name):
    kernels, call, file, old, new, constants = CASES[name]
    files = {
        "src/pkg/__init__.py": "from . import k\n",
        "src/pkg/k.py": HEAD + kernels,
        "src/pkg/c.py": constants,
        "src/workload.py": f"import numpy as np\nfrom pkg import k\nk.{call}\n",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    flags = ("--flags", "debug-level=1") if "line tables" in name else ()
    serialize(tmp_path, tmp_path / "out", *flags)
    before = contents(tmp_path / "out")
    edit(tmp_path, "src/workload.py" if file == "workload" else f"src/pkg/{file}.py", old, new)
    serialize(tmp_path, tmp_path / "out", *flags)
    serialize(tmp_path, tmp_path / "anew", *flags)
    again, anew = contents(tmp_path / "out"), contents(tmp_path / "anew")
    assert again == anew
    assert any(again[path] != before[path] for path in again if path.endswith((".bin", ".bc")))


@pytest.mark.slow
def test_a_workload_that_looks_inside_is_run_without_the_store(tmp_path):
    """What a store answers has no metadata; the workload must not fail for that."""
    files = {
        "src/pkg/__init__.py": "from numba import njit\n@njit\ndef f(x):\n    return x + 1\n",
        "src/workload.py": "import pkg\npkg.f(1)\nassert pkg.f.get_metadata(pkg.f.signatures[0])\n",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    first = serialize(tmp_path, tmp_path / "out")
    assert serialize(tmp_path, tmp_path / "out") == first == {"pkg.f"}
