"""One of the processes that build, use, edit and clean up the same package at the same time.

    python racer.py ROLE FOLDER SEED SECONDS

What it sees goes to FOLDER/seen/ROLE-SEED as JSON, one object a line. What must not be is an
AssertionError, with which the process ends.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import edited_package
from forked import Programs
from image_build import environment
from packageimage.collecting import Budgets, collect
from packageimage.model.header import decode_sidecar

WORDS = ["build", edited_package.PACKAGE, "--cpu-targets", "generic"]


class Racer:
    def __init__(self, folder: Path, seed: int, seconds: float, log: Path) -> None:
        self.folder, self.depot = folder, folder / "depot"
        self.source = folder / "src"
        self.random = random.Random(seed)
        self.seconds = seconds
        self.log = log

    def turns(self) -> Iterator[int]:
        end = time.monotonic() + self.seconds
        number = 0
        while time.monotonic() < end:
            yield number
            number += 1

    def saw(self, **fields: object) -> None:
        with open(self.log, "a", encoding="ascii") as file:
            file.write(json.dumps(fields) + "\n")

    def wait_for_a_load(self) -> None:
        """Until a program has run from an image: on a busy machine the first edit might come
        before that, and no build end before the race does."""
        end = time.monotonic() + 120
        while time.monotonic() < end:
            for log in self.log.parent.glob("run-*"):
                rows = log.read_text(encoding="ascii").splitlines()
                if any(json.loads(row)["loaded"] for row in rows if row.endswith("}")):
                    return
            time.sleep(0.05)
        raise AssertionError("no program ran from the image that was there at the start")

    # -- roles ---------------------------------------------------------------------------------

    def edit(self) -> None:
        """A new version every few seconds, of one module or of both."""
        version = max(edited_package.versions(self.source))
        self.wait_for_a_load()
        for _ in self.turns():
            time.sleep(self.random.uniform(1.5, 4.0))
            version += 1
            modules = self.random.choice((("first",), ("second",), ("first", "second")))
            for module in modules:
                edited_package.write(self.source, version, module)
                self.saw(edited=module, version=version)

    def build(self) -> None:
        """Build, over and over. One build at a time does something; the others wait for it."""
        words = [
            *WORDS, "--workload", str(self.folder / "workload.py"), "--path", str(self.source),
            "--depot", str(self.depot), "--restore",
        ]  # fmt: skip
        for _ in self.turns():
            done = subprocess.run(
                [sys.executable, "-m", "packageimage", *words],
                env=environment(self.folder),
                capture_output=True,
                text=True,
            )
            text = done.stdout + done.stderr
            edited_meanwhile = "to stay as they are while it runs" in text
            assert done.returncode == 0 or edited_meanwhile, text
            assert "Traceback" not in text, text
            self.saw(
                captures=done.stdout.count("run it and its workload"),
                publishes=done.stdout.count("verify and publish"),
            )
            time.sleep(self.random.uniform(0, 0.3))

    def run(self) -> None:
        """The program, which fails when its answer is not that of the sources it has imported."""
        program = self.folder / "program.py"
        with Programs(self.folder, self.source, program, self.log.name) as programs:
            for _ in self.turns():
                before = edited_package.versions(self.source)
                # Mostly with Numba there already, which takes a tenth of the time.
                with_numba = self.random.random() < 0.8
                ran = programs.run(self.depot, with_numba=with_numba)
                after = edited_package.versions(self.source)
                assert ran.code == 0, (ran, before, after)
                found = tuple(map(int, ran.output.split()))
                # No older than what was there when it started.
                fits = [
                    low <= it <= high for low, it, high in zip(before, found, after, strict=True)
                ]
                assert fits == [True, True], (ran, before, after)
                self.saw(loaded=len(ran.loaded), rejections=ran.rejections)

    def look(self) -> None:
        """Read what is published, as whole files."""
        for _ in self.turns():
            for header in self.depot.glob("*/*/*.pki"):
                try:
                    data = header.read_bytes()
                except FileNotFoundError:
                    continue
                sidecar = decode_sidecar(data)
                sources = sorted((i.path, i.sha256) for i in sidecar.includes)
                self.saw(build_id=sidecar.header.build_id, sources=sources)
            time.sleep(0.05)

    def collect(self) -> None:
        """Remove all images, as if they had not been used for days."""
        self.wait_for_a_load()
        for _ in self.turns():
            time.sleep(self.random.uniform(0.5, 3.0))
            later = time.time() + 3 * 86_400
            done = collect(self.depot, Budgets(variants=0), dict(os.environ), later)
            self.saw(removed=len(done.removed))


def main() -> None:
    role, folder, seed, seconds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    log = folder / "seen" / f"{role}-{seed}"
    getattr(Racer(folder, seed, float(seconds), log), role)()


if __name__ == "__main__":
    main()
