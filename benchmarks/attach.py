"""What attaching an image costs a process that has imported Numba: once, and for each function.

    python attach.py [--functions 100,1000] [--rounds 15] [--work DIR] [--json FILE]

The generated package with so many kernels, its source run, each kernel called once. Seconds of CPU
time within fresh processes that have imported Numba and typed an array, in turns: importing the
package as it is; and with its image: enabling and importing, then first calls, less what the same
calls take once more. The difference of the two numbers of functions gives what each costs, the rest
is the fixed part. Medians. What Numba takes to import the package is shown as well: attaching makes
that quicker, which is why the import of a function may cost less than nothing. Ends with 1 when the
results differ from Numba's, never because of a time.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from generated import generate
from images import Package, build, image_environment, plain_environment
from machine import as_text, describe
from processes import Command, Failed, Run, in_turns, run, summarise

_BEFORE = "import numba, numpy, time\nnumba.typeof(numpy.zeros(1))\nclock = time.process_time\n"
_IMPORT = "sys.path.insert(0, {folder!r})\nimport app\n"
_PLAIN = "import sys\n" + _BEFORE + "a = clock()\n" + _IMPORT + "print(clock() - a, 0)\n"
_IMAGE = (
    "import sys\n" + _BEFORE + "a = clock()\nimport packageimage\nsession = packageimage.enable()\n"
    + _IMPORT + "b = clock()\napp.results()\nc = clock()\napp.results()\nd = clock()\n"
    "assert session.answered and not session.misses, (session.answered, session.misses)\n"
    "print(b - a, (c - b) - (d - c))\n"
)  # fmt: skip
_RESULTS = "import sys\n" + _IMPORT + "app.main()\n"
_ENABLE = "import packageimage\npackageimage.enable()\n"


class Bench:
    """The package with so many functions."""

    def __init__(self, functions: int, work: Path) -> None:
        self.functions = functions
        self.work = work
        plain = generate(work / "plain", functions, max(1, functions // 10))
        self.package = Package("generated", plain / "workload.py", plain / "src")
        self.folder = str(plain)
        self.depot = work / "depot"

    def prepare(self) -> None:
        """Build, and compare the results. Raises processes.Failed."""
        build(self.package, self.depot, "native", self.work / "build")
        plain = self._run(_RESULTS, image=False).output
        attached = self._run(_ENABLE + _RESULTS, image=True).output
        if attached != plain:
            raise Failed(f"attached, it printed {attached!r}, under Numba {plain!r}")

    def _run(self, code: str, image: bool) -> Run:
        environment = {"OPENBLAS_NUM_THREADS": "1", "XDG_CACHE_HOME": str(self.work / "cache")}
        if image:
            environment |= image_environment(self.package, self.depot)
        else:
            environment |= plain_environment(self.package)
        code = code.format(folder=self.folder)
        return run(Command(("-c", code), self.work, environment))

    def import_alone(self) -> Run:
        return self._run(_PLAIN, image=False)

    def with_image(self) -> Run:
        return self._run(_IMAGE, image=True)


class Parts(NamedTuple):
    """In seconds."""

    imports: float
    first_calls: float

    def shown(self, unit: str) -> str:
        scale = {"ms": 1e3, "us": 1e6}[unit]
        return (
            f"{sum(self) * scale:.2f} {unit} (import {self.imports * scale:.2f}, first calls "
            f"{self.first_calls * scale:.2f})"
        )


def cost(bench: Bench, rounds: int) -> tuple[float, Parts]:
    """What importing the package takes as it is, and what the image adds."""
    sides = {"plain": bench.import_alone, "image": bench.with_image}
    for side in sides.values():
        side()  # writes bytecode and what is remembered
    runs = in_turns(sides, dict.fromkeys(sides, rounds))
    medians = {}
    for name, found in runs.items():
        columns = zip(*([float(word) for word in one.output.split()] for one in found), strict=True)
        medians[name] = Parts(*(summarise(list(column)).median for column in columns))
    plain, image = medians["plain"], medians["image"]
    return plain.imports, Parts(image.imports - plain.imports, image.first_calls)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--functions", default="100,1000", help="two numbers, the smaller first")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--work", type=Path, help="folder to keep; a temporary one by default")
    parser.add_argument("--json", type=Path, help="write the figures there")
    args = parser.parse_args()
    few, many = map(int, args.functions.split(","))
    about = describe()
    print(as_text(about))
    with tempfile.TemporaryDirectory() as temporary:
        costs: dict[int, Parts] = {}
        for functions in (few, many):
            bench = Bench(functions, (args.work or Path(temporary)).resolve() / str(functions))
            try:
                bench.prepare()
            except Failed as error:
                print(error, file=sys.stderr)
                return 1
            plain, costs[functions] = cost(bench, args.rounds)
            shown = costs[functions].shown("ms")
            print(f"{functions} functions: import {plain * 1e3:.2f} ms, its image adds {shown}")
    pairs = list(zip(costs[few], costs[many], strict=True))
    each = Parts(*((more - less) / (many - few) for less, more in pairs))
    fixed = Parts(*(less - one * few for less, one in zip(costs[few], each, strict=True)))
    print(f"fixed part {fixed.shown('ms')}, a function {each.shown('us')}")
    if args.json:
        parts = {"fixed": fixed._asdict(), "function": each._asdict()}
        figures = {
            "machine": about, **parts, "costs": {n: one._asdict() for n, one in costs.items()}
        }  # fmt: skip
        args.json.write_text(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
