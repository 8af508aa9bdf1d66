"""What newer Pythons have: the same program under plain Numba and on an image that restores."""

import sys
from pathlib import Path

import pytest
from image_build import build, pkgimage, run_plain, run_restored

PACKAGE = '''
"""Type parameters, aliases and what is noted of classes."""

import functools
from dataclasses import dataclass
from typing import Self, override

import numpy as np
from numba import njit, vectorize

type Pair = tuple[float, float]
type Several[T] = list[T] | Pair


@njit
def first[T](values: T, at: int = 0) -> T:
    """The first."""
    return values[at]


@vectorize
def halved[T](x: T) -> T:
    return x / 2


def plain[T: (int, float), *Ts, **P](x: T, *rest: *Ts) -> T:
    return x


def make(power):
    @njit
    def raised[N](x: N) -> N:
        return x**power

    return raised


squared = make(2)


@dataclass
class Box[T]:
    item: T

    def put(self, item: T) -> Self:
        self.item = item
        return self

    def __str__(self) -> str:
        return f"{type(self).__name__}[{self.item}]"


class Small(Box[int]):
    @override
    def put(self, item: int) -> Self:
        self.last = item
        return super().put(min(item, 9))


box = Box[float](2.0)
small = Small(1)
'''

PROGRAM = """
import inspect, pickle, sys, typing
import numpy as np
import newer
from newer import Box, Small, box, first, halved, make, plain, small, squared

print(first(np.arange(3.0) + 2), first.__type_params__, first.__name__, first.py_func(b"a"))
print(halved(3.0), halved.__type_params__, squared(3.0), make(3).py_func(2.0))
print(plain(1, 2), plain.__type_params__, plain.__type_params__[0].__constraints__)
print(box, small.put(12).put(4), small.last, Box.__type_params__, Small.__mro__[1] is Box)
print(Box[int], Small.__orig_bases__, typing.get_type_hints(Small.put, include_extras=True))
print(newer.Pair.__value__, newer.Several.__value__, newer.Several.__type_params__)
print(newer.Pair, newer.Pair.__module__, newer.Several[int])
print([getattr(Small, name, None) for name in ("__firstlineno__", "__static_attributes__")])
print(first.__annotations__, inspect.signature(plain), inspect.getsource(Small).count("\\n"))
print(pickle.loads(pickle.dumps(box)) == box, inspect.signature(Box))
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="its syntax is Python 3.12's")
def test_type_parameters(tmp_path: Path) -> None:
    source, home = tmp_path / "src", tmp_path / "home"
    (source / "newer").mkdir(parents=True)
    (source / "newer" / "__init__.py").write_text(PACKAGE)
    (tmp_path / "workload.py").write_text(PROGRAM)
    build(home, tmp_path / "depot", "newer", tmp_path / "workload.py", source, "--restore")
    plain = run_plain(home, tmp_path / "workload.py", source)
    seen = run_restored(home, tmp_path / "depot", tmp_path / "workload.py", source)
    assert (seen.output, seen.seen["misses"]) == (plain, []), seen.error
    assert seen.seen["restored"] == ["newer"]


REFUSED = {
    "type Nested[T] = list[T] | Nested[T]": "Nested",
    "type Missing = Absent": "a type alias whose value is a NameError (newer.Missing)",
}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="its syntax is Python 3.12's")
@pytest.mark.parametrize("line", REFUSED)
def test_what_has_no_value_runs_from_source(tmp_path: Path, line: str) -> None:
    source, program = tmp_path / "src", tmp_path / "program.py"
    (source / "newer").mkdir(parents=True)
    lines = ("from numba import njit", line, "@njit", "def twice(x):", "    return 2 * x", "")
    (source / "newer" / "__init__.py").write_text("\n".join(lines))
    program.write_text("import newer; print(newer.twice(2.5))")
    result = pkgimage(
        tmp_path, "build", "newer", "--workload", str(program), "--path", str(source),
        "--depot", str(tmp_path / "depot"), "--restore",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "not restored: newer: " in result.stderr + result.stdout
    assert REFUSED[line] in result.stderr + result.stdout
    seen = run_restored(tmp_path, tmp_path / "depot", program, source)
    assert (seen.output, seen.seen["answered"], seen.seen["restored"]) == ("5.0\n", 1, [])
