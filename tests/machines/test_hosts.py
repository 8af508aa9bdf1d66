"""The building machine does not decide what comes out: objects that other machines make are those
that this host makes, to the byte."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest
from image_build import LIBRARY, environment
from packageimage.model.platform import PLATFORMS

from machines.test_images import kernels

pytestmark = pytest.mark.machines

TARGETS = {"x86_64": "generic;haswell", "aarch64": "generic;neoverse-n1", "riscv64": "generic"}


@pytest.mark.parametrize("name", ["linux_aarch64", "windows_x86_64"])
def test_codegen_and_data_are_the_same_on_other_hosts(name, request, tmp_path):
    machine = request.getfixturevalue(name)
    what = kernels()
    words = [word for arch, text in TARGETS.items() for word in ("--cpu-targets", f"{arch}={text}")]
    done = subprocess.run(
        [
            machine.builder, "-m", "packageimage", "build", what.package, "--path", what.path,
            "--workload", what.workload, "--depot", tmp_path / "depot", "--platform", "all", *words,
        ],
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    # What reads objects is Python alone; a machine has no more than Numba.
    tools = tmp_path / "tools"
    for package in ("elftools", "macholib", "altgraph"):
        spec = importlib.util.find_spec(package)
        assert spec is not None and spec.origin is not None
        shutil.copytree(Path(spec.origin).parent, tools / package)
    (capture,) = (tmp_path / "home").rglob("kernels.capture.json")
    folder = capture.parent

    def stage(*arguments):
        made = machine.python(
            "-m",
            "packageimage.stages",
            *arguments,
            env={"PYTHONPATH": [LIBRARY, tools]},
            cwd=folder,
        )
        assert made.returncode == 0, made.stdout + made.stderr

    for platform in PLATFORMS.values():
        targets = TARGETS[platform.arch]
        objects = []
        for index, target in enumerate(targets.split(";")):
            (here,) = (folder / platform.name).glob(f"kernels.p0.t{index}.{target}*.o")
            there = tmp_path / f"{platform.name}.{index}.o"
            stage(
                "codegen", "--capture", "kernels.p0.json", "--bitcode", "kernels.p0.bc",
                "--partition", "0", "--platform", platform.name, "--cpu-targets", targets,
                "--target-index", str(index), "--flags", "opt-level=3", "--output", there,
            )  # fmt: skip
            assert there.read_bytes() == here.read_bytes(), (platform.name, target)
            objects.append(here)
        stem = tmp_path / f"{platform.name}.all"
        stage(
            "data", "--capture", "kernels.capture.json", "--blob", "kernels.capture.bin",
            "--bitcode", "kernels.p0.bc", "--platform", platform.name, "--cpu-targets", targets,
            "--output", stem, *objects,
        )  # fmt: skip
        for suffix in (".thunks.o", ".data.o", ".header"):
            (here,) = (folder / platform.name).glob(f"kernels.*{suffix}")
            there = stem.with_name(stem.name + suffix)
            assert there.read_bytes() == here.read_bytes(), (platform.name, suffix)
