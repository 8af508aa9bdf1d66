"""Images run on the machines they were built for: the ordinary loader, the examples' results.

Expected is what plain Numba computes on this host, with the NumPy of the image.
"""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from image_build import _OBSERVER as OBSERVER
from image_build import _QUIET_OBSERVER as QUIET_OBSERVER
from image_build import LIBRARY, PACKAGES, environment
from packageimage.codegen.bindable import MATH, MEMORY, OF_SYSTEM, is_bindable
from packageimage.codegen.thunks import provided_names
from packageimage.inspect.objects import undefined_symbols
from packageimage.model.platform import PLATFORMS
from restored_programs import WITHOUT_NUMBA

from machines.machine import Machine

pytestmark = pytest.mark.machines

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ULPS = 4

# Prints all results of an application, floats to the last bit.
MEASURE = """
import json, runpy, sys
import numpy as np

def exact(value):
    if isinstance(value, dict):
        return {str(key): exact(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        # Before NumPy 2, `int` had 32 bits on Windows.
        return ["int" if value.dtype.kind in "iu" else str(value.dtype), list(value.shape),
                [exact(item) for item in value.ravel().tolist()]]
    if isinstance(value, (list, tuple)):
        return [exact(item) for item in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (float, np.floating)):
        return "float " + float(value).hex()
    return int(value) if isinstance(value, np.integer) else value

print(json.dumps(exact(runpy.run_path(sys.argv[1])["results"]())))
"""
PRETEND = "from machines.macos_process import pretend; pretend()\n"


@dataclass(frozen=True)
class Run:
    """What an application gave, and what the session saw of images."""

    results: dict
    seen: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Application:
    """An example: its package, where that is, what is run."""

    package: str
    path: Path
    workload: Path
    app: Path


def kernels() -> Application:
    folder = EXAMPLES / "kernels"
    return Application("kernels", folder / "src", folder / "src/workload.py", folder / "app.py")


def stumpy(folder: Path) -> Application:
    """stumpy in a folder of its own: a machine has no other package of this environment."""
    spec = importlib.util.find_spec("stumpy")
    if spec is None or spec.origin is None:
        pytest.skip("found no stumpy: install it (pip install stumpy)")
    installed = Path(spec.origin).parent
    shutil.copytree(
        installed, folder / "stumpy", ignore=shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")
    )
    for metadata in installed.parent.glob("stumpy-*.dist-info"):
        shutil.copytree(metadata, folder / metadata.name)
    example = EXAMPLES / "stumpy"
    return Application("stumpy", folder, example / "workload.py", example / "app.py")


