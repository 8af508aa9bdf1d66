"""How long a fresh process takes to its first result: no cache, Numba's warm cache, an image.

    python first_result.py [--cases pymatting,stumpy,generated] [--rounds 5] [--quick] [--json FILE]

Every figure is the median of fresh processes, from start to exit, imports included. The sides run
in turns, so that a slow minute of the machine falls on all of them. For the generated package the
loading alone is measured too, inside the process (load_all.py). Before anything is timed, the image
has to give the same results as Numba, bit for bit where it was made for this CPU, and compile
nothing (observe.py). Ends with 1 when results are wrong or something was compiled, never because
of a time.
"""

import argparse
import json
import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import reports
from generated import generate
from images import Package, build, image_environment, plain_environment
from machine import as_text, describe
from processes import Command, Failed, Run, Summary, in_turns, run, summarise

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent / "examples"

NO_CACHE, WARM, IMAGE, FLOOR = "no cache", "warm cache", "image", "import numba"


@dataclass(frozen=True)
class Goal:
    """The image is to be at least this many times quicker than another side."""

    against: str
    times: float


@dataclass(frozen=True)
class Case:
    """An application, the package it uses, and what is expected of its image.

    `cached` is the application for Numba's own cache, or None where the package uses none; it is
    another one only for the generated package, which has to declare cache=True for it.
    """

    name: str
    package: Package
    app: Path
    cached: Path | None
    cached_package: Package | None
    goals: tuple[Goal, ...]
    expected: Path | None = None


@dataclass(frozen=True)
class Line:
    """One line of the table: a side's times, and how many times quicker the image is than it."""

    case: str
    side: str
    seconds: Summary
    ratio: float | None = None
    goal: float | None = None


def pymatting_case() -> Case:
    folder = EXAMPLES / "pymatting"
    package = Package("pymatting", folder / "workload.py")
    goals = (Goal(NO_CACHE, 45.0), Goal(WARM, 1.0))
    app = folder / "app.py"
    return Case("pymatting", package, app, app, package, goals, folder / "expected.txt")


def stumpy_case() -> Case:
    folder = EXAMPLES / "stumpy"
    package = Package("stumpy", folder / "workload.py")
    goals = (Goal(NO_CACHE, 9.0),)
    return Case("stumpy", package, folder / "app.py", None, None, goals, folder / "expected.txt")


def generated_case(work: Path, functions: int) -> Case:
    plain = generate(work / "plain", functions)
    cached = generate(work / "cached", functions, cache=True)
    package = Package("generated", plain / "workload.py", plain / "src")
    cached_package = Package("generated", cached / "workload.py", cached / "src")
    return Case("generated", package, plain / "app.py", cached / "app.py", cached_package, ())


