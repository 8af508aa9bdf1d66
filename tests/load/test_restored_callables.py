"""Universal functions, callbacks and stencils: the same programs under plain Numba and restored."""

import os

import pytest
from element_programs import (
    CALLBACKS,
    CALLED,
    CLASSES,
    GUFUNCS,
    NOT_COMPILED,
    START,
    STENCILS,
    THREADS,
    UFUNCS,
    WITH_CLASSES,
    WITH_NUMBA,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_build import PACKAGES, build, pkgimage, run_restored
from served import Served

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="programs run in forks")

ALONE = {
    "ufuncs": UFUNCS, "gufuncs": GUFUNCS, "callbacks": CALLBACKS, "stencils": STENCILS,
    "classes": CLASSES, "called": CALLED,
}  # fmt: skip


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Runs a program on both sides and compares; gives what the restored one was like."""
    folder = tmp_path_factory.mktemp("elements")
    workload = PACKAGES / "elements_workload.py"
    build(folder, folder / "depot", "elements", workload, PACKAGES, "--restore")
    with (
        Served(folder, "elements", None, PACKAGES) as plain,
        Served(folder, "elements", folder / "depot", PACKAGES) as restored,
    ):

        def run(text):
            expected, seen = plain.run(text), restored.run(text)
            assert seen["output"] == expected["output"]
            assert seen["warnings"] == expected["warnings"]
            return seen

        run.restored = restored.run
        yield run


@pytest.mark.parametrize("name", ALONE)
def test_without_numba(both, name):
    seen = both(ALONE[name])
    assert (seen["misses"], seen["numba"]) == ([], False)
    modules = ("callbacks", "classes", "general", "stencils", "ufuncs", "users")
    assert seen["restored"] == ["elements", *(f"elements.{module}" for module in modules)]


@pytest.mark.parametrize("program", [WITH_NUMBA, WITH_CLASSES], ids=["functions", "classes"])
def test_with_numba(both, program):
    assert both(program)["numba"]


@pytest.mark.parametrize("importing", [False, True])
def test_threads(both, importing):
    """Not compared: threads that call a GUFunc of Numba for the first time at once fail there."""
    seen = both.restored(f"IMPORT = {importing}\n{THREADS}")
    assert seen["output"] == "[] ['dd->d'] ['ff->f', 'dd->d', 'll->l'] ['d->d']\n"
    assert seen["numba"] == importing


@pytest.mark.slow
def test_numba_imported_first(both):
    for program in (UFUNCS, GUFUNCS, CALLBACKS, STENCILS, CLASSES):
        seen = both(f"import numba\n{program}")
        assert seen["misses"] == []
        assert "elements.ufuncs" in seen["restored"]
    both(f"import numba\n{WITH_CLASSES}")


@pytest.mark.parametrize("name", NOT_COMPILED)
def test_what_needs_numba(both, name):
    assert both(NOT_COMPILED[name])["numba"]


# -- which loop a call takes ---------------------------------------------------------------------

KINDS = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")
operands = st.one_of(
    st.sampled_from(KINDS).map(lambda kind: f"np.arange(4).astype({kind!r})"),
    st.sampled_from(KINDS).map(lambda kind: f"np.dtype({kind!r}).type(1)"),
    st.sampled_from(["1", "2.5", "True", "1j", "[1, 2, 3, 4]", "np.ones((4, 1))", "(1.5,) * 4"]),
    st.sampled_from(["np.arange(8.0)[::2]", "np.arange(4).astype('>f8')", "None", "'text'"]),
)
# What the loops are there for; calls with others import Numba and compile.
declared = st.sampled_from(["ufuncs.eager", "ufuncs.half", "ufuncs.later"])


@st.composite
def calls(draw, functions, **more):
    function = draw(functions)
    count = 1 if function == "ufuncs.half" else 2
    arguments = [draw(operands) for _ in range(count)]
    named = {name: draw(value) for name, value in more.items()}
    arguments += [f"{name}={value}" for name, value in named.items() if value]
    return f"show({function}, {', '.join(arguments)})"


outputs = st.sampled_from(["", "", "", *(f"np.zeros(4, {kind!r})" for kind in KINDS)])
dtypes = st.sampled_from(["", "", "", *map(repr, KINDS)])
castings = st.sampled_from(["", "", *map(repr, ("no", "safe", "same_kind", "unsafe"))])
wheres = st.sampled_from(["", "", "", "np.arange(4) > 1", "False"])


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(calls(declared, out=outputs, dtype=dtypes, casting=castings, where=wheres),
                min_size=1, max_size=12))  # fmt: skip
def test_loops_that_were_declared(both, chosen):
    seen = both("\n".join([START, *chosen]))
    assert not seen["numba"]


lazy = st.sampled_from(["ufuncs.lazy", "ufuncs.largest"])
known = st.sampled_from(["i8", "f4", "f8"]).map(lambda kind: f"np.arange(4).astype({kind!r})")


@st.composite
def lazy_calls(draw):
    function, form = (
        draw(lazy),
        draw(st.sampled_from(["{}", "{}", "{}.reduce", "{}.at", "{}.outer"])),
    )
    one, other = draw(known), draw(known)
    call = form.format(function)
    if form.endswith("reduce"):
        return f"show({call}, {one})"
    if form.endswith("at"):
        return f"x = {one}; show({call}, x, [0, 2], x[:2]); print(x)"
    return f"show({call}, {one}, {one if draw(st.booleans()) else other})"


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(lazy_calls(), min_size=1, max_size=8))
def test_loops_in_the_order_in_which_calls_ask_for_them(both, chosen):
    """Which loop NumPy takes depends on those that earlier calls have asked for."""
    both("\n".join([START, *chosen, "print(ufuncs.lazy.types, ufuncs.largest.types)"]))


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(*map(st.sampled_from, (["i2", "i8", "f4", "f8"], ["i8", "f4", "f8"]))),
                min_size=1, max_size=5))  # fmt: skip
def test_loops_of_generalised_functions(both, chosen):
    lines = [
        f"x = np.zeros((), {out!r})\n"
        f"show(general.total, np.arange(4).astype({kind!r}), x)\nprint(x)"
        for kind, out in chosen
    ]
    both("\n".join([START, *lines, "print(general.total.types)"]))


@pytest.mark.slow
def test_the_example_with_all_kinds(tmp_path):
    """`examples/kernels` with PKGIMAGE=strict, without Numba until a typed dictionary is made."""
    folder = PACKAGES.parents[1] / "examples" / "kernels"
    source = folder / "src"
    build(tmp_path, tmp_path / "depot", "kernels", source / "workload.py", source, "--restore")
    program = tmp_path / "program.py"
    program.write_text(
        f"import sys\nsys.path.insert(0, {str(folder)!r})\nimport app, kernels\n"
        "count_words = kernels.count_words\n"
        "kernels.count_words = lambda text: print('numba' in sys.modules) or count_words(text)\n"
        "app.main()\n"
    )
    seen = run_restored(tmp_path, tmp_path / "depot", program, source, PKGIMAGE="strict")
    first, _, rest = seen.output.partition("\n")
    assert (first, rest) == ("False", (folder / "expected.txt").read_text()), seen.error
    assert seen.seen["misses"] == []
    assert len(seen.seen["restored"]) == 8


# -- attributes ----------------------------------------------------------------------------------


def test_attributes_of_numbas_objects():
    """Those that import Numba are those that only Numba can give."""
    import numpy as np
    from numba import cfunc, guvectorize, stencil, vectorize
    from packageimage.load import callbacks, stencils, universal
    from packageimage.load.numba_extensions import extensions

    class Native:
        def ufuncs(self):
            from numba.np.ufunc import _internal

            return _internal

    assert extensions is not None
    python = {*dir(object), "__dict__", "__weakref__", "__module__", "__annotations__"}
    of_abc = {"_abc_impl", "__abstractmethods__", "__slots__"}
    of_function = {"__name__", "__qualname__", "__wrapped__", "__type_params__", "__annotate__",
                   "__annotate_func__", "__static_attributes__", "__firstlineno__"}  # fmt: skip

    @vectorize
    def added(a, b):
        return a + b

    @guvectorize("(n)->()")
    def total(a, out):
        out[0] = a.sum()

    @cfunc("f8(f8)")
    def half(x):
        return x / 2

    @stencil
    def smooth(a):
        return a[0] + a[1]

    assert added(1, 2) == 3
    assert half.ctypes(1.0) == 0.5
    assert smooth(np.ones(3))[0] == 2
    for found, ours in (
        (added, universal.class_for("dufunc", Native())),
        (total, universal.class_for("gufunc", Native())),
        (half, callbacks.CFunc),
        (smooth, stencils.StencilFunc),
    ):
        theirs = {*dir(type(found)), *vars(found)} - python - of_abc - of_function
        given = {*dir(ours), "reorderable", "_pyfunc"} - {"_pkgimage_numbas"}
        assert theirs - given == ours._pkgimage_numbas & theirs, ours
        assert not ours._pkgimage_numbas & given, ours


ATTRIBUTES = {
    "ufunc.extra = 5": "a universal function of Numba whose attribute extra was set",
    "ufunc.__doc__ = 'other'": "a universal function of Numba whose attribute __doc__ was set",
    "gufunc.extra = 5": "a generalised universal function of Numba whose attribute extra was set",
    "callback.extra = 5": "a C callback of Numba whose attribute extra was set",
    "sten.mode = 'other'; sten.extra = 5": "a stencil of Numba whose attribute extra was set",
    "WEIGHT = 2.0": "a stencil of Numba whose global WEIGHT was set after it was made",
    "later.define(Node.class_type.instance_type)": "a type of Numba that is defined later",
    "del later": "a class that Numba compiles, with fields that cannot be kept (PicklingError)",
}
BEARING = """
from numba import cfunc, deferred_type, guvectorize, optional, stencil, vectorize
from numba.experimental import jitclass
WEIGHT = 1.0

