"""Measure what a package's image saves on this machine.

Fresh processes run the workload from start to exit, side by side: without a cache, with Numba's own
warm cache, with the image. Without a workload they import the package and end. Medians are told,
and how many times quicker the image is. Results are the same in any case: what does not come from
an image, Numba compiles.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..model.errors import PackageImageError, one_line
from ..status_line import StatusLine
from .fresh_processes import Side, Times, clean_environment, in_turns, machine
from .fresh_processes import run as run_side
from .images import depots_named
from .output import Paint, add_json, document, table

NO_CACHE, WARM, IMAGE, FLOOR = "no cache", "warm cache", "image", "import numba"
_BUDGET = 60.0  # seconds of one side

# Runs a program with or without images and says what was compiled and what images answered.
_OBSERVER = """
import json, runpy, sys
images, program = sys.argv[1] == "image", sys.argv[2]
session = None
if images:
    import packageimage
    session = packageimage.enable()
from numba.core import event
heard = event.RecordingListener()
event.register("numba:compile", heard)
sys.argv = [program]
try:
    runpy.run_path(program, run_name="__main__")
except SystemExit as ended:
    if ended.code not in (None, 0):
        raise
compiled = sum(1 for _, each in heard.buffer if each.is_start)
answered = session.answered if session else 0
print("\\n" + json.dumps({"compiled": compiled, "answered": answered}))
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("package", metavar="PACKAGE", help="import name")
    parser.add_argument(
        "--workload", metavar="FILE", help="Python file to run; default: import PACKAGE"
    )
    parser.add_argument(
        "-n",
        dest="rounds",
        type=int,
        default=10,
        metavar="N",
        help="runs of each side; one that has taken a minute stops after 3; default: 10",
    )
    parser.add_argument(
        "--depot", action="append", default=[], metavar="DIR", help="look here for images"
    )
    parser.add_argument(
        "--path", action="append", default=[], metavar="DIR", help="look here for packages as well"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Raises PackageImageError when no image fits, or when the workload fails on any side."""
    if args.rounds < 1:
        raise PackageImageError(f"-n must be 1 or more, found {args.rounds}")
    if not all(part.isidentifier() for part in args.package.split(".")):
        raise PackageImageError(f"expected a package's name, found {one_line(args.package)!r}")
    depots = depots_named(args.depot, os.environ)
    with tempfile.TemporaryDirectory(prefix="pkgimage-bench-") as work:
        result = _measured(args, depots, Path(work))
    if args.json:
        print(document("bench", **result))
    else:
        print("\n".join(_text(result, Paint.of(os.environ))))
    return 0


def _measured(args: argparse.Namespace, depots: tuple[Path, ...], work: Path) -> dict[str, Any]:
    if args.workload:
        program = Path(args.workload).absolute()
        if not program.is_file():
            raise PackageImageError(
                f"expected a workload, found no file {one_line(args.workload)}: check the name"
            )
    else:
        program = work / "import_it.py"
        program.write_text(f"import {args.package}\n", encoding="utf-8")
    sides = _sides(program, args.path, depots, work)
    line = StatusLine(sys.stderr) if sys.stderr.isatty() else None

    def tell(text: str) -> None:
        if line:
            line.show(text)

    try:
        tell("looking at what is compiled")
        plain = _observed(sides[WARM], "plain", program)
        with_image = _observed(sides[IMAGE], "image", program)
        if not with_image["answered"]:
            raise PackageImageError(
                f"expected images to answer for {args.package} here, found none that did: "
                f"run pkgimage explain {args.package}"
            )
        # What was observed has filled Numba's cache, where the package uses one.
        listed = [sides[FLOOR], sides[NO_CACHE]]
        caches = any((work / "warm").rglob("*.nbc"))
        listed += [sides[WARM]] if caches else []
        listed.append(sides[IMAGE])
        times = in_turns(
            listed,
            args.rounds,
            _BUDGET,
            lambda name, count: tell(f"[{count}/{args.rounds}] {name}"),
        )
    finally:
        if line:
            line.clear()
    return {
        "package": args.package,
        "workload": args.workload,
        "machine": machine(),
        "compiled": {"no cache": plain["compiled"], "image": with_image["compiled"]},
        "answered": with_image["answered"],
        "sides": _rows(times),
        "numba_cache_used": caches,
    }


def _sides(program: Path, path: list[str], depots: tuple[Path, ...], work: Path) -> dict[str, Side]:
    folders = [str(Path(each).absolute()) for each in path]
    inherited = os.environ.get("PYTHONPATH", "")
    start = dict(os.environ)
    start["PYTHONPATH"] = os.pathsep.join([*folders, *([inherited] if inherited else [])])

    def environ(cache: str, **more: str) -> dict[str, str]:
        return clean_environment(start, {"NUMBA_CACHE_DIR": str(work / cache), **more})

    kept = {name: os.environ[name] for name in ("PKGIMAGE_FLAGS", "PKGIMAGE_CPU")
            if name in os.environ}  # fmt: skip
    path_of_depots = os.pathsep.join(map(str, depots))
    off = {"PKGIMAGE": "no"}
    cold = work / "cold"
    return {
        FLOOR: Side(FLOOR, ("-c", "import numba"), environ("floor", **off)),
        NO_CACHE: Side(
            NO_CACHE,
            (str(program),),
            environ("cold", **off),
            lambda: shutil.rmtree(cold, ignore_errors=True),
        ),
        WARM: Side(WARM, (str(program),), environ("warm", **off)),
        IMAGE: Side(
            IMAGE,
            ("-m", "packageimage", "run", str(program)),
            # An empty cache of its own: what Numba would keep there must not help.
            environ("unused", PKGIMAGE_DEPOT_PATH=path_of_depots, **kept),
        ),
    }


def _observed(side: Side, how: str, program: Path) -> dict[str, int]:
    arguments = ("-c", _OBSERVER, how, str(program))
    _, output = run_side(side.replace(arguments=arguments))
    found: dict[str, int] = json.loads(output.rstrip().rpartition("\n")[2])
    return found


def _rows(times: list[Times]) -> list[dict[str, Any]]:
    image = next(each.median for each in times if each.name == IMAGE)
    return [
        {
            "side": each.name,
            "median": each.median,
            "low": min(each.seconds),
            "high": max(each.seconds),
            "runs": len(each.seconds),
            "seconds": list(each.seconds),
            # How many times as long as the image.
            "ratio": each.median / image,
        }
        for each in times
    ]


def _text(result: dict[str, Any], paint: Paint) -> list[str]:
    on = result["machine"]
    ran = result["workload"] or f"import {result['package']}"
    rows = [["", "median", "fastest", "slowest", "runs", "image is quicker by"]]
    for row in result["sides"]:
        times = row["side"] not in (IMAGE, FLOOR)
        rows.append(
            [
                row["side"],
                *(f"{row[key]:.3f} s" for key in ("median", "low", "high")),
                str(row["runs"]),
                f"{row['ratio']:.1f} times" if times else "",
            ]
        )
    head, *rest = table(rows, frozenset({1, 2, 3, 4, 5}))
    lines = [
        paint(f"{result['package']}: {one_line(ran)}, fresh processes from start to exit", "bold"),
        f"  {paint(head, 'dim')}",
        *(f"  {paint(line, 'green') if line.startswith(IMAGE) else line}" for line in rest),
        f"compiled: {result['compiled'][NO_CACHE]} without, {result['compiled'][IMAGE]} with the "
        f"image, which answered {result['answered']}",
    ]
    if not result["numba_cache_used"]:
        lines.append("Numba's cache: the package uses none, so it has no line")
    versions = ", ".join(
        f"{name} {on[name]}" for name in ("python", "numba", "llvmlite", "numpy", "packageimage")
    )
    return [*lines, f"{on['cpu']}, {on['cpus']} CPUs, {on['platform']}, {on['system']}", versions]
