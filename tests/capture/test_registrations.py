"""Which modules extend Numba, told by what their sources do while they run."""

import sys
import types

import numba.typed  # noqa: F401  what it registers is its own business
import pytest
from numba import njit
from packageimage.capture.numba_registrations import Watch

HEAD = """
import enum
import numba as nb
import numpy as np
from numba import types
from numba.core import datamodel, imputils
from numba.core.rewrites import Rewrite, register_rewrite
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.experimental import jitclass, structref
from numba.extending import *

class Type(types.Type):
    def __init__(self):
        super().__init__(name="a type of the tests")

class Value:
    pass

def stub(x):
    raise NotImplementedError

"""

EXTEND = {
    "overload": (
        "@overload(stub)\ndef given(x):\n    return lambda x: x",
        "extending.given",
    ),
    "method": (
        "@overload_method(types.Array, 'of_tests')\ndef given(x):\n    return lambda x: 1",
        "extending.given",
    ),
    "attribute": (
        "@overload_attribute(types.Array, 'of_tests_too')\ndef given(x):\n    return lambda x: 1",
        "extending.given",
    ),
    "register_jitable": ("@register_jitable\ndef given(x):\n    return x", "extending.given"),
    "register_jitable with options": (
        "@register_jitable(inline='always')\ndef given(x):\n    return x",
        "extending.given",
    ),
    "register_jitable of a closure": (
        "def outer():\n    @register_jitable\n    def given(x):\n        return x\nouter()",
        "extending.outer.<locals>.given",
    ),
    "intrinsic": (
        "@intrinsic\ndef given(context, x):\n    return x(x), lambda c, b, s, a: a[0]",
        "extending.given",
    ),
    "type_callable": (
        "@type_callable(stub)\ndef given(context):\n    return lambda x: x",
        "extending.stub",
    ),
    "template": (
        "@infer_global(stub)\nclass Given(AbstractTemplate):\n    key = stub",
        "extending.stub",
    ),
    "implementation": (
        "@lower_builtin(len, Type)\ndef given(context, builder, sig, args):\n    pass",
        "extending.given",
    ),
    "cast": (
        "@imputils.lower_cast(Type, types.int64)\ndef given(c, b, one, two, value):\n    pass",
        "extending.given",
    ),
    "constant": (
        "@imputils.lower_constant(Type)\ndef given(c, b, kind, value):\n    pass",
        "extending.given",
    ),
    "model": (
        "@register_model(Type)\nclass Given(models.OpaqueModel):\n    pass",
        "extending.Given",
    ),
    "typeof": (
        "@typeof_impl.register(Value)\ndef given(value, c):\n    return Type()",
        "extending.given",
    ),
    "box": ("@box(Type)\ndef given(kind, value, c):\n    pass", "extending.given"),
    "unbox": ("@unbox(Type)\ndef given(kind, value, c):\n    pass", "extending.given"),
    "field": ("make_attribute_wrapper(Type, 'x', 'x')", "extending.Type"),
    "field of another's type": ("make_attribute_wrapper(types.Array, 'x_', 'x_')", "extending"),
    "annotation": ("as_numba_type.register(Value, Type())", "extending.Value"),
    "structref": (
        "@structref.register\nclass Given(types.StructRef):\n    pass",
        "extending.Given",
    ),
    "rewrite": (
        "@register_rewrite('before-inference')\nclass Given(Rewrite):\n"
        "    def match(self, *_):\n        return False",
        "extending.Given",
    ),
    "what another module does for it": (
        "from numba.extending import overload\noverload(stub)(len)",
        "extending.stub",
    ),
}

