"""Fresh processes that restore a package, against what they cannot do without.

    python restored.py [--cases 100,1000,pymatting,stumpy] [--rounds 11] [--work DIR] [--json FILE]

Every figure is the median of fresh processes, from start to exit, whose sides run in turns. A
number is the generated package with so many kernels, each of which is called once. `dependencies`
imports all that the restored package imports, without it and without Numba. `attached` is the same
image with PKGIMAGE_RESTORE=no; images are enabled by `import packageimage; packageimage.enable()`.
Before anything is timed, the results are compared with Numba's. Ends with 1 when they differ, or
when a restored process has imported Numba or compiled anything, never because of a time.

All sides run with one thread of OpenBLAS: those of its threads that have nothing to do spin for a
while, and where there are two cores Numba's then wait for them, 60 ms in most runs of pymatting.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from first_result import pymatting_case, stumpy_case
from generated import generate
from images import Package, build, image_environment, plain_environment
from machine import as_text, describe
from processes import Command, Failed, Run, in_turns, run, summarise

NUMPY, DEPENDENCIES, NO_CACHE, WARM = "import numpy", "dependencies", "no cache", "warm cache"
ATTACHED, RESTORED = "attached", "restored"

_ENABLED = "import packageimage, sys\nsession = packageimage.enable()\n"
# The application is imported, so that parsing a script does not count.
_RUN = "import sys\nsys.path.insert(0, {folder!r})\nimport app\napp.{call}()\n"
_CHECK = (
    "assert 'numba' not in sys.modules, 'Numba was imported'\n"
    "assert not session.misses, session.misses\n"
    "assert session.restored, session.rejections\n"
)
_LIST = (
    "import json, {package}\n"
    "own = ('packageimage', {package!r}, 'numba', '__main__', '_', 'sitecustomize')\n"
    "print(json.dumps([n for n in sys.modules if not n.startswith(own)]))\n"
)


@dataclass(frozen=True)
class Case:
    """An application, its package, and where Numba's own cache can serve it."""

    name: str
    package: Package
    app: Path
    cached: tuple[Package, Path] | None
    timed: str = "main"  # what of the application is called: of the generated one all kernels


