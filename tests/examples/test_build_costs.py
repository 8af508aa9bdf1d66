"""benchmarks/build.py: what it edits, counts, compares and calls wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from figures import IDLE, MEASURED, figures, table
from generated import files, kernels
from growth import first_bend, slopes
from measure_stage import stage_in
from processes import Run
from project import Stage, numbered, ran, with_comment, with_other_result, without_callers
from reports import problems
from reruns import COMMENT, FUNCTION, NULL, cold, wrong_after, wrong_when_cold
from sizes import Size, bends, growth_table
from stage_costs import Step, first_target_seconds, stage_table, steps

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
MODULE = files(20, 2)["src/generated/part00.py"]
MADE = kernels(20, 2, seed=0)


def test_what_is_edited_gives_a_number_and_nothing_calls_it():
    edited = without_callers(MADE)
    called = {kernel.callee.name for kernel in MADE if kernel.callee}
    assert [kernel.module for kernel in edited] == ["part00", "part01"]
    assert all(kernel.returns in ("float", "int") for kernel in edited)
    assert not called & {kernel.name for kernel in edited}


def value_of(text: str, kernel) -> float:
    """What a kernel of a module without imports from its package gives, run by Python alone."""
    namespace: dict = {}
    exec(text.replace("@njit", "").replace("from numba import njit", ""), namespace)
    arguments = {"reals": [0.5, 1.5], "integers": [1, 2, 3], "scalar": 1.25, "number": 7}
    arguments |= {"pair": (0.5, 1.5)}
    return namespace[kernel.name](*(arguments[name] for name in kernel.arguments))


def test_an_edited_function_gives_another_number_and_the_others_stay():
    kernel, other, *_ = (k for k in MADE[:5] if k.returns in ("float", "int") and not k.callee)
    once = with_other_result(MODULE, kernel.name, 3)
    twice = with_other_result(once, kernel.name, 4)
    assert value_of(once, kernel) == value_of(MODULE, kernel) + 3
    assert value_of(twice, kernel) == value_of(MODULE, kernel) + 4
    assert len(twice) == len(once)
    assert value_of(twice, other) == value_of(MODULE, other)


def test_an_edited_comment_moves_lines_and_changes_no_code():
    kernel = MADE[1]
    edited = with_comment(with_comment(MODULE, kernel.name, 1), kernel.name, 2)
    assert [line for line in edited.splitlines() if not line.startswith("#")] == MODULE.splitlines()
    assert edited.splitlines().index(f"def {kernel.name}({', '.join(kernel.arguments)}):") == (
        MODULE.splitlines().index(f"def {kernel.name}({', '.join(kernel.arguments)}):") + 2
    )


@pytest.mark.parametrize("change", [with_comment, with_other_result])
def test_what_is_not_there_cannot_be_edited(change):
    with pytest.raises(ValueError, match="kernel999"):
        change(MODULE, "kernel999", 1)


def test_what_scons_shows_says_which_stages_ran():
    output = "stage serialize a\nlinking\nstage codegen b\nstage codegen c\nscons: done\n"
    assert ran(output) == Counter(serialize=1, codegen=2)


ALL = {"serialize": 1, "entries": 1, "codegen": 1, "data": 1, "link": 1, "verify": 1}


@pytest.mark.parametrize(
    ("edit", "stages", "said"),
    [
        (NULL, {}, []),
        (NULL, {"verify": 1}, ["verify ran"]),
        (COMMENT, {"serialize": 1, "verify": 1}, []),
        (COMMENT, {}, []),
        (COMMENT, {"serialize": 1, "codegen": 2, "link": 1}, ["codegen ran", "link ran"]),
        (FUNCTION, ALL, []),
        (FUNCTION, {**ALL, "codegen": 2}, ["codegen ran for 2 of 8 partitions"]),
        (FUNCTION, {**ALL, "codegen": 0}, ["codegen did not run"]),
    ],
)
def test_a_stage_that_had_no_reason_to_run_is_wrong(edit, stages, said):
    assert wrong_after(edit, Counter(stages), 8) == [f"{edit}: {text}" for text in said]


@pytest.mark.parametrize(
    ("stages", "targets", "said"),
    [
        (ALL, 1, []),
        ({**ALL, "codegen": 16}, 2, []),
        ({**ALL, "codegen": 15}, 2, ["codegen ran 15 times for 2 CPU targets"]),
        (
            {**ALL, "link": 2, "codegen": 0},
            1,
            ["link ran 2 times", "codegen ran 0 times for 1 CPU"],
        ),
    ],
)
def test_a_cold_build_runs_every_stage(stages, targets, said):
    found = wrong_when_cold(Counter(stages), targets)
    assert len(found) == len(said)
    assert all(f": {text}" in line for text, line in zip(said, found, strict=True))


def test_the_idle_graph_has_each_node_and_each_command_once():
    command = [["a.o", "a.d"], ["a.c", "a.h"]]
    graph = {
        "commands": [command, command, [["lib"], ["a.o"]]],
        "leaves": ["a.c"],
        "wanted": ["lib"],
    }
    made, nodes = numbered(graph)
    assert nodes == 5
    assert [(len(targets), len(sources)) for targets, sources in made["commands"]] == [
        (2, 2),
        (1, 1),
    ]
    assert made["commands"][1][1] == [made["commands"][0][0][0]]
    assert made["wanted"] == list(made["commands"][1][0])
    assert sorted(made["leaves"]) == sorted(made["commands"][0][1])


def stage(name: str, started: float, ended: float, peak: int = 0) -> Stage:
    return Stage(name, started, ended, ended - started, peak)


STAGES = [
    stage("serialize", 1, 11, 300_000_000),
    stage("entries", 11, 11),
    stage("codegen", 11, 13, 80_000_000),
    stage("codegen", 11, 14, 90_000_000),
    stage("link", 14, 15, 50_000_000),
]


def test_a_stages_processes_are_summed_and_their_peaks_are_not():
    assert steps(STAGES)["codegen"] == Step(2, 5.0, 90_000_000)
    assert list(steps(STAGES)) == ["serialize", "entries", "codegen", "link"]
    assert first_target_seconds(STAGES) == 13.0
    row = next(line for line in stage_table([STAGES]).splitlines() if line.startswith("codegen"))
    assert row.split() == ["codegen", "2", "5.00", "s", "90", "MB"]


def test_figures_are_ratios_of_medians_with_their_goals():
    seconds = {
        "Numba alone": [20, 20, 90],
        cold(1): [24, 24, 24],
        cold(2): [26, 26, 26],
        cold(3): [36, 36, 36],
        MEASURED: [25, 25, 25],
        FUNCTION: [3, 3, 3],
        COMMENT: [1, 1, 1],
        NULL: [0.3, 0.3, 0.3],
        IDLE: [0.1, 0.1, 0.1],
    }
    runs = {
        name: [Run(float(value), "", 2.0) for value in listed] for name, listed in seconds.items()
    }
    lines = {line.name: line for line in figures(runs, [STAGES], 3)}
    assert lines[cold(1)].ratio == pytest.approx(1.2)
    assert lines["CPU target 2"].ratio == pytest.approx(2 / 13)
    assert lines["CPU target 3"].ratio == pytest.approx(10 / 13)
    assert lines[FUNCTION].ratio == pytest.approx(0.125)
    assert lines["CPU target 2"].cpu is None
    assert lines[NULL].cpu == 2.0
    shown = table(list(lines.values()))
    assert shown.count(": met") == 3
    assert shown.count(": missed by") == 2


LINEAR = [(30, 1.0), (100, 1.7), (300, 3.7), (1000, 10.7), (3000, 30.7)]
SQUARE = [(n, n * n / 90_000) for n, _ in LINEAR]
NOISE = [(30, 0.02), (100, 0.01), (300, 0.05), (1000, 0.04), (3000, 0.2)]
FLOOR = {n: value * 0.05 for n, value in LINEAR}


def test_slopes_are_by_function():
    assert slopes(LINEAR) == pytest.approx([0.01] * 4)


def test_the_first_series_that_bends_is_named():
    found = first_bend({"a": LINEAR, "b": NOISE, "c": SQUARE}, FLOOR)
    assert (found.series, found.functions) == ("c", 300)
    assert found.after > 1.5 * found.before
    assert first_bend({"a": LINEAR, "b": NOISE}, FLOOR) is None


def test_of_two_that_bend_at_one_place_the_dearer_is_named():
    dearer = [(n, value * 2) for n, value in SQUARE]
    assert first_bend({"c": SQUARE, "d": dearer}, FLOOR).series == "d"


def test_two_sizes_give_slopes_and_no_verdict_of_a_bend():
    sizes = [
        Size(n, 2.0 * n, {"serialize": Step(1, 1.0 * n, 1_000_000 * n)}, 1000 * n) for n in (10, 20)
    ]
    assert set(bends(sizes).values()) == {None}
    assert "serialize" in growth_table(sizes)
    longer = [*sizes, Size(40, 500.0, {"serialize": Step(1, 400.0, 40_000_000)}, 40_000)]
    assert bends(longer)["CPU"].series == "serialize"
    assert bends(longer)["memory"] is None
    assert "the first that is not linear is serialize, seen at 40" in growth_table(longer)


GOOD = {"answered": 2, "compiled": [], "passes": 0, "rejections": [], "results": {"f": 1.0}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        ({"answered": 0}, ["the image was not used"]),
        ({"compiled": ["m.f(int64)"], "passes": 9}, ["1 functions compiled"]),
        ({"rejections": ["platform"]}, ["rejected: platform"]),
        ({"results": {"f": 2.0}}, ["results['f']"]),
    ],
)
def test_what_is_wrong_with_an_image(change, said):
    found = problems({"results": {"f": 1.0}}, {**GOOD, **change}, ulps=4)
    assert len(found) == len(said)
    assert all(text in line for text, line in zip(said, found, strict=True))


def test_a_stage_is_known_by_its_command_line():
    line = "/usr/bin/python3 -P -X pkgimage=x -m packageimage.stages codegen --output a"
    assert stage_in(["/bin/sh", "-c", line]) == "codegen"
    assert stage_in(["/bin/sh", "-c", "touch a"]) == "other"


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell a child's peak memory")
def test_a_wrapped_command_is_measured_with_what_it_starts(tmp_path):
    record = tmp_path / "record"
    child = "import sys; x = bytearray(80_000_000); sys.exit(3)"
    parent = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {child!r}]))"
    wrapper = [sys.executable, "-I", "-S", str(BENCHMARKS / "measure_stage.py"), str(record)]
    for words in ([sys.executable, "-c", parent], ["true"]):
        done = subprocess.run([*wrapper, *words], check=False)
        assert done.returncode == (0 if words == ["true"] else 3)
    large, small = (json.loads(line) for line in record.read_text().splitlines())
    assert large["peak"] > 80_000_000 > small["peak"] > 0
    assert large["started"] < large["ended"] <= small["started"]
    assert large["cpu"] > small["cpu"]


@pytest.mark.slow
def test_the_benchmark_measures_and_finds_nothing_wrong(tmp_path):
    words = ["--functions", "20", "--rounds", "1", "--growth", "10,20"]
    words += ["--cpu-targets", "generic;native", "--json", str(tmp_path / "figures.json")]
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "build.py"), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["wrong"] == []
    assert set(figures["seconds"]) >= {cold(1), cold(2), FUNCTION, COMMENT, NULL, IDLE}
    assert {one["name"] for one in figures["stages"][0]} >= {"serialize", "codegen", "link"}
    assert [size["functions"] for size in figures["growth"]] == [10, 20]
    assert "20 functions in 2 modules" in done.stdout


@pytest.mark.parametrize("words", [["--growth", "30"], ["--growth", "a,b"], ["--functions", "3"]])
def test_a_wrong_option_ends_with_one_line(words):
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "build.py"), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "expected" in done.stderr.splitlines()[-1]
