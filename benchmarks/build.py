"""What a build costs: cold, with more CPU targets, after an edit, when nothing has changed.

    python build.py [--functions 300] [--rounds 3] [--growth 30,100,300,1000,3000] [--json FILE]

The package is generated (generated.py): so many functions, ten in a module. SCons builds its image
as a user would, in a folder and a home of its own. In turns are measured, in rounds:

- Numba alone: a fresh process that imports the package and runs its workload;
- cold builds with the first, the first two, ... of the CPU targets;
- a cold build for five platforms, with three CPU targets each;
- a cold build with each stage in a wrapper that notes when it ran and its peak memory;

and then, in one folder that stays,

- the build after one function was edited that no other calls, and after a comment was;
- the build when nothing has changed, against an SConstruct with the same graph whose commands do
  nothing.

Ends with 1 when an image does not load, leaves something to compile or gives other results than
Numba, when two builds of the same differ, or when a stage ran that had no reason to; never because
of a time. --growth builds packages of other sizes and tells which stage stops being linear first.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from figures import IDLE, MEASURED, figures, table
from images import plain_environment
from machine import as_text, describe
from processes import Command, Failed, Run, in_turns, run
from project import Build, Project, Stage, scons
from reports import observed, problems
from reruns import COMMENT, FUNCTION, MATRIX, NULL, cold, wrong_after, wrong_when_cold
from sizes import NUMBA, growth_table, measure_size
from stage_costs import stage_table

ULPS = 4  # an image made for other CPUs than the JIT compiles for
TARGETS = {"x86_64": "generic;haswell;x86-64-v4", "aarch64": "generic;neoverse-n1;neoverse-v1"}
PLATFORMS = "linux-aarch64 linux-x86_64 macos-arm64 macos-x86_64 windows-x86_64"


@dataclass
class Findings:
    """Everything that was measured of one package, and what was wrong."""

    runs: dict[str, list[Run]] = field(default_factory=dict)
    stages: list[list[Stage]] = field(default_factory=list)  # of each measured build
    nodes: int = 0
    wrong: list[str] = field(default_factory=list)


def prefixes(targets: str) -> list[str]:
    """The target strings of the first, the first two, ... targets."""
    parts = targets.split(";")
    return [";".join(parts[: count + 1]) for count in range(len(parts))]


class Bench:
    """One package in a folder of its own: cold builds, then edits."""

    def __init__(self, work: Path, functions: int, targets: str, say: Callable[[str], None]):
        self.say = say
        self.work = work
        self.projects = [
            Project(work / f"targets{count}", functions, text)
            for count, text in enumerate(prefixes(targets), 1)
        ]
        self.matrix = None
        if targets in TARGETS.values():  # as many CPU targets on each platform
            self.matrix = Project(work / "matrix", functions, TARGETS, PLATFORMS)
        self.measured = Project(work / "measured", functions, self.projects[0].targets)
        self.edited = Project(work / "edited", functions, self.projects[0].targets)
        self.found = Findings()
        self.digests: dict[str, set[str]] = {}
        self.edits = 0

    def measure(self, rounds: int) -> Findings:
        """Raises processes.Failed when a build or an application fails."""
        sides = {NUMBA: self.numba}
        for count, project in enumerate(self.projects, 1):
            sides[cold(count)] = lambda c=count, p=project: self.cold_build(p, c)
        if self.matrix:
            sides[MATRIX] = lambda p=self.matrix: self.cold_build(p, len(self.projects))
        sides[MEASURED] = self.measured_build
        for project in self.projects:
            project.write()
        self._turns(sides, rounds)
        self._check_image(self.projects[-1])
        self.prepare_edits()
        idle, self.found.nodes = self.edited.idle_twin(self.work / "idle")
        self._turns(
            {
                FUNCTION: lambda: self.build_after(FUNCTION),
                COMMENT: lambda: self.build_after(COMMENT),
                NULL: lambda: self.build_after(NULL),
                IDLE: lambda: scons(idle, self.edited.jobs),
            },
            rounds,
        )
        self._check_image(self.edited)
        self.check_against_clean()
        for targets, digests in sorted(self.digests.items()):
            if len(digests) > 1:
                self.found.wrong.append(
                    f"cold builds of the same for {targets!r} made {len(digests)} different images"
                )
        return self.found

    def _turns(self, sides: Mapping[str, Callable[[], Run]], rounds: int) -> None:
        self.found.runs |= in_turns(
            sides,
            dict.fromkeys(sides, rounds),
            lambda name, done: self.say(f"  {name}: {done.seconds:.2f} s"),
        )

    def numba(self) -> Run:
        package = self.projects[0].package
        return run(Command((str(package.workload),), self.work, plain_environment(package)))

    def cold_build(self, project: Project, targets: int) -> Run:
        project.write()
        return self._cold(project, project.build(), targets)

    def measured_build(self) -> Run:
        self.measured.write()
        built, stages = self.measured.measured_build()
        self.found.stages.append(stages)
        return self._cold(self.measured, built, 1)

    def _cold(self, project: Project, built: Build, targets: int) -> Run:
        platforms = len(project.platforms.split()) or 1
        self.found.wrong += wrong_when_cold(built.ran, targets, platforms)
        self.digests.setdefault(str(project.targets), set()).add(project.digest())
        return built.run

    def prepare_edits(self) -> None:
        """Build what is edited then; the second build is the first to find all as it was."""
        self.edited.write()
        self.partitions = self.edited.build().ran["codegen"]
        self.found.wrong += wrong_after(NULL, self.edited.build().ran, self.partitions)

    def build_after(self, edit: str) -> Run:
        """Edit another function than before, or a comment, or nothing, and build."""
        self.edits += 1
        editable = self.edited.editable()
        kernel = editable[self.edits % len(editable)]
        if edit == FUNCTION:
            self.edited.edit_function(kernel, self.edits)
        elif edit == COMMENT:
            self.edited.edit_comment(kernel, self.edits)
        built = self.edited.build()
        self.found.wrong += wrong_after(edit, built.ran, self.partitions)
        return built.run

    def _check_image(self, project: Project) -> None:
        """The image against Numba, in fresh processes."""
        names = ("plain.pickle", "image.pickle")
        files = [project.folder / name for name in names]
        plain = observed(project.app, project.package, None, files[0])
        image = observed(project.app, project.package, project.depot, files[1])
        found = problems(plain, image, ULPS)
        self.found.wrong += [f"{project.folder.name}: {problem}" for problem in found]
        self.say(f"{project.folder.name}: {image['answered']} functions answered by the image")

    def check_against_clean(self) -> None:
        """What many small builds left must be what one clean build makes of the same sources."""
        clean = Project(self.work / "clean", self.edited.functions, self.edited.targets)
        clean.write()
        for kernel in self.edited.editable():
            text = self.edited.module_file(kernel).read_bytes()
            clean.module_file(kernel).write_bytes(text)
        clean.build()
        if clean.digest() != self.edited.digest():
            self.found.wrong.append("builds after edits made another image than a clean build")


def counts(text: str) -> list[int]:
    """The numbers of --growth, rising. Raises argparse.ArgumentTypeError."""
    try:
        found = sorted({int(word) for word in text.split(",")})
    except ValueError:
        found = []
    if len(found) < 2 or found[0] < 10:
        raise argparse.ArgumentTypeError(
            f"expected two or more numbers of functions from 10, as in 30,100,300, found {text!r}"
        )
    return found


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--functions", type=int, default=300, help="0 leaves all but growth out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cpu-targets", default=TARGETS.get(platform.machine(), "generic"))
    parser.add_argument("--growth", type=counts, default=[], metavar="N,N,...")
    parser.add_argument("--work", type=Path, help="folder that is kept")
    parser.add_argument("--json", type=Path, help="write every single figure to this file")
    arguments = parser.parse_args(argv)
    if arguments.rounds < 1 or 0 < arguments.functions < 10 or arguments.functions < 0:
        parser.error("expected 1 round or more and 10 functions or more")
    return arguments


def main(argv: list[str] | None = None) -> int:
    arguments = parse(argv)
    machine = describe()
    targets = arguments.cpu_targets
    document: dict[str, object] = {"machine": machine, "cpu_targets": targets}
    shown, wrong = [], []

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="build-") as temporary:
        work = arguments.work.resolve() if arguments.work else Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        if arguments.functions:
            bench = Bench(work, arguments.functions, targets, say)
            try:
                bench.measure(arguments.rounds)
                lines = figures(bench.found.runs, bench.found.stages, len(bench.projects))
                shown.append(
                    f"{arguments.functions} functions in {bench.edited.modules} modules, "
                    f"{bench.partitions} partitions, {bench.found.nodes} nodes, CPU targets "
                    f"{targets!r}; seconds from start to exit\n\n{table(lines)}\n\n"
                    f"{stage_table(bench.found.stages)}\n"
                )
                document["figures"] = [asdict(line) for line in lines]
            except Failed as error:
                wrong.append(str(error))
            wrong += bench.found.wrong
            for field_name in ("seconds", "cpu"):
                document[field_name] = {
                    name: [getattr(done, field_name) for done in runs]
                    for name, runs in bench.found.runs.items()
                }
            document["stages"] = [[asdict(s) for s in stages] for stages in bench.found.stages]
        sizes = []
        try:
            for functions in arguments.growth:
                size, found = measure_size(work, functions, prefixes(targets)[0], say)
                sizes.append(size)
                wrong += found
        except Failed as error:
            wrong.append(str(error))
        if len(sizes) > 1:
            shown.append(growth_table(sizes))
            document["growth"] = [asdict(size) for size in sizes]
    print(as_text(machine), end="\n\n")
    print("\n".join(shown))
    if arguments.json:
        document["wrong"] = wrong
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    for problem in wrong:
        print(f"WRONG: {problem}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
