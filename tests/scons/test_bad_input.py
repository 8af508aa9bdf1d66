"""A user's mistakes: one line on standard error, exit code 2, nothing left behind."""

from __future__ import annotations

import sys

import pytest
from scons_project import SCONSTRUCT, Project

CALL = 'env.PackageImage("kernels", "src/kernels", workload="src/workload.py"'

MISTAKES = {
    "flag": (f"{CALL}, flags='fast=yes')", "flags: 'fast=yes' is not a flag; write KEY=VALUE"),
    "flag's value": (f"{CALL}, flags='opt-level=9')", "flags: opt-level must be one of 0, 1, 2"),
    "CPU": (
        f"{CALL}, cpu_targets='generic;hasswell')",
        "CPU targets, column 9: 'hasswell' is not a CPU of x86_64",
    ),
    "empty CPU": (f"{CALL}, cpu_targets=';')", "CPU targets, column 1: expected a CPU name"),
    "a second platform": (
        f"{CALL}, platforms=['linux-x86_64', 'beos'])",
        "platform must be one of linux-aarch64, ",
    ),
    "CPU targets of a platform that there is not": (
        f"{CALL}, cpu_targets={{'arm64': 'generic'}})",
        "PKGIMAGE_CPU_TARGETS: expected platforms or architectures as keys, one of aarch64, ",
    ),
    "a CPU of another architecture": (
        f"{CALL}, platforms='macos-arm64', cpu_targets='generic;haswell')",
        "haswell is an x86_64 CPU; expected a CPU of aarch64",
    ),
    "an argument that there is not": (
        f"{CALL}, platform='linux-x86_64')",
        "PackageImage: expected the argument workload, platforms, cpu_targets, ",
    ),
    "platform": (f"{CALL}, platforms='linux-sparc')", "platform must be one of linux-aarch64, "),
    "native for another": (
        f"{CALL}, platforms='linux-aarch64', cpu_targets='native')",
        "CPU target native is this machine's (x86_64), the platform is linux-aarch64;",
    ),
    "partitions": (f"{CALL}, partitions=0)", "PKGIMAGE_PARTITIONS must be 1 or more, or auto,"),
    "no package": ("env.PackageImage('nothing_here')", "no package called 'nothing_here': it is"),
    "no folder": ("env.PackageImage('k', 'src/nothing')", "expected a package's folder or a .py"),
    "no source": ("env.PackageImage('empty', 'src/empty')", "found no Python source in it;"),
    "no Python file": ("env.PackageImage('k', 'src/note.txt')", "found another file; correct"),
    "a part of a package": ("env.PackageImage('k', 'src/kernels/one.py')", "build that one: "),
    "an extension module": ("env.PackageImage('_struct')", "found "),
    "workload": (
        CALL.replace("workload.py", "werkload.py") + ")",
        "workload src/werkload.py does not exist; name a Python file",
    ),
    "two images": (f"{CALL})\n{CALL})", "two images of kernels for linux-x86_64 with the same"),
    "two captures": (
        f"{CALL})\nenv.PackageImage('kernels', 'src/kernels', depot='second')",
        "kernels.pkgimage: two images would keep their captures here, with different sources",
    ),
    "interpreter": (
        f"env['PKGIMAGE_PYTHON'] = 'no-such-python'\n{CALL})",
        "PKGIMAGE_PYTHON: no-such-python: No such file or directory; name the interpreter",
    ),
    "two sources": ("env.PackageImage('k', ['a', 'b'])", "PackageImage: expected one source, fo"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_said_in_one_line(project: Project, mistake: str) -> None:
    call, expected = MISTAKES[mistake]
    head = SCONSTRUCT.rpartition("env.PackageImage")[0]
    project.write({"SConstruct": f"{head}\n{call}\n", "src/note.txt": "", "src/empty/data.txt": ""})
    before = project.files("**/*")
    done = project.scons()
    assert done.err.startswith("pkgimage: error: "), done.err
    assert expected in done.err
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done.err
    assert project.files("**/*") == before


def test_no_lld(project: Project) -> None:
    done = project.scons(environ={"PKGIMAGE_LLD": "no-such-lld"})
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith("pkgimage: error: PKGIMAGE_LLD is 'no-such-lld': expected an exec")


def test_an_interpreter_without_numba(project: Project) -> None:
    script = project.folder / "python"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    done = project.scons(f"python={script}")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "expected numba to be installed, found none" in done.err


def test_help_lists_the_cpus(project: Project) -> None:
    done = project.scons("targets=help")
    assert (done.code, done.err) == (0, "")
    assert "haswell" in done.out and "clone_all" in done.out
