"""First imports and first calls from many threads, and workers that are forked or spawned."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from image_build import PACKAGES, build, environment
from scons_project import SITE

THREADS = """
import json, sys, threading
import packageimage
session = packageimage.enable()
from numba.core import event
passes = event.RecordingListener()
event.register("numba:run_pass", passes)
sys.setswitchinterval(1e-6)
start = threading.Barrier(16)
wrong = []
NAMES = ("scaled", "total", "squared")

def work(number):
    start.wait()
    try:
        import numpy as np
        import tiny
        for step in range(40):
            # In another order in each thread, so that first calls of different functions meet.
            for name in NAMES[number % 3:] + NAMES:
                argument = {"scaled": step, "total": np.arange(5.0), "squared": float(step)}[name]
                found = getattr(tiny, name)(argument)
                wanted = {"scaled": step * 2.5, "total": 25.0, "squared": float(step) ** 2}[name]
                if found != wanted:
                    wrong.append((name, step, found))
    except BaseException as error:
        wrong.append(repr(error))

threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({"wrong": wrong, "passes": len(passes.buffer) // 2,
                  "loaded": sorted(session.loaded), "answered": session.answered}))
"""

WORKERS = """
import json, multiprocessing, sys
import packageimage
session = packageimage.enable()

def work(number):
    import numpy as np
    import tiny
    from numba.core import event
    passes = event.RecordingListener()
    event.register("numba:run_pass", passes)
    import packageimage
    results = [tiny.scaled(number), tiny.total(np.full(number, 2.0)), tiny.squared(float(number))]
    return [*map(float, results), len(passes.buffer), sorted(packageimage.enable().loaded)]

if __name__ == "__main__":
    if sys.argv[2] == "loaded":
        work(1)
    with multiprocessing.get_context(sys.argv[1]).Pool(4) as pool:
        print(json.dumps(pool.map(work, range(12), chunksize=1)))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def depot(tmp_path_factory, home):
    depot = tmp_path_factory.mktemp("depot")
    build(home, depot, "tiny", PACKAGES / "tiny_workload.py", PACKAGES, "--cpu-targets", "generic")
    return depot


def run(home, depot, folder, program, *arguments):
    file = folder / "program.py"
    file.write_text(program)
    done = subprocess.run(
        [sys.executable, str(file), *arguments],
        env=environment(home, PACKAGES, SITE, PKGIMAGE_DEPOT_PATH=str(depot)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_threads_that_import_and_call_at_once(home, depot, tmp_path):
    for _ in range(5):
        seen = run(home, depot, tmp_path, THREADS)
        assert seen == {"wrong": [], "passes": 0, "loaded": ["tiny"], "answered": 3}


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("state", ["loaded", "fresh"])
def test_workers(home, depot, tmp_path, start, state):
    if start != "spawn" and sys.platform == "win32":
        pytest.skip("there is no fork")
    found = run(home, depot, tmp_path, WORKERS, start, state)
    assert found == [[2.5 * n, 5.0 * n, float(n * n), 0, ["tiny"]] for n in range(12)]


# The same, restored, while one thread imports Numba.
RESTORED_THREADS = """
import json, sys, threading
import packageimage
session = packageimage.enable()
sys.setswitchinterval(1e-6)
start = threading.Barrier(9)
wrong = []
NAMES = ("scaled", "total", "squared")
ROUNDS, IMPORTS = 400, sys.argv[1] == "numba"

def work(number):
    start.wait()
    try:
        import numpy as np
        import tiny
        for step in range(ROUNDS):
            for name in NAMES[number % 3:] + NAMES:
                argument = {"scaled": step, "total": np.arange(5.0), "squared": float(step)}[name]
                found = getattr(tiny, name)(argument)
                wanted = {"scaled": step * 2.5, "total": 25.0, "squared": float(step) ** 2}[name]
                if found != wanted:
                    wrong.append((name, step, found))
    except BaseException as error:
        wrong.append(repr(error))

def import_numba():
    start.wait()
    if IMPORTS:
        import numba

threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
threads.append(threading.Thread(target=import_numba))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
import tiny
print(json.dumps({"wrong": wrong, "numba": "numba" in sys.modules, "restored": session.restored,
                  "misses": session.misses, "class": type(tiny.total).__module__}))
"""

RESTORED_WORKERS = """
import json, multiprocessing, sys
import packageimage
session = packageimage.enable()

def work(number):
    import numpy as np
    import tiny
    results = [tiny.scaled(number), tiny.total(np.full(number, 2.0)), tiny.squared(float(number))]
    return [*map(float, results), "numba" in sys.modules, packageimage.enable().restored]

if __name__ == "__main__":
    if sys.argv[2] == "loaded":
        work(1)
    with multiprocessing.get_context(sys.argv[1]).Pool(4) as pool:
        print(json.dumps(pool.map(work, range(12), chunksize=1)))
"""


@pytest.fixture(scope="module")
def restoring(tmp_path_factory, home):
    depot = tmp_path_factory.mktemp("restoring")
    workload = PACKAGES / "tiny_workload.py"
    build(home, depot, "tiny", workload, PACKAGES, "--cpu-targets", "generic", "--restore")
    return depot


@pytest.mark.parametrize("imports", ["numba", "nothing"])
def test_threads_on_restored_functions(home, restoring, tmp_path, imports):
    for _ in range(3):
        seen = run(home, restoring, tmp_path, RESTORED_THREADS, imports)
        assert (seen["wrong"], seen["misses"]) == ([], [])
        assert seen["numba"] == (imports == "numba")
        own = "numba.core.registry" if seen["numba"] else "packageimage.load.dispatchers"
        assert seen["class"] == own


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("state", ["loaded", "fresh"])
def test_restored_workers(home, restoring, tmp_path, start, state):
    if start != "spawn" and sys.platform == "win32":
        pytest.skip("there is no fork")
    found = run(home, restoring, tmp_path, RESTORED_WORKERS, start, state)
    wanted = [[2.5 * n, 5.0 * n, float(n * n), False] for n in range(12)]
    assert [row[:4] for row in found] == wanted
    assert all("tiny" in row[4] for row in found)