class Bench:
    """One case in a folder of its own: builds, checks, then measures."""

    def __init__(self, case: Case, work: Path, cpu_targets: str, say: Callable[[str], None]):
        self.case = case
        self.work = work
        self.cpu_targets = cpu_targets
        self.say = say
        self.depot = work / "depot"
        self.warm = work / "warm"
        work.mkdir(parents=True, exist_ok=True)

    def command(self, side: str, *arguments: str, app: bool = True) -> Command:
        """A command line of one side; `arguments` come before the application's name."""
        case = self.case
        script = case.cached if side == WARM else case.app
        package = case.cached_package if side == WARM else case.package
        if side == IMAGE:
            # An empty cache of its own: what pymatting would keep in Numba's must not help.
            environment = {
                **image_environment(package, self.depot),
                "NUMBA_CACHE_DIR": str(self.work / "unused"),
            }
        else:
            cache = self.warm if side == WARM else self.work / "cold"
            environment = {**plain_environment(package), "NUMBA_CACHE_DIR": str(cache)}
        return Command((*arguments, *([str(script)] if app else ())), self.work, environment)

    def build(self) -> float:
        seconds = build(self.case.package, self.depot, self.cpu_targets, self.work / "build")
        self.say(f"{self.case.name}: image built in {seconds:.1f} s")
        return seconds

    def observe(self, side: str) -> dict:
        """What observe.py reports of one side."""
        report = self.work / f"{side.replace(' ', '-')}.pickle"
        command = self.command(side, str(HERE / "observe.py"), str(report))
        flags = ("--image",) if side == IMAGE else ()
        run(Command((*command.arguments, *flags), command.folder, command.environment))
        return pickle.loads(report.read_bytes())

    def check(self, with_image: bool) -> dict:
        """Results of the image against Numba's, and what was compiled; fills the warm cache."""
        plain = self.observe(WARM if self.case.cached else NO_CACHE)
        self.say(f"{self.case.name}: Numba compiled {len(plain['compiled'])} functions")
        if not with_image:
            return {"compiled by numba": len(plain["compiled"]), "problems": []}
        image = self.observe(IMAGE)
        native = self.cpu_targets == "native"
        problems = reports.problems(plain, image, 0 if native else 4)
        self.say(
            f"{self.case.name}: with the image {len(image['compiled'])} compiled, "
            f"{image['answered']} answered, CPU targets {image['targets']}, "
            f"results {'differ' if problems else 'agree'}"
        )
        return {
            "compiled by numba": len(plain["compiled"]),
            "compiled with image": len(image["compiled"]),
            "passes with image": image["passes"],
            "answered": image["answered"],
            "targets": image["targets"],
            "problems": problems,
        }

    def sides(self, with_image: bool) -> dict[str, Callable[[], Run]]:
        """What is timed, by side."""

        def no_cache() -> Run:
            shutil.rmtree(self.work / "cold", ignore_errors=True)
            return run(self.command(NO_CACHE))

        found = {
            FLOOR: lambda: run(self.command(NO_CACHE, "-c", "import numba", app=False)),
            NO_CACHE: no_cache,
        }
        if self.case.cached:
            found[WARM] = lambda: run(self.command(WARM))
        if with_image:
            found[IMAGE] = lambda: run(self.command(IMAGE, "-m", "packageimage", "run"))
        return found

    def measure(self, rounds: Mapping[str, int], with_image: bool) -> dict[str, list[Run]]:
        sides = self.sides(with_image)
        return in_turns(
            sides,
            {name: rounds.get(name, max(rounds.values())) for name in sides},
            lambda name, done: self.say(f"  {self.case.name} {name}: {done.seconds:.3f} s"),
        )

    def measure_load(self, rounds: int, with_image: bool) -> dict[str, list[float]]:
        """Seconds that loading all functions takes, by side (see load_all.py)."""
        script = str(HERE / "load_all.py")
        sides = {
            NO_CACHE: lambda: run(self.with_flag(NO_CACHE, script, "--import-only")),
            WARM: lambda: run(self.command(WARM, script)),
        }
        if with_image:
            sides[IMAGE] = lambda: run(self.with_flag(IMAGE, script, "--image"))
        found = in_turns(sides, dict.fromkeys(sides, rounds))
        parts = {name: [json.loads(done.output) for done in runs] for name, runs in found.items()}
        base = summarise(part["import"] for part in parts.pop(NO_CACHE)).median
        return {
            name: [part["import"] + part["first"] - part["second"] - base for part in listed]
            for name, listed in parts.items()
        }

    def with_flag(self, side: str, script: str, flag: str) -> Command:
        command = self.command(side, script)
        return Command((*command.arguments, flag), command.folder, command.environment)


def wrong_outputs(case: Case, runs: Mapping[str, list[Run]]) -> list[str]:
    """Outputs that are not the expected one (or, with none stored, not that of the others)."""
    timed = {name: listed for name, listed in runs.items() if name != FLOOR}
    if case.expected:
        expected = case.expected.read_text(encoding="utf-8")
    else:
        expected = next(iter(timed.values()))[0].output
    return sorted(
        {
            f"{case.name} {name}: printed something else than expected"
            for name, listed in timed.items()
            for done in listed
            if done.output != expected
        }
    )


def lines_of(case: str, seconds: Mapping[str, list[float]], goals: tuple[Goal, ...]) -> list[Line]:
    summaries = {name: summarise(listed) for name, listed in seconds.items()}
    goal = {goal.against: goal.times for goal in goals}
    image = summaries.get(IMAGE)
    return [
        Line(
            case,
            name,
            summary,
            summary.median / image.median if image and name not in (IMAGE, FLOOR) else None,
            goal.get(name),
        )
        for name, summary in summaries.items()
    ]


