"""The flavors outside SCons: from a checkout, and from an installed wheel's layout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SITE_SCONS = Path(__file__).resolve().parents[2] / "site_scons"
SHOW = (
    "from packageimage.flavors import lld_flavors; "
    "print(lld_flavors().__name__, lld_flavors('detect').WHEEL, "
    "lld_flavors().flavor_named('elf').object_format)"
)


def run(path):
    # -S: an editable install of this project would offer its own site_tools.
    return subprocess.run(
        [sys.executable, "-S", "-c", SHOW],
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_in_a_checkout():
    assert run(SITE_SCONS).stdout == "site_tools.lld_flavors ziglang elf\n"


@pytest.fixture
def installed(tmp_path):
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SITE_SCONS / "packageimage", tmp_path / "packageimage", ignore=ignored)
    tools = tmp_path / "packageimage" / "site_tools"
    shutil.copytree(SITE_SCONS / "site_tools", tools, ignore=ignored)
    return tmp_path


def test_as_installed(installed):
    assert run(installed).stdout == "packageimage.site_tools.lld_flavors ziglang elf\n"


def test_a_mistake_in_the_flavors_is_not_taken_for_their_absence(installed):
    (installed / "packageimage/site_tools/lld_flavors/__init__.py").write_text("import absent\n")
    assert "No module named 'absent'" in run(installed).stderr


def test_without_the_tools(installed):
    shutil.rmtree(installed / "packageimage/site_tools")
    done = run(installed)
    assert done.returncode == 1
    assert "no module named packageimage.site_tools.lld_flavors" in done.stderr
