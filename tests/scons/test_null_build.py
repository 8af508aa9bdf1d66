"""A build with nothing to do starts no other program."""

from __future__ import annotations

import os
import sys

import pytest
from scons_project import SCONSTRUCT, Project

SAYS = "echo 'LLD {} (compatible with GNU linkers)' #"


def logging(project: Project, name: str, command: str) -> str:
    """A program that does what `command` does and writes down that it was called."""
    log = project.folder / f"{name}.log"
    folder = project.folder / "programs"
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f'#!/bin/sh\necho "$*" >> "{log}"\nexec {command} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    os.utime(program, (1, 1))
    os.utime(folder, (1, 1))
    return str(program)


def calls(project: Project, name: str) -> list[str]:
    log = project.folder / f"{name}.log"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


@pytest.mark.skipif(os.name == "nt", reason="programs are shell scripts")
def test_the_tool_chain_is_asked_when_it_has_changed(project: Project) -> None:
    packages = project.folder / "packages"
    packages.mkdir()
    os.utime(packages, (1, 1))
    python = logging(project, "python", f'"{sys.executable}"')
    words = [f"python={python}", "pythonpath=packages", "targets=native"]
    assert project.scons(*words).code == 0
    asked = [line for line in calls(project, "python") if "packageimage.stages.toolchain" in line]
    assert len(asked) == 2  # once more for the CPU
    assert project.scons(*words).out == "scons: `.' is up to date.\n"
    assert calls(project, "python") == []
    # As pip does: a folder more in the folder of packages.
    said = "Metadata-Version: 2.1\nName: numba\nVersion: 99.9\n"
    project.write({"packages/numba-99.9.dist-info/METADATA": said})
    assert "serialize kernels" in project.scons(*words).lines
    assert any("packageimage.stages.toolchain" in line for line in calls(project, "python"))


@pytest.mark.skipif(os.name == "nt", reason="programs are shell scripts")
def test_lld_is_asked_when_it_has_changed(project: Project) -> None:
    lld = logging(project, "lld", SAYS.format("19.1.7"))
    text = SCONSTRUCT.replace('    LLDVERSION=ARGUMENTS.get("lld", "19.1.7"),\n', "")
    assert text != SCONSTRUCT
    path = f"env.PrependENVPath('PATH', {os.path.dirname(lld)!r})\nenv.PackageImage"
    project.write({"SConstruct": text.replace("env.PackageImage", path)})
    assert project.scons().code == 0
    assert calls(project, "lld") != []
    assert project.scons().out == "scons: `.' is up to date.\n"
    assert calls(project, "lld") == []
    logging(project, "lld", SAYS.format("20.1.10"))
    (told, *_) = project.scons("--debug=explain").lines
    assert told.endswith(" because lld changed from 19.1.7 to 20.1.10")
    assert calls(project, "lld") != []