@vectorize
def ufunc(x):
    return x

@guvectorize("(n)->()")
def gufunc(a, out):
    out[0] = a[0]

@cfunc("i8(i8)")
def callback(x):
    return x

@stencil
def sten(a):
    return a[0] * WEIGHT

later = deferred_type()

@jitclass([("next", optional(later))])
class Node:
    def __init__(self):
        self.next = None
"""


def test_what_was_changed_runs_from_source(tmp_path):
    source = tmp_path / "src" / "bearing"
    source.mkdir(parents=True)
    (source / "__init__.py").write_text("")
    for number, line in enumerate(ATTRIBUTES):
        (source / f"m{number}.py").write_text(f"{BEARING}\n{line}\n")
    imports = "".join(f"import bearing.m{number}\n" for number in range(len(ATTRIBUTES)))
    workload = tmp_path / "workload.py"
    workload.write_text(f"{imports}bearing.m0.ufunc(1)\n")
    built = pkgimage(
        tmp_path, "build", "bearing", "--path", str(source.parent), "--workload", str(workload),
        "--depot", str(tmp_path / "depot"), "--restore", "bearing",
        *(part for number in range(len(ATTRIBUTES))
          for part in ("--restore", f"bearing.m{number}")),
    )  # fmt: skip
    said = built.stdout + built.stderr
    for reason in ATTRIBUTES.values():
        assert reason in said
