"""A flavor's file as a SCons tool, in real SCons runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("SCons")

SITE_SCONS = Path(__file__).resolve().parents[2] / "site_scons"

FAKE = """#!/bin/sh
echo asked >> {log}
[ "$1" = "--version" ] && echo "LLD {version} (compatible with GNU linkers)"
"""


@pytest.fixture
def scons(tmp_path):
    if os.name == "nt":
        pytest.skip("the fake linker is a shell script")
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    fake = bin_folder / "ld.lld"
    fake.write_text(FAKE.format(log=tmp_path / "log", version="17.0.6"))
    fake.chmod(0o755)

    def run(sconstruct, **environ):
        project = tmp_path / "project"
        project.mkdir(exist_ok=True)
        (project / "SConstruct").write_text(
            "import json, os\n"
            "DefaultEnvironment(tools=[])\n"
            f"PATH = {str(bin_folder)!r}\n"
            "def show(env, *names):\n"
            "    print(json.dumps({n: env.subst('$' + n) for n in names}, sort_keys=True))\n"
            + sconstruct
        )
        return subprocess.run(
            [sys.executable, "-m", "SCons", "-Q", f"--site-dir={SITE_SCONS}"],
            cwd=project,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    run.fake = str(fake)
    run.log = tmp_path / "log"
    return run


def test_the_variables(scons):
    done = scons(
        "env = Environment(tools=['lld_flavors.elf'], ENV={'PATH': PATH},\n"
        "                  PKGIMAGEPLATFORM='linux-aarch64')\n"
        "show(env, 'LLD', 'LLDVERSION', 'LLDFLAVOR', 'LLDFLAGS', 'LLDCOM', 'LLDCOMSTR')\n"
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout.splitlines()[0])
    flags = shown["LLDFLAGS"]
    assert flags.startswith("-m aarch64elf -shared ")
    assert shown == {
        "LLD": scons.fake,
        "LLDVERSION": "17.0.6",
        "LLDFLAVOR": "",
        "LLDFLAGS": flags,
        "LLDCOM": f"{scons.fake} {flags} -o {{output}}",
        "LLDCOMSTR": "",
    }


def test_the_tool_may_run_again_and_keeps_what_the_user_set(scons):
    done = scons(
        "env = Environment(tools=[], ENV={'PATH': PATH}, PKGIMAGEPLATFORM='linux-x86_64',\n"
        "                  LLDFLAGS=['-mine'])\n"
        "env.Tool('lld_flavors.elf')\n"
        "first = dict(env.Dictionary())\n"
        "env.Tool('lld_flavors.elf')\n"
        "clone = env.Clone(tools=['lld_flavors.elf'])\n"
        "show(clone, 'LLDFLAGS', 'LLD')\n"
        "assert all(env[n] == v for n, v in first.items() if n.startswith('LLD')), 'changed'\n"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0]) == {"LLDFLAGS": "-mine", "LLD": scons.fake}


def test_lld_is_asked_once_for_many_environments(scons):
    done = scons(
        "for name in ('linux-x86_64', 'linux-aarch64') * 3:\n"
        "    Environment(tools=['lld_flavors.elf'], ENV={'PATH': PATH}, PKGIMAGEPLATFORM=name)\n"
    )
    assert done.returncode == 0, done.stderr
    assert scons.log.read_text() == "asked\n"


def test_a_platform_of_another_format_is_refused_in_one_line(scons):
    done = scons(
        "Environment(tools=['lld_flavors.elf'], ENV={'PATH': PATH},\n"
        "            PKGIMAGEPLATFORM='macos-arm64')\n"
    )
    assert done.returncode == 2
    assert "this flavor links elf, found platform macos-arm64 (macho)" in done.stderr


def test_the_shells_variable_is_heard(scons):
    done = scons(
        "Environment(tools=['lld_flavors.elf'], ENV={'PATH': PATH})\n", PKGIMAGE_LLD="absent"
    )
    assert done.returncode == 2
    assert "PKGIMAGE_LLD is 'absent': expected an executable LLD there" in done.stderr


def test_exists_and_the_library_inside_scons(scons):
    done = scons(
        "env = Environment(tools=['lld_flavors.elf'], ENV={'PATH': PATH},\n"
        "                  PKGIMAGEPLATFORM='linux-x86_64')\n"
        "from SCons.Tool import Tool\n"
        "from lld_flavors import flavor_named  # its folder left sys.path with the tool's file\n"
        "tool = Tool('lld_flavors.elf')\n"
        "gone = Environment(tools=[], ENV={'PATH': '', 'PKGIMAGE_LLD': 'absent'})\n"
        "print(tool.exists(env), tool.exists(gone), flavor_named('elf').object_format)\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "True False elf"
