"""`pkgimage bench`: all sides are run, nothing is said of how long they should take."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from image_build import pkgimage
from packageimage.commands import fresh_processes
from packageimage.commands.fresh_processes import Side, clean_environment, in_turns
from packageimage.model.errors import PackageImageError


def bench(place, *words, **settings):
    settings = {"PKGIMAGE_DEPOT_PATH": str(place.depot), **settings}
    return pkgimage(place.home, "bench", *words, paths=(place.source,), **settings)


def test_sides(built, tmp_path):
    workload = tmp_path / "work.py"
    workload.write_text("import tiny\nprint(tiny.scaled(2.0))\n")
    done = bench(built, "tiny", "--workload", str(workload), "-n", "1", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    sides = {row["side"]: row for row in said["sides"]}
    assert list(sides) == ["import numba", "no cache", "image"]
    assert sides["image"]["ratio"] == 1
    assert all(row["runs"] == 1 and len(row["seconds"]) == 1 for row in said["sides"])
    assert said["compiled"]["no cache"] > 0 == said["compiled"]["image"] < said["answered"]
    assert said["machine"]["numba"] and said["machine"]["cpus"] > 0
    assert said["numba_cache_used"] is False


def test_text_and_the_workload_that_is_an_import(built):
    done = bench(built, "tiny", "-n", "1")
    assert (done.returncode, done.stderr) == (0, "")
    first, _, *rows = done.stdout.splitlines()
    assert first == "tiny: import tiny, fresh processes from start to exit"
    assert [row.split("  ")[1] for row in rows[:3]] == ["import numba", "no cache", "image"]
    assert any(row.startswith("Numba's cache: the package uses none") for row in rows)


@pytest.mark.parametrize(
    ("words", "settings", "error"),
    [
        (["tiny", "-n", "0"], {}, "-n must be 1 or more, found 0"),
        (["tiny", "--workload", "absent.py"], {}, "found no file absent.py"),
        (["a b"], {}, "expected a package's name, found 'a b'"),
        (["tiny", "-n", "1"], {"PKGIMAGE_FLAGS": "inline=no"}, "run pkgimage explain tiny"),
        (["no_such_package"], {}, "found exit code 1: ModuleNotFoundError: No module named"),
    ],
)
def test_mistakes(built, words, settings, error):
    done = bench(built, *words, **settings)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert error in done.stderr


def test_turns_go_round_and_long_sides_stop(monkeypatch):
    seconds = {"a": 1.0, "b": 30.0}
    ran: list[str] = []

    def run(side: Side) -> tuple[float, str]:
        ran.append(side.name)
        return seconds[side.name], ""

    monkeypatch.setattr(fresh_processes, "run", run)
    report: Callable[[str, int], None] = lambda name, count: None  # noqa: E731
    times = in_turns([Side("a", (), {}), Side("b", (), {})], 5, 60.0, report)
    assert ran == ["a", "b", "b", "a", "a", "b", "a", "a"]
    assert [len(each.seconds) for each in times] == [5, 3]
    assert times[0].median == 1.0


def test_a_program_that_fails(tmp_path):
    side = Side("no cache", ("-c", "raise ValueError('x\\ny')"), clean_environment({}, {}))
    with pytest.raises(PackageImageError, match=r"found exit code 1: y$"):
        fresh_processes.run(side)


def test_the_callers_settings_do_not_leak():
    environ = {"NUMBA_OPT": "0", "PKGIMAGE": "no", "PYTHONHASHSEED": "1", "HOME": "/h",
               "NUMBA_NUM_THREADS": "2", "PYTHONPATH": "/p"}  # fmt: skip
    found = clean_environment(environ, {"PKGIMAGE": "yes"})
    assert found["PYTHONPATH"].startswith("/p")
    assert {k: v for k, v in found.items() if k != "PYTHONPATH"} == {
        "PKGIMAGE": "yes", "HOME": "/h", "NUMBA_NUM_THREADS": "2",
    }  # fmt: skip
