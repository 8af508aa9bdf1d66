"""`pkgimage enable`: what every process of an environment does at its start."""

import subprocess
import sys

import pytest
from image_build import PACKAGES, build, environment

WORKLOAD = PACKAGES / "stored_workload.py"
SHOW = """
import json, sys
from packageimage.load.session import current
session = current()
print(json.dumps({
    "numba": "numba" in sys.modules,
    "enabled": session is not None,
    "restored": session.restored if session else [],
}))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs code in a process that has read the `.pth` file's line."""
    folder = tmp_path_factory.mktemp("startup")
    build(folder, folder / "depot", "stored", WORKLOAD, PACKAGES, "--restore", "stored.calls")

    def run(code, **settings):
        settings = {"PKGIMAGE_DEPOT_PATH": str(folder / "depot"), **settings}
        done = subprocess.run(
            [sys.executable, "-c", "import packageimage.load.startup\n" + code],
            env=environment(folder, PACKAGES, **settings),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    return run


@pytest.mark.slow
def test_a_package_that_restores_is_found_before_numba_is(run):
    output, _ = run("import stored.calls; print(stored.calls.scaled(1.0))" + SHOW)
    assert output.splitlines()[0] == "6.0"
    # The package itself runs from source, which imports no Numba; `kinds` asks for none either.
    assert '"numba": false' in output and '"restored": ["stored.calls"]' in output


def test_the_standard_library_alone_wakes_nothing(run):
    code = "import json, decimal, sys; print('packageimage.load.session' in sys.modules)"
    assert run(code)[0] == "False\n"


def test_other_packages_enable_nothing(run):
    output, _ = run("import numpy" + SHOW)
    assert '"enabled": false' in output


def test_numba_enables(run):
    output, _ = run("import numba" + SHOW)
    assert '"enabled": true' in output and '"numba": true' in output


def test_a_setting_that_cannot_be_understood_costs_a_line(run):
    output, error = run("import stored; print(stored.scaled(1.0))", PKGIMAGE="perhaps")
    assert output == "6.0\n"
    assert error.startswith("pkgimage: error: PKGIMAGE must be")


IN_A_SUB_INTERPRETER = """
import sys
try:
    import _interpreters as sub
except ImportError:
    import _xxsubinterpreters as sub
failed = sub.run_string(sub.create(), CODE)
if failed:  # Python 3.13 returns what others raise
    sys.exit(str(failed))
"""


def test_sub_interpreters_are_refused(run):
    code = (
        "import packageimage\n"
        "try:\n"
        "    packageimage.enable()\n"
        "except Exception as error:\n"
        "    print(error, flush=True)\n"
    )
    output, _ = run(IN_A_SUB_INTERPRETER.replace("CODE", repr(code)))
    assert output.startswith("expected the process's first interpreter, found a sub-interpreter")


def test_other_packages_in_sub_interpreters(run):
    """Python 3.12 has no ctypes there, which nothing may need that only watches."""
    code = "import packageimage.load.startup, iniconfig; print(iniconfig.__name__, flush=True)"
    output, error = run(IN_A_SUB_INTERPRETER.replace("CODE", repr(code)))
    assert (output, error) == ("iniconfig\n", "")