def case_of(name: str, work: Path) -> Case:
    """Raises ValueError for a name that is none."""
    if name.isdecimal():
        plain = generate(work / "plain", int(name), max(1, int(name) // 10))
        cached = generate(work / "cached", int(name), max(1, int(name) // 10), cache=True)
        return Case(
            f"{name} kernels",
            Package("generated", plain / "workload.py", plain / "src"),
            plain / "app.py",
            (Package("generated", cached / "workload.py", cached / "src"), cached / "app.py"),
            "results",
        )
    known = {"pymatting": pymatting_case, "stumpy": stumpy_case}
    if name not in known:
        raise ValueError(f"unknown case {name!r}: expected a number, {', '.join(known)}")
    found = known[name]()
    cached_case = (found.cached_package, found.cached) if found.cached else None
    return Case(name, found.package, found.app, cached_case)


class Bench:
    """One case in a folder of its own."""

    def __init__(self, case: Case, work: Path) -> None:
        self.case = case
        self.work = work
        self.depot = work / "depot"
        self.dependencies = ""

    def prepare(self) -> str:
        """Build, compare the results, fill Numba's cache; what the application prints."""
        build(self.case.package, self.depot, "native", self.work / "build", "--restore")
        plain = self.run_plain(NO_CACHE, "main").output
        restored = self.run_image(_CHECK, call="main", PKGIMAGE="strict").output
        if restored != plain:
            raise Failed(f"restored, it printed {restored!r}, under Numba {plain!r}")
        listed = self.run_image(_LIST.format(package=self.case.package.name), app=False)
        self.dependencies = "import " + ", ".join(
            name for name in json.loads(listed.output) if name.replace(".", "").isidentifier()
        )
        if self.case.cached:
            self.run_plain(WARM)
        return plain

    def run_code(self, code: str, environment: dict[str, str]) -> Run:
        environment = {**environment, "OPENBLAS_NUM_THREADS": "1"}
        return run(Command(("-c", code), self.work, environment))

    def run_plain(self, side: str, call: str = "") -> Run:
        package, app = self.case.package, self.case.app
        if side == WARM and self.case.cached:
            package, app = self.case.cached
        else:
            shutil.rmtree(self.work / NO_CACHE, ignore_errors=True)
        environment = {**plain_environment(package), "NUMBA_CACHE_DIR": str(self.work / side)}
        return self.run_code(
            _RUN.format(folder=str(app.parent), call=call or self.case.timed), environment
        )

    def run_image(self, more: str = "", app: bool = True, call: str = "", **settings: str) -> Run:
        environment = {
            **image_environment(self.case.package, self.depot),
            "NUMBA_CACHE_DIR": str(self.work / "unused"),
            "XDG_CACHE_HOME": str(self.work / "cache"),
            **settings,
        }
        runs = (
            _RUN.format(folder=str(self.case.app.parent), call=call or self.case.timed)
            if app
            else ""
        )
        return self.run_code(_ENABLED + runs + more, environment)

    def sides(self) -> dict[str, Callable[[], Run]]:
        """What is timed."""
        plain = dict(plain_environment(self.case.package))
        found = {
            NUMPY: lambda: self.run_code("import numpy", plain),
            DEPENDENCIES: lambda: self.run_code(self.dependencies, plain),
            NO_CACHE: lambda: self.run_plain(NO_CACHE),
        }
        if self.case.cached:
            found[WARM] = lambda: self.run_plain(WARM)
        found[ATTACHED] = lambda: self.run_image(PKGIMAGE_RESTORE="no")
        found[RESTORED] = lambda: self.run_image()
        return found


def measure(bench: Bench, rounds: int) -> dict[str, list[float]]:
    """Seconds by side. Without a cache one run has to do: it takes a minute."""
    sides = bench.sides()
    wanted = {name: 1 if name == NO_CACHE else rounds for name in sides}
    return {name: [done.seconds for done in runs] for name, runs in in_turns(sides, wanted).items()}


def table(seconds: dict[str, dict[str, list[float]]]) -> str:
    head = (
        f"{'case':14}{'side':14}{'median':>11}{'lowest':>11}{'highest':>11}{'runs':>6}"
        f"{'above numpy':>14}{'of dependencies':>17}{'restored is':>16}"
    )
    rows = [head, "-" * len(head)]
    for case, sides in seconds.items():
        summaries = {name: summarise(listed) for name, listed in sides.items()}
        floor, base = summaries[NUMPY].median, summaries[DEPENDENCIES].median
        for name, one in summaries.items():
            times = "".join(f"{value * 1e3:>8.1f} ms" for value in (one.median, one.low, one.high))
            times += f"{one.runs:>6}{(one.median - floor) * 1e3:>11.1f} ms"
            times += f"{one.median / base:>17.2f}"
            ratio = one.median / summaries[RESTORED].median
            rows.append(f"{case:14}{name:14}{times}{ratio:>8.2f} x quicker")
            case = ""
    return "\n".join(rows)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default="100,1000,pymatting,stumpy")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--work", type=Path, help="folder that is kept: builds are not repeated")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args(argv)
    seconds: dict[str, dict[str, list[float]]] = {}
    failures = []
    with tempfile.TemporaryDirectory(prefix="restored-") as temporary:
        root = arguments.work.resolve() if arguments.work else Path(temporary)
        for name in arguments.cases.split(","):
            work = root / name
            work.mkdir(parents=True, exist_ok=True)
            try:
                bench = Bench(case_of(name, work), work)
                bench.prepare()
                print(f"{name}: results agree", file=sys.stderr, flush=True)
                seconds[bench.case.name] = measure(bench, arguments.rounds)
            except (Failed, ValueError) as error:
                failures.append(f"{name}: {error}")
    print(as_text(describe()))
    print(table(seconds))
    if arguments.json:
        text = json.dumps({"machine": describe(), "seconds": seconds, "failures": failures})
        arguments.json.write_text(text + "\n", encoding="utf-8")
    for failure in failures:
        print(f"WRONG: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
