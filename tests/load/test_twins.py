"""What tells two functions apart must tell their methods apart, or results are silently wrong."""

import pytest
from image_build import PACKAGES, build, run_plain, run_with_images

WORKLOAD = PACKAGES / "twins_workload.py"

PROGRAMS = {
    "frozen value of another time": """
import twins
twins.STEP = 2
print(twins.add_step(1), twins.both(1))
""",
    "one global, frozen with two values": """
import twins
print(twins.add_step(1), twins.add_step(1.0), twins.add_step(2))
""",
    "large array bound again": """
import numpy as np, twins
print(twins.large(3))
twins.LARGE = np.arange(200_000.0) * 10
print(twins.large(np.int32(3)), twins.large(3))
""",
    "only the second of a pair": """
import twins
print(list(twins.twos(3)), twins.add_two(1.0), twins.lifted_two(4), twins.product(1.0))
print(twins.first((twins.other.Pair(1, 2),)), twins.half(3.0))
print(twins.try_call(twins.silent, 0.0), twins.scaled_value(twins.Triple(2)))
print(twins.is_first(twins.other.Choice.SECOND))
""",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def depot(tmp_path_factory, home):
    depot = tmp_path_factory.mktemp("depot")
    build(home, depot, "twins", WORKLOAD, PACKAGES)
    return depot


@pytest.mark.slow
def test_each_has_its_own(home, depot):
    seen = run_with_images(home, depot, WORKLOAD, PACKAGES)
    assert seen.output == run_plain(home, WORKLOAD, PACKAGES)
    # add_step for a float was compiled, and so recorded, with the other STEP.
    assert seen.seen["misses"] == []
    assert all("stub_with.<locals>" in name for name in seen.seen["compiled"]), seen.seen


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_plain(home, depot, tmp_path, name):
    program = tmp_path / "program.py"
    program.write_text(PROGRAMS[name])
    seen = run_with_images(home, depot, program, PACKAGES)
    assert seen.returncode == 0, seen.error
    assert seen.output == run_plain(home, program, PACKAGES)
    assert seen.seen["loaded"] == ["twins"]


@pytest.mark.slow
def test_globals_that_are_types_and_functions_are_compared(home, depot, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import os\nos.environ['TWINS_SECOND'] = '1'\nimport twins\n"
        "print(twins.with_dtype(2), repr(twins.with_type(0.1)))\n"
        "print(twins.with_helper(1.0), twins.with_ufunc(1.0))\n"
    )
    seen = run_with_images(home, depot, program, PACKAGES)
    assert seen.output == run_plain(home, program, PACKAGES)
    missed = {method for method, _ in seen.seen["misses"]}
    assert missed == {f"twins.with_{what}" for what in ("dtype", "type", "helper", "ufunc")}
