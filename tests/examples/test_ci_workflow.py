"""examples/ci: the workflow's own commands, on the example package."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packageimage.cli import COMMANDS
from packageimage.model.platform import PLATFORMS
from scons_project import SITE, isolated

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TEXT = (EXAMPLES / "ci/package-images.yml").read_text(encoding="utf-8")


def steps() -> list[str]:
    """What follows each `run:`; a folded block as the one line that YAML makes of it."""
    found = []
    for match in re.finditer(r"^( +)- run: (.*)$", TEXT, re.MULTILINE):
        words = [match[2]]
        if match[2] == ">":
            deeper = " " * (len(match[1]) + 4)
            words = []
            for line in TEXT[match.end() + 1 :].splitlines():
                if not line.startswith(deeper):
                    break
                words.append(line.strip())
        found.append(" ".join(words))
    return found


def test_its_commands_and_platforms_exist():
    commands = [words.split()[1] for words in steps() if words.startswith("pkgimage ")]
    assert commands == ["doctor", "build", "inspect", "explain", "run"]
    assert set(commands) <= set(COMMANDS)
    platforms = re.findall(r"--platform (\S+)", TEXT)
    assert len(platforms) == 5
    assert set(platforms) <= set(PLATFORMS)


def test_both_jobs_install_the_same_versions():
    installs = [words for words in steps() if words.startswith("pip install")]
    assert len(installs) == 2
    assert all(words.endswith("$VERSIONS") for words in installs)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the workflow's steps are written for bash")
def test_the_steps_do_what_they_say(tmp_path):
    (tmp_path / "src").symlink_to(EXAMPLES / "kernels/src")
    settings = dict(re.findall(r"^  (PACKAGE|SOURCE|WORKLOAD): (\S+)", TEXT, re.MULTILINE))
    program = tmp_path / "bin/pkgimage"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m packageimage "$@"\n')
    program.chmod(0o755)

    def run(step: str, **environ: str) -> str:
        home = isolated(tmp_path / "home") | {"PYTHONPATH": str(SITE)} | settings | environ
        home["PATH"] = f"{program.parent}{os.pathsep}{home['PATH']}"
        done = subprocess.run(
            ["bash", "-ec", step], cwd=tmp_path, env=home, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    doctor, build, inspect, explain, _ = (s for s in steps() if s.startswith("pkgimage "))
    assert "linux-x86_64" in run(doctor)
    assert run(build).count("kernels: ") >= 5
    assert run(inspect).count("  keeps every rule") == 5
    (told,) = (s for s in steps() if "GITHUB_ENV" in s)
    run(told, GITHUB_ENV=str(tmp_path / "github.env"))
    name, _, source = (tmp_path / "github.env").read_text().strip().partition("=")
    assert (name, source) == ("PYTHONPATH", str(tmp_path / "src"))
    path = f"{source}{os.pathsep}{SITE}"
    depot = {"PKGIMAGE_DEPOT_PATH": str(tmp_path / "depot"), "PKGIMAGE": "strict"}
    explained = run(explain, PYTHONPATH=path, **depot)
    # The other platforms' are rejected for what they are.
    assert "kernels: 5 images, 1 fit" in explained
    assert explained.count("rejected: ") == 4
    app = f"pkgimage run {EXAMPLES / 'kernels/app.py'}"
    assert run(app, PYTHONPATH=path, **depot) == (EXAMPLES / "kernels/expected.txt").read_text(
        encoding="utf-8"
    )
