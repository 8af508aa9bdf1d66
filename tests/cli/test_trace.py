"""`pkgimage trace`: what a program compiles becomes a workload that leaves nothing to compile."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy
import pytest
from image_build import PACKAGES, build, environment, pkgimage, run_with_images
from numba import typeof, types
from numba.experimental import jitclass
from numba.typed import Dict, List
from packageimage.tracing.type_text import NoText, modules_in, type_text
from packageimage.tracing.workload import (
    DECLARED,
    Traced,
    chosen,
    line_of,
    read_lines,
    workload_text,
)

APP = """
import multiprocessing, subprocess, sys
import numpy
import tiny
from numba import njit

@njit
def own(x):
    return tiny.scaled(x)

def child(x):
    return float(tiny.squared(x))

if __name__ == "__main__":
    print(tiny.scaled(2), tiny.total(numpy.ones(3)), tiny.squared(3.0), tiny.make(3)(2), own(1j))
    code = "import tiny; print(tiny.scaled((1 == 1)))"
    sys.stdout.flush()
    subprocess.run([sys.executable, "-c", code], check=True)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(child, [numpy.float32(4)]))
    sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
"""


@pytest.fixture
def app(tmp_path):
    file = tmp_path / "app.py"
    file.write_text(APP)
    return file


@pytest.mark.slow
def test_a_traced_program_then_compiles_nothing(app, tmp_path):
    home, out = tmp_path / "home", tmp_path / "trace.py"
    home.mkdir()
    words = ["trace", "-o", str(out), "--package", "tiny", "--", "python", str(app)]
    done = pkgimage(home, *words, paths=(PACKAGES,))
    assert done.returncode == 0, done.stderr
    text = out.read_text()
    calls = [line for line in text.splitlines() if ".compile(" in line]
    assert calls == [
        "tiny.scaled.compile((types.boolean,))",
        "tiny.scaled.compile((types.complex128,))",
        "tiny.scaled.compile((types.float64,))",
        "tiny.scaled.compile((types.int64,))",
        "tiny.squared.compile((types.float32,))",
        "tiny.squared.compile((types.float64,))",
    ]
    assert "# compiled when it is imported: tiny.total(array(float64, 1d, C))" in text
    assert "# not recorded: tiny.make.<locals>.raised(int64): it has no name" in text
    again = tmp_path / "again.py"
    words[2] = str(again)
    assert pkgimage(home, *words, paths=(PACKAGES,)).returncode == 0
    assert again.read_text() == text
    depot = tmp_path / "depot"
    build(home, depot, "tiny", out, PACKAGES, "--cpu-targets", "generic")
    program = tmp_path / "program.py"
    program.write_text(
        "import numpy, tiny\n"
        "print(tiny.scaled(2), tiny.total(numpy.ones(3)), tiny.squared(3.0))\n"
        "print(tiny.scaled(True), tiny.squared(numpy.float32(4)))\n"
    )
    seen = run_with_images(home, depot, program, PACKAGES)
    assert seen.output == "5.0 7.5 9.0\n2.5 16.0\n"
    assert (seen.seen["compiled"], seen.seen["rejections"]) == ([], [])


def test_its_exit_code_output_and_json(app, tmp_path):
    out = tmp_path / "trace.py"
    words = ["trace", "--json", "-o", str(out), str(app), "3"]
    done = pkgimage(tmp_path, *words, paths=(PACKAGES,))
    said = json.loads(done.stdout)
    assert (done.returncode, said["exit_code"], said["output"]) == (3, 3, str(out))
    assert "[16.0]" in done.stderr  # the program's own
    found = {(row["name"], row["why"] == "") for row in said["specialisations"]}
    assert ("tiny.scaled", True) in found and ("__main__.own", False) in found


def test_the_environments_own_start_still_runs(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("import builtins\nbuiltins.seen = 5\n")
    app = tmp_path / "app.py"
    app.write_text("import sys\nprint(seen, [p for p in sys.path if 'pkgimage-trace' in p])\n")
    done = pkgimage(
        tmp_path, "trace", "-o", str(tmp_path / "o.py"), str(app), paths=(tmp_path / "own",)
    )
    assert (done.returncode, done.stdout) == (0, "5 []\n")


@pytest.mark.slow
def test_what_images_answer_is_recorded_unless_it_is_to_be_skipped(built, tmp_path):
    app = tmp_path / "app.py"
    app.write_text(
        "import packageimage\npackageimage.enable()\nimport tiny\ntiny.scaled(2.0); tiny.scaled(1j)"
    )
    calls = {}
    for images in ("use", "skip", "no"):
        out = tmp_path / f"{images}.py"
        words = ["trace", "--images", images, "-o", str(out), str(app)]
        settings = {"PKGIMAGE_DEPOT_PATH": str(built.depot)}
        done = pkgimage(built.home, *words, paths=(built.source,), **settings)
        assert done.returncode == 0, done.stderr
        calls[images] = [line for line in out.read_text().splitlines() if ".scaled.c" in line]
    assert len(calls["use"]) == len(calls["no"]) == 2
    assert calls["skip"] == ["tiny.scaled.compile((types.complex128,))"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["trace"], "the following arguments are required: PROGRAM"),
        (["trace", "absent.py"], "expected a program to run, found no file absent.py"),
        (["trace", "--", "no-such-program"], "expected a program to run, found none called"),
        (["trace", "-o", "/no/such/x", "--", "python", "-c", ""], "expected to write /no/such/x"),
    ],
)
def test_mistakes(words, error, tmp_path):
    done = pkgimage(tmp_path, *words)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert error in done.stderr


def test_ufuncs(tmp_path):
    package = tmp_path / "waves.py"
    package.write_text(
        "from numba import guvectorize, vectorize\n"
        "@vectorize\ndef twice(x):\n    return 2 * x\n"
        "@vectorize(['f8(f8)'])\ndef thrice(x):\n    return 3 * x\n"
        "@guvectorize('(n)->()')\ndef total(a, out):\n    out[0] = a.sum()\n"
    )
    app = tmp_path / "app.py"
    app.write_text(
        "import numpy, waves\nwaves.twice(numpy.ones(2)); waves.thrice(1.0)\n"
        "waves.total(numpy.ones(3), numpy.zeros(()))\n"
    )
    out = tmp_path / "trace.py"
    done = pkgimage(tmp_path, "trace", "-o", str(out), str(app))
    assert done.returncode == 0, done.stderr
    lines = out.read_text().splitlines()
    assert "waves.twice.add((types.float64,))" in lines
    assert "# compiled when it is imported: waves.thrice(float64)" in lines
    assert any(line.startswith("# not recorded: waves.total(") for line in lines)
    done = subprocess.run(
        [sys.executable, str(out)], env=environment(tmp_path, tmp_path), capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")


@jitclass([("x", types.int64)])
class Box:
    def __init__(self):
        self.x = 1


def point():
    return numpy.dtype([("x", "f8"), ("y", "i4")], align=True)


TYPES = {
    "types.boolean": lambda: types.boolean,
    "types.intp": lambda: types.intp,
    "types.float32": lambda: types.float32,
    "types.unicode_type": lambda: types.unicode_type,
    "types.none": lambda: types.none,
    "types.float64[::1]": lambda: typeof(numpy.ones(2)),
    "types.float64[:, :, ::1]": lambda: typeof(numpy.ones((2, 2, 2))),
    "types.float64[:, :]": lambda: types.Array(types.float64, 2, "A"),
    "types.Array(types.float64, 0, 'C')": lambda: typeof(numpy.array(1.0)),
    "types.float64[::1, :]": lambda: typeof(numpy.ones((2, 2), order="F")),
    "types.Array(types.boolean, 1, 'A', readonly=True)": lambda: types.Array(
        types.boolean, 1, "A", readonly=True
    ),
    "types.Array(types.int64, 1, 'C', aligned=False)": lambda: types.Array(
        types.int64, 1, "C", aligned=False
    ),
    "types.UniTuple(types.int64, 2)": lambda: typeof((1, 2)),
    "types.Tuple((types.int64, types.float64))": lambda: typeof((1, 2.0)),
    "types.Tuple(())": lambda: typeof(()),
    "types.Optional(types.float64)": lambda: types.Optional(types.float64),
    "types.Omitted(None)": lambda: types.Omitted(None),
    "types.Omitted(0.5)": lambda: types.Omitted(0.5),
    "types.literal('left')": lambda: types.literal("left"),
    "types.literal(3)": lambda: types.literal(3),
    "types.literal(True)": lambda: types.literal(True),
    "types.List(types.int64, reflected=True)": lambda: typeof([1]),
    "types.Set(types.int64, reflected=True)": lambda: typeof({1}),
    "types.ListType(types.float64)": lambda: typeof(List([1.0])),
    "types.DictType(types.unicode_type, types.int64)": lambda: types.DictType(
        types.unicode_type, types.int64
    ),
    "types.NPDatetime('D')": lambda: types.NPDatetime("D"),
    "types.UnicodeCharSeq(3)": lambda: types.UnicodeCharSeq(3),
    "types.slice2_type": lambda: typeof(slice(1, 2)),
    "numba.from_dtype(numpy.dtype({'names': ['x', 'y'], 'formats': ['<f8', '<i4'], "
    "'offsets': [0, 8], 'itemsize': 16}, align=True))": lambda: typeof(numpy.zeros(1, point())[0]),
}


@pytest.mark.parametrize("text", TYPES)
def test_types_have_a_text_that_gives_them_again(text):
    kind = TYPES[text]()
    found = type_text(kind)
    assert found == text.replace("types.intp", "types.int64")
    assert eval(found) == kind


# What the expressions above name.
import numba  # noqa: E402


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (lambda: typeof(Box()), "a jitclass has no text"),
        (lambda: typeof(numba.njit(lambda x: x)), "a function has no text"),
        (lambda: typeof(Dict.empty(types.int64, typeof(Box()))), "a jitclass has no text"),
        (lambda: types.Omitted(object()), "has no text"),
    ],
)
def test_types_without_a_text_say_why(kind, why):
    with pytest.raises(NoText, match=why):
        type_text(kind())


def test_modules_of_an_expression():
    text = "types.NamedTuple((numpy.linalg.x, types.int64), json.decoder.Absent)"
    assert modules_in(text) == {"numpy.linalg", "json.decoder"}


ONE = Traced("a.b", "f", "a.b.f", "compile", ("types.int64",), ("a.b",), "(int64)", "")


def test_the_file_does_not_depend_on_the_order_of_compilation():
    other = ONE.replace(qualname="g", name="a.b.g", arguments=())
    refused = ONE.replace(module="c", qualname="h", name="", why='"""; no\nway', arguments=())
    lines = [line_of(each) for each in (ONE, other, refused, ONE)]
    texts = {workload_text(read_lines(["\n".join(order)]), "app") for order in (lines, lines[::-1])}
    assert len(texts) == 1
    (text,) = texts
    compile(text, "workload", "exec")
    assert text.endswith(
        "import a.b\nfrom numba import types\n\n# a\na.b.f.compile((types.int64,))\n"
        "a.b.g.compile(())\n\n# c\n# not recorded: c.h(int64): '''; no\\\\nway\n"
    )


def test_a_name_that_came_later_wins_and_half_lines_are_skipped():
    early = ONE.replace(name="", why="it has no name", arguments=())
    late = ONE.replace(why=DECLARED, arguments=())
    text = "\n".join([line_of(early), line_of(late), line_of(ONE)[:-9]])
    assert read_lines([text]) == [late]
    assert read_lines([line_of(ONE), text]) == [ONE]
    assert read_lines(["[]\n{}\nnull\n"]) == []
    assert chosen([ONE], ["b"]) == [] and chosen([ONE], []) == [ONE]


def test_long_calls_are_broken_between_arguments():
    long = ONE.replace(arguments=("types.Tuple((types.int64, types.int64))",) * 9)
    text = workload_text([long], "app")
    assert max(map(len, text.splitlines())) <= 100
    _, _, call = text.partition("a.b.f.compile")
    assert eval(call, {"types": types}) == (types.Tuple((types.int64, types.int64)),) * 9
    compile(text, "workload", "exec")
