"""What the images of the examples gain: the table that `python3 run.py demo` ends with.

    python examples.py --depot DEPOT [--rounds 3] [EXAMPLE ...]

Each example's application runs in fresh processes, through Numba alone and from the image in the
depot, in turns. Shown are the median seconds from start to exit, imports included, and how many
functions Numba compiled. Ends with 1 when the image was not used, something was compiled, or the
results differ from Numba's by more than 4 units in the last place. first_result.py measures the
same against Numba's own cache as well, with more care.
"""

from __future__ import annotations

import argparse
import importlib.util
import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import reports
from images import Package, image_environment, plain_environment
from machine import as_text, describe
from processes import Command, Failed, Run, in_turns, run, summarise

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent / "examples"
NUMBA, IMAGE = "Numba alone", "image"
ULPS = 4  # an image made for other CPUs than the JIT compiles for


@dataclass(frozen=True)
class Example:
    """An application and the package whose image it uses."""

    package: Package

    @property
    def name(self) -> str:
        return self.package.name

    @property
    def app(self) -> Path:
        return EXAMPLES / self.name / "app.py"


ALL = {
    example.name: example
    for example in (
        Example(Package("kernels", Path("src/workload.py"), EXAMPLES / "kernels" / "src")),
        Example(Package("pymatting", Path("workload.py"))),
        Example(Package("stumpy", Path("workload.py"))),
    )
}


@dataclass(frozen=True)
class Side:
    """One example run one way: median seconds and what observe.py reported."""

    seconds: float
    report: dict

    @property
    def compiled(self) -> int:
        return len(self.report["compiled"])


def measure(
    example: Example, depot: Path, rounds: int, work: Path, say: Callable[[str], None]
) -> dict[str, Side]:
    """Both sides of an example. Raises processes.Failed when one of its processes fails."""

    def command(side: str) -> Command:
        package = example.package
        words = [str(HERE / "observe.py"), str(work / side), str(example.app)]
        made = image_environment(package, depot) if side == IMAGE else plain_environment(package)
        # Numba's own cache, which pymatting asks for, is empty for each process of both sides.
        cache = {"NUMBA_CACHE_DIR": str(work / "cache")}
        flags = ["--image"] if side == IMAGE else []
        return Command((*words, *flags), work, {**made, **cache})

    def fresh(side: str) -> Callable[[], Run]:
        def go() -> Run:
            shutil.rmtree(work / "cache", ignore_errors=True)
            return run(command(side))

        return go

    work.mkdir(parents=True, exist_ok=True)
    runs = in_turns(
        {side: fresh(side) for side in (NUMBA, IMAGE)},
        {NUMBA: rounds, IMAGE: rounds},
        lambda side, done: say(f"{example.name}, {side}: {done.seconds:.1f} s"),
    )
    return {
        side: Side(
            summarise(done.seconds for done in listed).median,
            pickle.loads((work / side).read_bytes()),
        )
        for side, listed in runs.items()
    }


def problems(example: Example, sides: dict[str, Side]) -> list[str]:
    """What is wrong with an example's image, if anything."""
    found = reports.problems(sides[NUMBA].report, sides[IMAGE].report, ULPS)
    return [f"{example.name}: {problem}" for problem in found]


def table(measured: dict[str, dict[str, Side]]) -> str:
    head = f"{'':12}{'Numba alone':>24}{'with its image':>24}{'':>16}"
    rows = [head, f"{'example':12}" + f"{'seconds':>12}{'compiled':>12}" * 2]
    for name, sides in measured.items():
        times = "".join(
            f"{sides[side].seconds:>12.2f}{sides[side].compiled:>12}" for side in (NUMBA, IMAGE)
        )
        gain = sides[NUMBA].seconds / sides[IMAGE].seconds
        rows.append(f"{name:12}{times}{gain:>8.1f} x quicker")
    return "\n".join(row.rstrip() for row in rows)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("examples", nargs="*", metavar="EXAMPLE", help=", ".join(ALL))
    parser.add_argument("--depot", type=Path, required=True, help="folder with their images")
    parser.add_argument("--rounds", type=int, default=3, help="fresh processes of each side")
    arguments = parser.parse_args(argv)
    unknown = [name for name in arguments.examples if name not in ALL]
    if unknown or arguments.rounds < 1:
        parser.error(f"expected examples of {', '.join(ALL)} and 1 round or more")
    measured, wrong = {}, []
    with tempfile.TemporaryDirectory(prefix="examples-") as temporary:
        for name in arguments.examples or ALL:
            if importlib.util.find_spec(name) is None and ALL[name].package.path is None:
                print(f"{name} left out: pip install {name}")
                continue
            try:
                measured[name] = measure(
                    ALL[name],
                    arguments.depot.resolve(),
                    arguments.rounds,
                    Path(temporary, name),
                    lambda text: print(text, flush=True),
                )
            except Failed as error:
                wrong.append(f"{name}: {error}")
                continue
            wrong += problems(ALL[name], measured[name])
    print(f"\n{as_text(describe())}")
    print(f"medians of {arguments.rounds} fresh processes, from start to exit\n")
    print(table(measured))
    for problem in wrong:
        print(f"WRONG: {problem}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