def table(lines: list[Line]) -> str:
    head = (
        f"{'case':18}{'side':14}{'median':>10}{'lowest':>10}{'highest':>10}{'runs':>6}"
        f"  {'image is':>14}  goal"
    )
    rows = [head, "-" * len(head)]
    shown = None
    for line in lines:
        unit, scale, digits = ("ms", 1e3, 1) if line.case.endswith(" load") else ("s", 1.0, 3)
        times = "".join(
            f"{value * scale:>{10 - len(unit) - 1}.{digits}f} {unit}"
            for value in (line.seconds.median, line.seconds.low, line.seconds.high)
        )
        ratio = f"{line.ratio:.2f} x quicker" if line.ratio else ""
        goal = ""
        if line.goal is not None:
            verdict = "not measured" if line.ratio is None else _verdict(line)
            goal = f"at least {line.goal:g}: {verdict}"
        case = "" if line.case == shown else line.case
        shown = line.case
        rows.append(f"{case:18}{line.side:14}{times}{line.seconds.runs:>6}  {ratio:>14}  {goal}")
    return "\n".join(row.rstrip() for row in rows)


def _verdict(line: Line) -> str:
    return "met" if line.ratio >= line.goal else f"missed by {1 - line.ratio / line.goal:.0%}"


def measure_case(bench: Bench, arguments: argparse.Namespace) -> tuple[list[Line], dict]:
    """Build, check and measure one case: its lines, and everything for --json."""
    case, with_image = bench.case, not arguments.without_image
    build_seconds = bench.build() if with_image else None
    checked = bench.check(with_image)
    if arguments.quick:
        rounds = {NO_CACHE: 1, WARM: 3, IMAGE: 3, FLOOR: 3}
    else:
        rounds = dict.fromkeys((NO_CACHE, WARM, IMAGE, FLOOR), arguments.rounds)
    runs = bench.measure(rounds, with_image)
    problems = checked.pop("problems") + wrong_outputs(case, runs)
    seconds = {name: [done.seconds for done in listed] for name, listed in runs.items()}
    lines = lines_of(case.name, seconds, case.goals)
    record = {
        "build_seconds": build_seconds,
        "seconds": seconds,
        **checked,
        "problems": problems,
    }
    if case.name == "generated":
        record["load_seconds"] = bench.measure_load(max(rounds.values()), with_image)
        lines += lines_of("generated load", record["load_seconds"], (Goal(WARM, 20.0),))
    return lines, record


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default="pymatting,stumpy,generated")
    parser.add_argument("--rounds", type=int, default=5, help="fresh processes of each side")
    parser.add_argument("--quick", action="store_true", help="one run without cache, three else")
    parser.add_argument("--functions", type=int, default=100, help="of the generated package")
    parser.add_argument("--cpu-targets", default="native")
    parser.add_argument("--without-image", action="store_true", help="measure Numba alone")
    parser.add_argument("--work", type=Path, help="folder that is kept: builds are not repeated")
    parser.add_argument("--json", type=Path, help="write every single figure to this file")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    arguments = parse(argv)
    known = {
        "pymatting": lambda work: pymatting_case(),
        "stumpy": lambda work: stumpy_case(),
        "generated": lambda work: generated_case(work, arguments.functions),
    }
    wanted = arguments.cases.split(",")
    for name in wanted:
        if name not in known:
            print(f"unknown case {name!r}; there are: {', '.join(known)}", file=sys.stderr)
            return 2
    machine = describe()
    lines: list[Line] = []
    records: dict[str, dict] = {}
    failures = []

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="first-result-") as temporary:
        root = arguments.work.resolve() if arguments.work else Path(temporary)
        for name in wanted:
            work = root / name
            try:
                bench = Bench(known[name](work), work, arguments.cpu_targets, say)
                found, records[name] = measure_case(bench, arguments)
            except Failed as error:
                failures.append(f"{name}: {error}")
                continue
            lines += found
            failures += [f"{name}: {problem}" for problem in records[name]["problems"]]
    print(as_text(machine))
    print(f"seconds from start to exit; image built for {arguments.cpu_targets!r}\n")
    print(table(lines))
    if arguments.json:
        document = {
            "machine": machine,
            "cpu_targets": arguments.cpu_targets,
            "cases": records,
            "lines": [asdict(line) for line in lines],
            "failures": failures,
        }
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    for failure in failures:
        print(f"WRONG: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