PLAIN = {
    "nothing": "",
    "njit": "@nb.njit\ndef f(x):\n    return x\nf(1)",
    "signature": "@nb.njit(['f8(f8[:])'])\ndef f(x):\n    return np.cumsum(x).sum()",
    "parallel": "@nb.njit('f8(f8[:])', parallel=True)\ndef f(x):\n    return (x + 1).sum()",
    "vectorize": "@nb.vectorize(['f8(f8)'])\ndef f(x):\n    return x + 1",
    "vectorize, lazily": "@nb.vectorize\ndef f(x):\n    return x + 1\nf(1.0)",
    "guvectorize": "@nb.guvectorize(['f8[:], f8[:]'], '(n)->(n)')\ndef f(x, y):\n    y[:] = x",
    "guvectorize, lazily": "@nb.guvectorize('(n)->(n)')\ndef f(x, y):\n    y[:] = x",
    "cfunc": "@nb.cfunc('f8(f8)')\ndef f(x):\n    return x",
    "stencil": "@nb.stencil\ndef f(a):\n    return a[0] + a[1]\nf(np.ones(4))",
    "jitclass": "@jitclass([('x', types.int64)])\nclass C:\n    def __init__(self, x):\n"
    "        self.x = x\n    def get(self):\n        return self.x\nC(1).get()",
    "object mode": "@nb.njit\ndef f(x):\n    with nb.objmode(y='int64'):\n        y = int(x)\n"
    "    return y\nf(1)",
    "containers": "one = nb.typed.List()\none.append(1)\ntwo = nb.typed.Dict.empty(types.int64, "
    "types.int64)\ntwo[1] = 2",
    "functions as arguments": "f = nb.njit('i8(i8)')(lambda x: x)\n"
    "g = nb.njit(lambda f, x: f(x))\ng(f, 1)",
    "generator": "@nb.njit\ndef f(n):\n    for i in range(n):\n        yield i\nlist(f(3))",
    "literals": "@nb.njit\ndef f(x):\n    return nb.literally(x)\nf(1)",
    "enumeration": "class E(enum.IntEnum):\n    A = 1\nnb.njit(lambda x: x)(E.A)",
}


@pytest.fixture(scope="module", autouse=True)
def numba_is_ready():
    """What Numba tells itself when it compiles for the first time is no module's doing."""
    njit("i8(i8)")(lambda x: x)


def told(text: str) -> dict[str, str]:
    watch = Watch()
    module = sys.modules["extending"] = types.ModuleType("extending")
    try:
        watch.begin("extending")
        exec(HEAD + text, vars(module))
        watch.end()
    finally:
        del sys.modules["extending"]
    return watch.paths("extending")


@pytest.mark.parametrize("name", EXTEND)
def test_a_module_that_extends_numba_is_known(name):
    text, path = EXTEND[name]
    assert told(text) == {"extending": path}


@pytest.mark.parametrize("name", PLAIN)
def test_a_module_that_only_uses_numba_is_not(name):
    assert told(PLAIN[name]) == {}


def test_the_innermost_module_has_done_it():
    watch = Watch()
    text, _ = EXTEND["overload"]
    watch.begin("package")
    watch.begin("package.inner")
    watch.begin("other")
    exec(HEAD + text, {"__name__": "other"})
    watch.end()
    watch.end()
    watch.begin("package.extends")
    with pytest.raises(ZeroDivisionError):
        exec(HEAD + text + "\n1 / 0", {"__name__": "package.extends"})
    watch.end()
    watch.end()
    assert watch.paths("package") == {"package.extends": "package.extends.given"}
    assert watch.paths("other") == {"other": "other.given"}


def test_what_is_told_before_and_after_a_nested_import_counts():
    for where in ("before", "after"):
        watch = Watch()
        namespace = {"__name__": "package"}
        watch.begin("package")
        exec(HEAD + (EXTEND["box"][0] if where == "before" else ""), namespace)
        watch.begin("package.inner")
        watch.end()
        if where == "after":
            exec(EXTEND["box"][0], namespace)
        watch.end()
        assert watch.paths("package") == {"package": "package.given"}


def test_what_is_told_anew_counts():
    text, path = EXTEND["typeof"]
    assert told(text) == told(text) == {"extending": path}


def test_what_compiling_tells_is_told_again_by_compiling():
    """As that of `carray` makes an intrinsic. See `Recorder.frame`."""
    watch = Watch()
    watch.begin("package")
    watch.begin("")
    exec(HEAD + EXTEND["intrinsic"][0], {"__name__": "package"})
    watch.end()
    watch.end()
    assert watch.paths("package") == {}
