"""What a call of a restored function costs, against a call through Numba's dispatcher.

    python call.py [--rounds 15] [--calls 200000]

Functions of 1, 3 and 8 arguments that do nothing with them, called in fresh processes in turns:
from Numba's compilation, from the image without Numba (restored), from the image through Numba's
own dispatcher (attached), and from Numba's compilation once more, which is what chance makes of a
ratio of 1. Printed: nanoseconds a call, medians of the rounds, and the ratios of the medians to
Numba's.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from images import Package, build, image_environment, plain_environment
from machine import as_text, describe
from processes import Command, in_turns, run, summarise

SOURCE = """
from numba import njit

@njit
def one(a):
    return 1

@njit
def three(a, b, c):
    return 1

@njit
def eight(a, b, c, d, e, f, g, h):
    return 1
"""
WORKLOAD = """
import numpy as np
import called
array = np.ones(3)
CALLS = {
    "1 array": (called.one, (array,)),
    "1 float": (called.one, (1.5,)),
    "3 arguments": (called.three, (array, 1, 2.5)),
    "8 arguments": (called.eight, (array, array, 1, 2, 2.5, 3.5, True, array)),
}
for function, arguments in CALLS.values():
    function(*arguments)
"""
TIMER = """
import json, sys, timeit
if {image}:
    import packageimage
    packageimage.enable()
sys.path.insert(0, {folder!r})
from workload import CALLS
found = {{}}
for name, (function, arguments) in CALLS.items():
    names = [f"x{{i}}" for i in range(len(arguments))]
    values = dict(zip(names, arguments), f=function)
    statement = f"f({{', '.join(names)}})"
    found[name] = min(timeit.repeat(statement, globals=values, number={calls}, repeat=5)) / {calls}
assert ("numba" in sys.modules) != {restored}
assert not {image} or packageimage.enable().answered == 4
print(json.dumps(found))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=200_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="call-") as temporary:
        work = Path(temporary)
        (work / "src" / "called").mkdir(parents=True)
        (work / "src" / "called" / "__init__.py").write_text(SOURCE, encoding="utf-8")
        (work / "workload.py").write_text(WORKLOAD, encoding="utf-8")
        package = Package("called", work / "workload.py", work / "src")
        build(package, work / "depot", "native", work / "build", "--restore")

        def side(image: bool, restored: bool = False):
            code = TIMER.format(
                image=image, restored=restored, folder=str(work), calls=arguments.calls
            )
            environment = {
                **(
                    image_environment(package, work / "depot")
                    if image
                    else plain_environment(package)
                ),
                "PKGIMAGE_RESTORE": "yes" if restored else "no",
            }
            return run(Command(("-c", code), work, environment))

        sides = {
            "Numba": lambda: side(False),
            "restored": lambda: side(True, True),
            "attached": lambda: side(True),
            "Numba again": lambda: side(False),
        }
        runs = in_turns(sides, dict.fromkeys(sides, arguments.rounds))
    times = {name: [json.loads(done.output) for done in listed] for name, listed in runs.items()}
    print(as_text(describe()))
    head = "call          " + "".join(f"{name:>14}" for name in times)
    head += "".join(f"{name:>14}" for name in list(times)[1:])
    print(f"{head}\n{'-' * len(head)}")
    for name in times["Numba"][0]:
        medians = [summarise(found[name] for found in listed).median for listed in times.values()]
        row = "".join(f"{median * 1e9:>11.1f} ns" for median in medians)
        row += "".join(f"{median / medians[0]:>14.3f}" for median in medians[1:])
        print(f"{name:14}{row}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
