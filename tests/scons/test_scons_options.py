"""The tool under SCons' own options: -n, -c, -j, explain, CacheDir, ninja; and failed stages."""

from __future__ import annotations

import re
import shutil

import pytest
from scons_project import SCONSTRUCT, Project

STAGES = [
    "serialize kernels",
    "entries kernels",
    "codegen kernels 0 generic",
    "codegen kernels 0 haswell",
    "codegen kernels 0 x86-64-v4",
    "data kernels",
    "link kernels",
    "verify kernels",
]


def test_dry_run_says_what_would_run_and_writes_nothing(project: Project) -> None:
    before = project.files("**/*")
    assert project.scons("-n").lines == STAGES
    assert project.files("**/*") == sorted([*before, ".sconsign.dblite"])
    project.build()
    project.edit("src/helper_b.py", "2", "3")
    assert project.scons("-n").lines[0] == STAGES[0]
    assert project.build() == STAGES[:1]


def test_clean_removes_everything(project: Project) -> None:
    before = project.files("**/*")
    project.build()
    # What a failed link and a workload's output leave is of no target, and goes too.
    project.write({"kernels.pkgimage/linux-x86_64/kernels.linked.so.failed/repeat.sh": "lld"})
    assert project.scons("-c").code == 0
    assert project.files("**/*") == sorted([*before, ".sconsign.dblite"])
    assert not (project.folder / "kernels.pkgimage").exists()


def test_a_depot_outside_the_project(project: Project) -> None:
    depot = project.folder.parent / "depot"
    # By default the user's, as here: nobody names its files to have them built or removed.
    environ = {"PKGIMAGE_DEPOT_PATH": str(depot)}
    assert project.scons("depot=", environ=environ).lines == STAGES
    assert len([path for path in depot.rglob("*") if path.is_file()]) == 2
    assert project.scons("depot=", environ=environ).out == "scons: `.' is up to date.\n"
    assert project.scons("depot=", "-c", environ=environ).code == 0
    assert not [path for path in depot.rglob("*") if path.is_file()]


def test_clean_needs_no_lld(built: Project) -> None:
    nothing = {"PKGIMAGE_LLD": "no-such-lld"}
    assert built.scons("-c", environ=nothing).code == 0
    assert built.files("depot/**/*") == []


def test_a_stage_of_ones_own(built: Project) -> None:
    """Each stage is a Builder that a user may call."""
    own = """
capture = env.PackageImageSerialize(
    "own/kernels", ["src/kernels/one.py", "src/workload.py"], PKGIMAGE_PACKAGE="kernels",
    PKGIMAGE_STAGEFLAGS="inline=yes", PKGIMAGE_PARTITIONS=1, _PKGIMAGEROOT=["--path", Dir("src")],
)
env.PackageImageEntries(["own/kernels.p0.json"], capture[0])
"""
    built.write({"SConstruct": SCONSTRUCT + own})
    assert built.build() == ["serialize kernels", "entries "]
    built.edit("src/workload.py", "import helper\n", "import helper  # !\n")
    assert built.build() == ["serialize kernels", "serialize kernels"]


def test_an_option_that_there_is_not(project: Project) -> None:
    done = project.scons("--pkgimage-sumary")
    assert (done.code, done.out) == (2, "")
    assert "no such option: --pkgimage-sumary" in done.err and "Traceback" not in done.err


def test_parallel_stages(project: Project) -> None:
    assert sorted(project.build("-j4")) == sorted(STAGES)


def test_a_cache_gives_back_what_follows_the_capture(project: Project) -> None:
    project.write({"SConstruct": f"{SCONSTRUCT}\nCacheDir(Dir('#cache').abspath)\n"})
    project.build()
    image = project.files("depot/**/*")
    content = [(project.folder / name).read_bytes() for name in image]
    for name in ("kernels.pkgimage", "depot"):
        shutil.rmtree(project.folder / name)
    lines = project.build()
    ran = [line for line in lines if not line.startswith("Retrieved ")]
    assert ran == ["serialize kernels", "verify kernels"]
    assert sum("kernels.p0.t" in line for line in lines) == 3
    assert [(project.folder / name).read_bytes() for name in image] == content


NINJA = f"""
SetOption("experimental", "ninja")
{SCONSTRUCT.replace('"pkgimage"', '"ninja", "pkgimage"')}
"""


def test_ninja_runs_every_stage_itself(project: Project) -> None:
    pytest.importorskip("ninja")
    project.write({"SConstruct": NINJA})
    done = project.scons("--disable-execute-ninja")
    assert done.code == 0, done.err
    text = (project.folder / "build.ninja").read_text(encoding="utf-8")
    builds = re.findall(r"^build .*: +(\w+)", text.replace("$\n", ""), re.MULTILINE)
    assert builds.count("GENERATED_CMD") == len(STAGES)
    assert not {"CUSTOM", "TEMPLATE"} & set(builds)

    assert project.ninja().code == 0
    assert "ninja: no work to do." in project.ninja().out
    project.edit("src/kernels/one.py", "x + 1", "x + 2")
    assert "kernels.generic+haswell+x86-64-v4.linked.so" in project.ninja().out
    assert "x + 2" in (project.folder / project.files("depot/**/*.so")[0]).read_text("utf-8")


def test_a_failed_stage_leaves_no_target_behind(built: Project) -> None:
    published = built.files("depot/**/*")
    good = (built.folder / "src/kernels/one.py").read_text(encoding="utf-8")
    # The stage has written the manifest when it fails.
    built.write({"src/kernels/one.py": "BROKEN = 1"})
    failed = built.scons()
    assert failed.code == 2
    assert failed.err.startswith("pkgimage: error: kernels.capture.bin is broken\n")
    # The image that is published stays whole; it goes with the sources that are put back now.
    assert built.files("depot/**/*") == published
    built.write({"src/kernels/one.py": good})
    assert built.build()[0] == "serialize kernels"