def built(
    machine: Machine, what: Application, folder: Path, targets: str, linker: str = "", *more: str
) -> Path:
    """The depot with the machine's image of it; `linker` as $PKGIMAGE_LLD names it; `more` are
    further options of the build."""
    depot = folder / f"depot{Path(linker).name}"
    done = subprocess.run(
        [
            machine.builder, "-m", "packageimage", "build", what.package, "--path", what.path,
            "--workload", what.workload, "--depot", depot, "--platform", machine.platform,
            "--cpu-targets", targets, *more,
        ],
        env=environment(folder / "home") | ({"PKGIMAGE_LLD": linker} if linker else {}),
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return depot


def on_host(machine: Machine, what: Application, folder: Path) -> Run:
    """Under plain Numba, with the versions that the image was built with."""
    done = subprocess.run(
        [machine.builder, "-c", MEASURE, what.app],
        env=environment(folder / "home", what.path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Run(json.loads(done.stdout))


def on_machine(machine: Machine, what: Application, folder: Path, depot: Path) -> Run:
    """With images, by the ordinary loader; on macOS' machines behind what opens dylibs there."""
    measure = folder / "measure.py"
    measure.write_text(MEASURE)
    home = folder / "machine-home"
    home.mkdir(exist_ok=True)
    done = machine.python(
        "-c",
        (PRETEND if machine.platform.startswith("macos") else "") + OBSERVER,
        measure,
        what.app,
        env={
            "HOME": home,
            "PYTHONWARNINGS": "ignore",
            "PYTHONPATH": [LIBRARY, what.path],
            "PKGIMAGE_DEPOT_PATH": [depot],
        },
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Run(json.loads(done.stdout), json.loads(done.stderr.rstrip().rpartition("\n")[2]))


def ulps(first: float, second: float) -> float:
    """How many doubles lie between two; 0 for two NaNs."""
    if math.isnan(first) or math.isnan(second):
        return 0 if math.isnan(first) and math.isnan(second) else math.inf
    rank = [struct.unpack("<q", struct.pack("<d", value))[0] for value in (first, second)]
    ordered = [value if value >= 0 else -(value & (2**63 - 1)) for value in rank]
    return abs(ordered[0] - ordered[1])


def within_ulps(first: float, second: float) -> bool:
    """As close as two libms are, which is all that may differ without fast-math."""
    return ulps(first, second) <= ULPS


def reordered(first: float, second: float) -> bool:
    """As close as sums are that each CPU's code adds up in an order of its own: stumpy's functions
    are declared with fastmath, and squared distances are differences of such sums."""
    return first == second or abs(first - second) <= 1e-8 * max(1.0, abs(first), abs(second))


def differences(found, expected, close=within_ulps, where="") -> list[str]:
    """Where two results of MEASURE are not the same, floats not `close`."""
    if isinstance(expected, dict) and isinstance(found, dict) and found.keys() == expected.keys():
        return [
            d for k in expected for d in differences(found[k], expected[k], close, f"{where} {k}")
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(found) == len(expected):
        pairs = enumerate(zip(found, expected, strict=True))
        return [d for i, (f, e) in pairs for d in differences(f, e, close, f"{where}[{i}]")]
    floats = [
        float.fromhex(value.removeprefix("float "))
        for value in (found, expected)
        if isinstance(value, str) and value.startswith("float ")
    ]
    same = close(*floats) if len(floats) == 2 else found == expected
    return [] if same else [f"{where.strip()}: expected {expected}, found {found}"]


TARGETS = {
    "linux_aarch64": ("generic;neoverse-n1", "neoverse-n1"),
    "windows_x86_64": ("generic;haswell", "haswell"),
    "macos_arm64": ("generic;neoverse-n1", "neoverse-n1"),
    "macos_x86_64": ("generic;haswell", "haswell"),
    "nehalem": ("generic;haswell;x86-64-v4", "generic"),
    "haswell": ("generic;haswell;x86-64-v4", "haswell"),
}


@pytest.mark.parametrize("name", TARGETS)
def test_the_example_runs_from_its_image(name, request, tmp_path):
    machine = request.getfixturevalue(name)
    targets, chosen = TARGETS[name]
    depot = built(machine, kernels(), tmp_path, targets)
    run = on_machine(machine, kernels(), tmp_path, depot)
    assert differences(run.results, on_host(machine, kernels(), tmp_path).results) == []
    assert run.seen["loaded"] == ["kernels"]
    assert run.seen["targets"] == {"kernels": chosen}
    assert (run.seen["compiled"], run.seen["passes"], run.seen["rejections"]) == ([], 0, [])


@pytest.mark.parametrize("name", ["linux_aarch64", "windows_x86_64", "haswell"])
def test_a_restored_package_runs_without_numba(name, request, tmp_path):
    machine = request.getfixturevalue(name)
    program = tmp_path / "program.py"
    program.write_text(WITHOUT_NUMBA)
    what = Application("stored", PACKAGES, PACKAGES / "stored_workload.py", program)
    depot = built(machine, what, tmp_path, TARGETS[name][0], "", "--restore")
    home = tmp_path / "machine-home"
    home.mkdir()
    settings = {"HOME": home, "PYTHONWARNINGS": "ignore", "PYTHONPATH": [LIBRARY, PACKAGES]}
    done = machine.python(
        "-c", QUIET_OBSERVER, program, env={**settings, "PKGIMAGE_DEPOT_PATH": [depot]}, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    plain = subprocess.run(
        [machine.builder, program],
        env=environment(tmp_path / "home", PACKAGES),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == plain.stdout.splitlines()
    seen = json.loads(done.stderr.rstrip().rpartition("\n")[2])
    # Sums of narrow integers are another matter on Windows before NumPy 2: Numba compiles those.
    left = ["stored.calls.of_records"] if name == "windows_x86_64" else []
    assert (seen["rejections"], [method for method, _ in seen["misses"]]) == ([], left)
    assert seen["numba"] == bool(left)
    assert seen["restored"] == ["stored", "stored.calls", "stored.kinds"]


@pytest.mark.parametrize("name", ["linux_aarch64", "windows_x86_64", "macos_x86_64"])
def test_images_of_other_linkers_run_too(name, request, tmp_path):
    machine = request.getfixturevalue(name)
    targets, _ = TARGETS[name]
    first = built(machine, kernels(), tmp_path, targets)
    expected = on_machine(machine, kernels(), tmp_path, first).results
    others = [path for path in map(shutil.which, ("lld-14", "lld-19")) if path] + ["ziglang"]
    for linker in others:
        depot = built(machine, kernels(), tmp_path, targets, linker)
        run = on_machine(machine, kernels(), tmp_path, depot)
        assert (run.seen["loaded"], run.seen["compiled"]) == (["kernels"], []), linker
        assert run.results == expected, linker


# 520 doubles are returned by reference to a place in the caller's frame, which is above a page:
# Windows wants each page of it touched in order. Recursive, or it would be inlined.
TUPLE = 520
DEEP = f"""
import math
from numba import njit

@njit
def turned(x, n):
    if n == 0:
        return ({", ".join(f"x + {i}" for i in range(TUPLE))})
    t = turned(x * 0.5, n - 1)
    return ({", ".join(f"t[{(i + 1) % TUPLE}] + 1.0" for i in range(TUPLE))})

@njit
def wave(x):
    return math.sin(x) * 10.0 + math.cos(x)  # one call of sincos where there is one
"""
DEEP_APP = """
import deep

def results():
    return {"turned": deep.turned(1.0, 40), "wave": [deep.wave(i * 0.1) for i in range(100)]}
"""


def test_frames_above_a_page_and_sincos_on_windows(windows_x86_64, tmp_path):
    files = {
        "src/deep.py": DEEP,
        "work.py": "import deep\ndeep.turned(1.0, 1), deep.wave(1.0)\n",
        "app.py": DEEP_APP,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    what = Application("deep", tmp_path / "src", tmp_path / "work.py", tmp_path / "app.py")
    depot = built(windows_x86_64, what, tmp_path, "generic;haswell")
    objects = list((tmp_path / "home").rglob("deep.p0.t0.*.o"))
    (undefined,) = (undefined_symbols(path.read_bytes()) for path in objects)
    assert {"___chkstk_ms", "sincos"} <= set(undefined)
    run = on_machine(windows_x86_64, what, tmp_path, depot)
    assert run.seen["compiled"] == []
    assert differences(run.results, on_host(windows_x86_64, what, tmp_path).results) == []


@pytest.mark.parametrize("name", ["linux_aarch64", "windows_x86_64", "macos_arm64"])
def test_stumpy_runs_from_its_image(name, request, tmp_path):
    machine = request.getfixturevalue(name)
    (tmp_path / "package").mkdir()
    application = stumpy(tmp_path / "package")
    depot = built(machine, application, tmp_path, TARGETS[name][0])
    run = on_machine(machine, application, tmp_path, depot)
    assert run.seen["loaded"] == ["stumpy"]
    assert run.seen["rejections"] == []
    expected = on_host(machine, application, tmp_path).results
    assert differences(run.results, expected, reordered) == []
    if machine.platform != "windows-x86_64":  # where NumPy 1's integers have 32 bits
        assert run.seen["compiled"] == []


def test_a_cpu_below_the_lowest_target_is_told_why_and_runs_all_the_same(kvm64, tmp_path):
    depot = built(kvm64, kernels(), tmp_path, "nehalem;haswell")
    run = on_machine(kvm64, kernels(), tmp_path, depot)
    assert differences(run.results, on_host(kvm64, kernels(), tmp_path).results) == []
    assert run.seen["loaded"] == []
    ((kind, message),) = run.seen["rejections"]
    assert kind == "cpu-target"
    for target in ("nehalem", "haswell"):
        assert target in message
    assert len(run.seen["compiled"]) > 20


NAMES = """
import sys
from packageimage.load import numba_attach
print(*(name for name in sys.argv[1:] if numba_attach.address_of(name) is None))
"""


@pytest.mark.parametrize("name", ["linux_aarch64", "windows_x86_64"])
def test_every_name_that_codegen_lets_pass_is_found_by_the_loader(name, request):
    machine = request.getfixturevalue(name)
    system = PLATFORMS[machine.platform].os
    names = {
        known
        for known in MATH | MEMORY | OF_SYSTEM[system]
        if is_bindable(known, system) and known not in provided_names(PLATFORMS[machine.platform])
    }
    result = machine.python("-c", NAMES, *sorted(names), env={"PYTHONPATH": [LIBRARY]})
    assert (result.returncode, result.stdout.split(), result.stderr) == (0, [], "")
