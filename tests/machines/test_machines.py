"""The machines themselves: their Pythons run, know this host's files and compile with Numba."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from machines import windows_x86_64 as wine
from machines.machine import Machine

pytestmark = pytest.mark.machines

# What LLVM calls the CPU that each shows, None where it is this host's; how its Python's platform
# is called.
SHOWN = {
    "linux_aarch64": ("neoverse-n1", "linux aarch64"),
    "windows_x86_64": (None, "win32 AMD64"),
    "macos_arm64": ("neoverse-n1", "linux aarch64"),
    "macos_x86_64": (None, "linux x86_64"),
    "kvm64": ("nocona", "linux x86_64"),
    "nehalem": ("nehalem", "linux x86_64"),
    "haswell": ("haswell", "linux x86_64"),
}

KERNEL = """
import numpy as np
from numba import njit

@njit
def kernel(values, scale):
    total, largest = 0.0, values[0]
    for index, value in enumerate(values):
        if value > largest:
            largest = value
        total += np.sqrt(value) * scale / (index + 1)
    if scale < 0:
        raise ValueError("negative", scale)
    return total, largest

values = np.arange(1.0, 100.0)
total, largest = kernel(values, 0.25)
try:
    kernel(values, -1.0)
except ValueError as error:
    print(error.args, float(total).hex(), largest)
"""
VERSIONS = """
import json, platform, sys
import llvmlite, numba, numpy, scipy
from llvmlite import binding
print(json.dumps({
    "versions": [m.__version__ for m in (numba, llvmlite, numpy, scipy)],
    "abi": sys.implementation.cache_tag,
    "cpu": binding.get_host_cpu_name(),
    "platform": f"{sys.platform} {platform.machine()}",
}))
"""


@pytest.fixture(scope="module", params=SHOWN)
def machine(request: pytest.FixtureRequest) -> Machine:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def expected() -> str:
    done = subprocess.run(
        [sys.executable, "-c", KERNEL], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_numba_compiles_and_results_are_equal(machine, expected):
    result = machine.python("-c", KERNEL)
    assert (result.returncode, result.stdout, result.stderr) == (0, expected, "")


def test_versions_are_those_of_the_environment_that_builds(machine, request):
    shown = machine.python("-c", VERSIONS)
    assert shown.returncode == 0, shown.stderr
    builder = subprocess.run(
        [machine.builder, "-c", VERSIONS], capture_output=True, text=True, check=True
    )
    found, wanted = json.loads(shown.stdout), json.loads(builder.stdout)
    assert [found[k] for k in ("versions", "abi")] == [wanted[k] for k in ("versions", "abi")]
    cpu, platform = SHOWN[request.node.callspec.params["machine"]]
    assert (found["cpu"], found["platform"]) == (cpu or wanted["cpu"], platform)


def test_the_builder_can_build(machine):
    words = [machine.builder, "-c", "import SCons, elftools, macholib, pefile, ziglang, numba"]
    subprocess.run(words, check=True)


def test_files_of_this_host(machine, tmp_path):
    folders = [tmp_path / "with space", tmp_path / "ä"]
    for number, folder in enumerate(folders):
        folder.mkdir()
        (folder / f"module{number}.py").write_text(f"number = {number}\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import os, pathlib, sys\n"
        "import module0, module1\n"
        "print(module0.number, module1.number, sys.argv[1:], pathlib.Path.cwd().name)\n"
        "depots = os.environ['PKGIMAGE_DEPOT_PATH'].split(os.pathsep)\n"
        "print([os.path.isdir(depot) for depot in depots], os.environ['SETTING'])\n"
        "print(open(os.environ['FILE']).read(), sys.stdin.read() == '')\n"
        "print('später', file=sys.stderr)\n"
        "sys.exit(7)\n",
        encoding="utf-8",
    )
    (tmp_path / "file").write_text("content")
    joined = f"{folders[0]}:{folders[1]}"
    env = {
        "PYTHONPATH": folders,
        "PKGIMAGE_DEPOT_PATH": joined,
        "SETTING": "a:b",
        "FILE": tmp_path / "file",
    }
    result = machine.python(script, "a b", 'q"uote', "ü", env=env, cwd=folders[0])
    assert result.returncode == 7, result.stderr
    assert result.stdout.splitlines() == [
        "0 1 ['a b', 'q\"uote', 'ü'] with space",
        "[True, True] a:b",
        "content True",
    ]
    assert result.stderr.splitlines()[-1] == "später"


def test_settings_of_the_caller_stay_outside(machine, monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    program = "import os, sys; print('NUMBA_DISABLE_JIT' in os.environ, '/nowhere' in sys.path)"
    assert machine.python("-c", program).stdout == "False False\n"


def test_a_program_that_hangs_is_ended(machine):
    with pytest.raises(subprocess.TimeoutExpired):
        machine.python("-c", "import time; time.sleep(60)", timeout=2)


def test_todays_numpy_asks_for_more_than_the_lowest_target(nehalem):
    """Why kvm64 has an older one."""
    command = [word.replace("Nehalem", "kvm64") for word in nehalem.command]
    done = subprocess.run(
        [*command, "-c", "import numpy"], env=nehalem.environment(), capture_output=True
    )
    assert done.returncode != 0


def test_wine_outlives_another_session(windows_x86_64):
    with wine.server_running(windows_x86_64):
        pass
    result = windows_x86_64.python("-c", "print(1)", timeout=60)
    assert result.stdout == "1\n"
