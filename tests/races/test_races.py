"""Many processes that build, use, edit and clean up the same package at the same time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import edited_package
import pytest
from image_build import environment, pkgimage, run_restored

TESTS = Path(__file__).parents[1]
SEED = 5

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")


def race(folder: Path, roles: dict[str, int], seconds: float) -> dict[str, list[dict]]:
    """Let them race; what they saw, by role. Fails with the first one's words that fails."""
    edited_package.set_up(folder)
    (folder / "seen").mkdir()
    build_once(folder)
    running = []
    for role, count in roles.items():
        for index in range(count):
            words = [role, str(folder), str(SEED + index), str(seconds)]
            environ = environment(folder, TESTS)
            process = subprocess.Popen(
                [sys.executable, str(TESTS / "races" / "racer.py"), *words],
                env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            running.append((role, process))
    failures = []
    for role, process in running:
        output, _ = process.communicate()
        if process.returncode != 0 or output:
            failures.append(f"{role} ended with {process.returncode}: {output}")
    assert not failures, "\n".join(failures)
    seen: dict[str, list[dict]] = {role: [] for role in roles}
    for log in sorted((folder / "seen").iterdir()):
        seen[log.name.partition("-")[0]] += map(json.loads, log.read_text().splitlines())
    return seen


def build_once(folder: Path) -> None:
    done = pkgimage(
        folder, "build", "changing", "--cpu-targets", "generic", "--workload",
        str(folder / "workload.py"), "--path", str(folder / "src"), "--depot",
        str(folder / "depot"), "--restore",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def check(folder: Path, seen: dict[str, list[dict]]) -> None:
    # Each edit makes a state of the sources, and so does the beginning.
    states = 1 + len(seen["edit"])
    assert 1 + sum(row["captures"] for row in seen["build"]) <= states
    # Whatever has removed an image meanwhile, it is published again with the same content.
    build_ids: dict[str, set[str]] = {}
    for row in seen.get("look", []):
        build_ids.setdefault(json.dumps(row["sources"]), set()).add(row["build_id"])
    assert build_ids
    assert len(build_ids) <= states
    assert {len(ids) for ids in build_ids.values()} == {1}
    assert any(row["loaded"] for row in seen["run"])
    # Nothing is left but what belongs there; the last build is right.
    build_once(folder)
    found = run_restored(folder, folder / "depot", folder / "program.py", folder / "src")
    version, step = edited_package.versions(folder / "src")
    assert (found.output, found.seen["rejections"]) == (f"{version} {step}\n", []), found.error
    suffixes = sorted(path.suffix for path in folder.glob("depot/*/*/*"))
    assert suffixes == [".pki", ".so"]


@pytest.mark.slow
def test_6_processes(tmp_path):
    seen = race(tmp_path, {"edit": 1, "build": 1, "run": 2, "collect": 1, "look": 1}, 3)
    check(tmp_path, seen)


@pytest.mark.slow
def test_32_processes_for_a_minute(tmp_path):
    roles = {"edit": 1, "build": 8, "run": 18, "collect": 2, "look": 3}
    seen = race(tmp_path, roles, 60)
    check(tmp_path, seen)
    assert any(row["removed"] for row in seen["collect"])
