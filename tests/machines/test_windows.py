"""What only Windows does: a library that a process uses stays."""

from __future__ import annotations

import pytest
from image_build import LIBRARY

from machines.test_images import Application, built

pytestmark = pytest.mark.machines

SOURCE = "from numba import njit\n\n@njit\ndef twice(x):\n    return 2 * x\n"
# An image was used two hours ago by this process, which has it open.
GC = """
import os, sys, time
from pathlib import Path
from packageimage.collecting import Budgets, collect

def gc():
    done = collect(Path(sys.argv[1]), Budgets(variants=0), os.environ, time.time() + 7200)
    print(len(done.removed), [why for _, why in done.skipped], len(done.kept))

if sys.argv[2] == "use":
    import packageimage
    packageimage.enable()
    import small
    print(small.twice(4), packageimage.enable().answered)
    gc()
    print(small.twice(2.5))
gc()
"""


def test_gc_leaves_an_image_that_a_process_uses(windows_x86_64, tmp_path):
    (tmp_path / "src" / "small").mkdir(parents=True)
    (tmp_path / "src" / "small" / "__init__.py").write_text(SOURCE)
    workload = tmp_path / "workload.py"
    workload.write_text("import small; small.twice(4); small.twice(2.5)\n")
    what = Application("small", tmp_path / "src", workload, workload)
    depot = built(windows_x86_64, what, tmp_path, "generic")
    program = tmp_path / "program.py"
    program.write_text(GC)
    (image,) = depot.rglob("*.pkgimage.dll")
    files = sorted(depot.rglob("*.*"))
    home = tmp_path / "machine-home"
    home.mkdir()

    def run(*words: str) -> str:
        done = windows_x86_64.python(
            program,
            depot,
            *words,
            env={
                "HOME": home,
                "PYTHONPATH": [LIBRARY, tmp_path / "src"],
                "PKGIMAGE": "strict",
                "PKGIMAGE_DEPOT_PATH": [depot],
                "PKGIMAGE_TRUST": "anyone",  # Wine shows folders as everybody's to write
            },
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.replace("\r", "")

    in_use = "0 ['a process uses it'] 1\n"
    assert run("use") == f"8 1\n{in_use}5.0\n{in_use}"
    assert sorted(depot.rglob("*.*")) == files
    assert run("no") == "1 [] 0\n"
    assert not image.exists()
