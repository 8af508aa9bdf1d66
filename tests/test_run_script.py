"""`run.py`, which sets checkouts up."""

import importlib.util
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location(
    "run_script", Path(__file__).resolve().parent.parent / "run.py"
)
run = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run)

FOLDERS = {
    None: ".venv",
    "": ".venv",
    "home = /usr/bin\nversion = 3.12.1\n": ".venv",
    "home = /usr/bin\nversion = 3.11.7\n": ".venv-3.12",
    "implementation = CPython\nversion=3.13.0\n": ".venv-3.12",
    "implementation = CPython\nversion_info = 3.13.0\n": ".venv-3.12",  # as uv has it
}


@pytest.mark.parametrize("config", FOLDERS)
def test_each_python_has_its_own_environment(tmp_path, config):
    if config is not None:
        (tmp_path / ".venv").mkdir()
        (tmp_path / ".venv" / "pyvenv.cfg").write_text(config)
    assert run.environment_folder(tmp_path, "3.12") == tmp_path / FOLDERS[config]
