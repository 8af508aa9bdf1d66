"""How quick an image's code is when all is loaded: against Numba's JIT on the same machine.

    python steady_state.py [--rounds 9] [--pairs 1] [--kernels NAME,...] [--control] [--json FILE]

Two processes are held ready, one with the image and one with the JIT. Kernel by kernel they are
timed in turns, several calls each, and the order turns round every round: what disturbs the machine
disturbs both. A ratio is the JIT's time over the image's, so above 1 the image is quicker. Within
a turn the quickest calls of both sides are compared and the median of all turns' ratios is taken,
so neither a lucky call nor a slow minute decides; the ratio of the medians of all calls stands
beside it. With --pairs more pairs of processes are started, because where a process has its code
and data makes a difference of some percent. --control puts the JIT on both sides: what it shows is
noise.

Results are compared bit for bit when the image was made for this CPU, else within 4 units in the
last place. Ends with 1 when they differ or the image side compiled anything, never because of time.
"""

import argparse
import itertools
import json
import math
import pickle
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from compare import differences
from images import Package, build, image_environment, plain_environment
from machine import as_text, describe
from processes import Failed, clean_environment

HERE = Path(__file__).resolve().parent
PACKAGE = Package("steady", HERE / "steady" / "workload.py", HERE / "steady" / "src")
GOAL_MEAN, GOAL_WORST = 1.0, 0.9


@dataclass(frozen=True)
class Line:
    """One kernel: seconds a call of both sides, and how many times quicker the image is.

    low: the quickest call of a turn, the median over the turns. median: of all calls. ratio: the
    median over the turns of the quickest calls' ratio.
    """

    kernel: str
    jit_low: float
    image_low: float
    ratio: float
    jit_median: float
    image_median: float
    median_ratio: float


