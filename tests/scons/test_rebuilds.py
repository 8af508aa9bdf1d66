"""What a change makes SCons run again, and nothing else (facts/scons.md, "Tests")."""

from __future__ import annotations

import os
import sys

import pytest
from scons_project import FAKED, SCONSTRUCT, SHOWN, Project

T = ("generic", "haswell", "x86-64-v4")
CODEGEN = [f"codegen kernels 0 {target}" for target in T]
CAPTURE = ["serialize kernels", "entries kernels"]
REST = ["data kernels", "link kernels", "verify kernels"]
ALL = [*CAPTURE, *CODEGEN, *REST]


def numba_of_another_version(project: Project) -> None:
    """A folder to put before the real one's, where Numba says it is 99.9."""
    said = "Metadata-Version: 2.1\nName: numba\nVersion: 99.9\n"
    project.write({"other/numba-99.9.dist-info/METADATA": said})


def another_name_for_python(project: Project) -> None:
    script = project.folder / "python"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    script.chmod(0o755)


CHANGES = {
    "nothing": (None, [], []),
    "a source is touched": (lambda p: os.utime(p.folder / "src/kernels/one.py", (1, 1)), [], []),
    "a comment": (
        lambda p: p.edit("src/kernels/one.py", "def", "# new\ndef"),
        [],
        ["serialize kernels", "verify kernels"],
    ),
    "a function": (lambda p: p.edit("src/kernels/one.py", "x + 1", "x + 2"), [], ALL),
    "a new module": (lambda p: p.write({"src/kernels/two.py": "g = 3\n"}), [], ALL),
    "a module goes": (lambda p: (p.folder / "src/kernels/one.py").unlink(), [], ALL),
    "a file that is no source": (lambda p: p.write({"src/kernels/note.txt": "?"}), [], []),
    "the workload, to no effect": (
        lambda p: p.edit("src/workload.py", "import helper", "import helper  # !"),
        [],
        ["serialize kernels"],
    ),
    "what the workload imports": (
        lambda p: p.edit("src/helper.py", "1", "5"),
        [],
        ["serialize kernels"],
    ),
    "what the workload imports dynamically": (
        lambda p: p.edit("src/helper_b.py", "2", "5"),
        [],
        ["serialize kernels"],
    ),
    "opt-level": (None, ["flags=opt-level=2"], [*CODEGEN, *REST]),
    "check-bounds": (None, ["flags=check-bounds=yes"], ALL),
    "inline": (None, ["flags=inline=no"], ALL),
    "debug-level": (None, ["flags=debug-level=1"], ALL),
    "flags in other words": (None, ["flags=opt-level=3,inline=yes"], []),
    "native-code": (None, ["flags=native-code=no"], [*CAPTURE, *REST]),
    "one more CPU target": (
        None,
        ["targets=generic;haswell;x86-64-v4;skylake"],
        ["codegen kernels 0 skylake", *REST],
    ),
    "one CPU target less": (None, ["targets=generic;haswell"], REST),
    "another CPU target in the middle": (
        None,
        ["targets=generic;skylake;x86-64-v4"],
        ["codegen kernels 0 skylake", *REST],
    ),
    "a base": (
        None,
        ["targets=generic;haswell,clone_all;x86-64-v4,base(1)"],
        ["codegen kernels 0 haswell,clone_all", "codegen kernels 0 x86-64-v4,base(1)", *REST],
    ),
    "CPU targets in other words": (None, ["targets= generic; haswell ;x86-64-v4,base(0)"], []),
    "a new LLD": (None, ["lld=20.1.0"], ["link kernels"]),
    "LLD's flags": (None, ["lldflags=--extra"], ["link kernels", "verify kernels"]),
    "another depot": (None, ["depot=second"], ["verify kernels"]),
    "another Numba": (
        numba_of_another_version,
        ["pythonpath=other"],
        ["serialize kernels", "data kernels", "verify kernels"],
    ),
    "another path to the same Python": (another_name_for_python, ["python=./python"], []),
    "partitions": (
        None,
        ["partitions=2"],
        [
            *CAPTURE,
            *(f"codegen kernels {p} {target}" for target in T for p in (0, 1)),
            *REST,
        ],
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_reruns_what_depends_on_it(built: Project, change: str) -> None:
    make, words, reruns = CHANGES[change]
    if make:
        make(built)
    assert sorted(built.build(*words)) == sorted(reruns)


def test_the_first_build_runs_every_stage(first_build: tuple[Project, list[str]]) -> None:
    assert first_build[1] == ALL


def test_a_flag_and_back_leaves_both_images(built: Project) -> None:
    built.build("flags=opt-level=2")
    assert len(built.files("depot/*/kernels/*.pki")) == 2
    # All that the first image was made from is still there, under names of its own.
    assert built.build() == []


def test_platforms_share_a_capture(project: Project) -> None:
    # There is one flavor yet, so the other platform is ELF too.
    second = SCONSTRUCT.splitlines()[-1].replace("x86_64", "aarch64")
    second = second.replace(")", ", cpu_targets='generic')").replace("path=", "path =")
    project.write({"SConstruct": f"{SCONSTRUCT}\n{second}\n"})
    ran = project.build()
    assert ran.count("serialize kernels") == ran.count("entries kernels") == 1
    assert ran.count("link kernels") == ran.count("verify kernels") == 2


def test_two_targets_of_one_package(project: Project) -> None:
    second = SCONSTRUCT.splitlines()[-1].replace('"kernels"', '"quick/kernels"', 1)
    second = second.replace("platforms=", "flags='opt-level=1', platforms=")
    project.write({"SConstruct": f"{SCONSTRUCT}\n{second}\n"})
    assert sorted(project.build()) == sorted([*ALL, *ALL])


EXAMPLE = f"""
env = Environment(tools=["pkgimage"], PKGIMAGE_CPU_TARGETS="generic", {FAKED} {SHOWN})
Export("env")
SConscript("part/SConscript", variant_dir="build", duplicate=DUPLICATE)
"""


@pytest.mark.parametrize("duplicate", [True, False])
def test_variant_dir_takes_the_intermediates(project: Project, duplicate: bool) -> None:
    (project.folder / "src").rename(project.folder / "part")
    before = project.files("part/**/*")
    project.write(
        {
            "SConstruct": EXAMPLE.replace("DUPLICATE", str(duplicate)),
            "part/SConscript": "Import('env')\n"
            "env.PackageImage('kernels', 'kernels', workload='workload.py', depot='#depot')\n",
        }
    )
    assert project.build() == [*CAPTURE, CODEGEN[0], *REST]
    assert project.files("part/**/*") == sorted([*before, "part/SConscript"])
    assert "build/kernels.pkgimage/kernels.capture.json" in project.files("build/**/*")
    project.edit("part/kernels/one.py", "x + 1", "x + 2")
    assert project.build() == [*CAPTURE, CODEGEN[0], *REST]
    project.edit("part/helper.py", "1", "2")
    assert project.build() == ["serialize kernels"]
