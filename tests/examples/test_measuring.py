"""What the benchmarks are made of: the generated package, comparing results, taking turns."""

from __future__ import annotations

import numpy as np
import pytest
from compare import differences, ulps_apart
from generated import files, kernels
from processes import Run, in_turns, summarise
from steady_state import line_of


def test_the_generated_package_depends_on_its_arguments_alone():
    assert files(40, 4, seed=3) == files(40, 4, seed=3)
    assert files(40, 4, seed=3) != files(40, 4, seed=4)


@pytest.mark.parametrize(("functions", "modules"), [(1, 1), (7, 3), (100, 10)])
def test_the_generated_package_has_so_many_kernels_in_so_many_modules(functions, modules):
    made = kernels(functions, modules, seed=0)
    assert len({kernel.name for kernel in made}) == functions
    assert len({kernel.module for kernel in made}) == modules


def test_the_generated_package_calls_between_modules_and_is_varied():
    made = kernels(100, 10, seed=0)
    calls = [kernel for kernel in made if kernel.callee]
    assert len(calls) >= 10
    assert all(kernel.callee.module < kernel.module for kernel in calls)
    assert {kernel.returns for kernel in made} == {"float", "int", "array", "tuple"}


def test_only_the_decorator_differs_with_numbas_cache():
    plain, cached = files(20, 2), files(20, 2, cache=True)
    assert {
        name: text.replace("@njit(cache=True)", "@njit") for name, text in cached.items()
    } == plain


def test_every_generated_text_is_python():
    for name, text in files(30, 3).items():
        compile(text, name, "exec")


@pytest.mark.parametrize(
    ("a", "b", "apart"),
    [
        (1.0, 1.0, 0),
        (1.0, np.nextafter(1.0, 2.0), 1),
        (0.0, -0.0, 0),
        (5e-324, -5e-324, 2),
        (np.nan, np.nan, 0),
        (np.float32(1), np.nextafter(np.float32(1), np.float32(0)), 1),
        (1 + 1j, 1 + np.nextafter(1.0, 2.0) * 1j, 1),
    ],
)
def test_units_in_the_last_place(a, b, apart):
    assert ulps_apart(np.array([a]), np.array([b])) == apart
    assert ulps_apart(np.array([b]), np.array([a])) == apart


def test_bits_count_where_no_units_are_allowed():
    assert differences(0.0, -0.0)
    assert not differences(0.0, -0.0, ulps=4)
    assert differences({"x": np.array([1.0])}, {"x": np.array([np.nextafter(1.0, 2.0)])})
    assert not differences([np.array([1.0])], [np.array([np.nextafter(1.0, 2.0)])], ulps=1)


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (1, 1.0),
        (np.zeros(2), np.zeros(3)),
        (np.zeros(2), np.zeros(2, dtype=np.float32)),
        ({"a": 1}, {"b": 1}),
        ([1, 2], [1]),
        ("a", "b"),
        (np.array([1, 2]), np.array([1, 3])),
    ],
)
def test_what_is_not_a_float_has_to_be_equal(expected, found):
    assert len(differences(expected, found, ulps=4)) == 1
    assert not differences(expected, expected)


def test_sides_take_turns_and_the_order_turns_round():
    order = []

    def side(name):
        def run():
            order.append(name)
            return Run(float(len(order)), "")

        return run

    found = in_turns({"a": side("a"), "b": side("b")}, {"a": 3, "b": 2})
    assert order == ["a", "b", "b", "a", "a"]
    assert summarise(done.seconds for done in found["a"]).median == 4.0


def test_one_lucky_call_does_not_decide_a_ratio():
    line = line_of("k", [[2.0, 3.0], [2.0, 9.0], [2.0, 2.0]], [[2.0], [0.1], [2.0]])
    assert (line.ratio, line.image_low, line.jit_median) == (1.0, 2.0, 2.0)