class Worker:
    """A process that has every kernel ready (steady_worker.py)."""

    def __init__(self, report: Path, image: bool, depot: Path, cache: Path):
        environment = image_environment(PACKAGE, depot) if image else plain_environment(PACKAGE)
        self.report = report
        self.process = subprocess.Popen(
            [
                sys.executable,
                str(HERE / "steady_worker.py"),
                str(report),
                *(["--image"] if image else []),
            ],
            env=clean_environment({**environment, "NUMBA_CACHE_DIR": str(cache)}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait(self) -> dict:
        """What it reports once every kernel has been called. Raises Failed when it ended."""
        self._answer("ready")
        return pickle.loads(self.report.read_bytes())

    def time(self, kernel: str, calls: int) -> list[float]:
        self.process.stdin.write(f"{calls} {kernel}\n")
        self.process.stdin.flush()
        return json.loads(self._answer(kernel))

    def _answer(self, wanted: str) -> str:
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"a worker ended with {self.process.wait()} while at {wanted!r}")
        return line

    def end(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def geometric_mean(ratios: list[float]) -> float:
    return math.exp(statistics.fmean(math.log(ratio) for ratio in ratios))


# The seconds of every call, by kernel, side and turn.
Seconds = dict[str, dict[str, list[list[float]]]]


def measure(
    jit: Worker, image: Worker, kernels: list[str], rounds: int, turn_seconds: float
) -> Seconds:
    """Time all kernels; a turn lasts about `turn_seconds`."""
    found = {kernel: {"jit": [], "image": []} for kernel in kernels}
    for kernel in kernels:
        once = min(jit.time(kernel, 3) + image.time(kernel, 3))
        calls = max(3, min(50, round(turn_seconds / once)))
        for turn in range(rounds):
            sides = [("jit", jit), ("image", image)]
            for name, worker in sides if turn % 2 == 0 else reversed(sides):
                # The first call of a turn meets caches that the other side has filled.
                found[kernel][name].append(worker.time(kernel, calls + 1)[1:])
    return found


def check(jit: dict, image: dict, ulps: int) -> list[str]:
    """What is wrong with the image side; nothing, when all is well."""
    problems = differences(jit["results"], image["results"], ulps)
    if image["compiled"] or image["passes"]:
        listed = "; ".join(image["compiled"][:5])
        problems.append(
            f"{len(image['compiled'])} functions compiled with the image, "
            f"{image['passes']} passes: {listed}"
        )
    return problems + [f"rejected: {reason}" for reason in image["rejections"]]


def line_of(kernel: str, jit: list[list[float]], image: list[list[float]]) -> Line:
    """The line of a kernel, from the seconds of the calls of each turn."""
    pairs = [(min(a), min(b)) for a, b in zip(jit, image, strict=True)]
    jit_median = statistics.median(itertools.chain.from_iterable(jit))
    image_median = statistics.median(itertools.chain.from_iterable(image))
    return Line(
        kernel,
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
        jit_median,
        image_median,
        jit_median / image_median,
    )


def table(lines: list[Line]) -> str:
    head = (
        f"{'kernel':20}{'JIT ms':>9}{'image ms':>10}{'ratio':>8}"
        f"{'JIT ms':>12}{'image ms':>10}{'ratio':>8}"
    )
    rows = [f"{'':20}{'quickest of a turn':>27}{'median':>30}", head, "-" * len(head)]
    rows += [
        f"{line.kernel:20}{line.jit_low * 1e3:9.3f}{line.image_low * 1e3:10.3f}{line.ratio:8.3f}"
        f"{line.jit_median * 1e3:12.3f}{line.image_median * 1e3:10.3f}{line.median_ratio:8.3f}"
        f"{'' if line.ratio >= GOAL_WORST else '   below 0.9'}"
        for line in lines
    ]
    ratios = [line.ratio for line in lines]
    medians = [line.median_ratio for line in lines]
    rows += [
        "-" * len(head),
        f"{'geometric mean':20}{geometric_mean(ratios):27.3f}{geometric_mean(medians):30.3f}",
        f"{'worst':20}{min(ratios):27.3f}{min(medians):30.3f}",
        f"goals: geometric mean at least {GOAL_MEAN}: "
        f"{'met' if geometric_mean(ratios) >= GOAL_MEAN else 'missed'}; "
        f"none below {GOAL_WORST}: {'met' if min(ratios) >= GOAL_WORST else 'missed'}",
    ]
    return "\n".join(rows)


def one_pair(arguments: argparse.Namespace, work: Path, depot: Path) -> tuple[dict, dict]:
    """Start a pair, check it, measure it: its times and what was found out about it."""
    # One after the other: two compilers at once would only disturb each other.
    jit = Worker(work / "jit.pickle", False, depot, work / "cache")
    try:
        reference = jit.wait()
        image = Worker(work / "image.pickle", not arguments.control, depot, work / "cache")
        try:
            reported = image.wait()
            kernels = list(reference["results"])
            if arguments.kernels:
                wanted = arguments.kernels.split(",")
                unknown = sorted(set(wanted) - set(kernels))
                if unknown:
                    raise Failed(f"no such kernel: {unknown}; there are: {', '.join(kernels)}")
                kernels = wanted
            if arguments.control:
                about = {"problems": [], "targets": {}}
            else:
                ulps = 0 if arguments.cpu_targets == "native" else 4
                about = {
                    "problems": check(reference, reported, ulps),
                    "targets": reported["targets"],
                    "compiled": reported["compiled"],
                }
            turn = arguments.turn_ms / 1e3
            return measure(jit, image, kernels, arguments.rounds, turn), about
        finally:
            image.end()
    finally:
        jit.end()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--pairs", type=int, default=1, help="pairs of processes, one by one")
    parser.add_argument("--turn-ms", type=float, default=30.0, help="how long a turn lasts")
    parser.add_argument("--kernels", help="measure only these, separated by commas")
    parser.add_argument("--cpu-targets", default="native")
    parser.add_argument("--control", action="store_true", help="the JIT on both sides")
    parser.add_argument("--work", type=Path, help="folder that is kept: no build is repeated")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    arguments = parser.parse_args(argv)
    machine = describe()
    seconds: Seconds = {}
    problems: set[str] = set()
    about: dict = {}
    with tempfile.TemporaryDirectory(prefix="steady-state-") as temporary:
        work = arguments.work.resolve() if arguments.work else Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        try:
            if not arguments.control:
                build(PACKAGE, work / "depot", arguments.cpu_targets, work / "build")
            for _ in range(arguments.pairs):
                measured, about = one_pair(arguments, work, work / "depot")
                problems.update(about["problems"])
                for kernel, sides in measured.items():
                    kept = seconds.setdefault(kernel, {"jit": [], "image": []})
                    for side, values in sides.items():
                        kept[side] += values
        except Failed as error:
            print(f"WRONG: {error}", file=sys.stderr)
            return 1
    lines = [line_of(kernel, sides["jit"], sides["image"]) for kernel, sides in seconds.items()]
    print(as_text(machine))
    if arguments.control:
        print("control: the JIT on both sides; every ratio is noise\n")
    else:
        chosen = "; ".join(about["targets"].values()) or "none: no image was used"
        print(f"CPU target in use: {chosen}; the JIT's: {machine['llvm_cpu']}\n")
    print(table(lines))
    if arguments.json:
        document = {
            "machine": machine,
            "cpu_targets": arguments.cpu_targets,
            "about": {**about, "problems": sorted(problems)},
            "lines": [asdict(line) for line in lines],
            "seconds": seconds,
        }
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    for problem in sorted(problems):
        print(f"WRONG: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
