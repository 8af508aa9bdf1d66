"""Serialize: run the capture worker in a clean process and hand on what it says.

The worker's environment is made, not inherited: a fixed hash seed, and no NUMBA_ variable of the
caller, so that the capture depends on the declared inputs alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..model.errors import PackageImageError, one_line
from ..model.flags import parse_flags
from .worker import EXIT_EDITED, EXIT_PACKAGE_ERROR, EXIT_USER_ERROR

_LOG_TAIL_LINES = 20
_MOST_ATTEMPTS = 3  # while sources are edited


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--package", required=True, help="import name of the package")
    parser.add_argument("--path", action="append", default=[], help="folder to put on sys.path")
    parser.add_argument("--workload", action="append", default=[], help="file to run")
    parser.add_argument("--flags", default="", help="cache flags, as in PKGIMAGE_FLAGS")
    parser.add_argument(
        "--restore", action="append", default=[], metavar="MODULE",
        help="keep what it holds after its import, for processes in which its source does not run; "
        "all for all modules of the package",
    )  # fmt: skip
    parser.add_argument(
        "--preference", action="append", default=[], metavar="NAME=VALUE",
        help="an environment variable that the sources read, and its value",
    )  # fmt: skip
    parser.add_argument("--partitions", type=int, default=1, help="number of bitcode modules")
    parser.add_argument(
        "--require", action="append", default=[], metavar="NAME=FILE",
        help="a package with an image of its own, and the id of its capture",
    )  # fmt: skip
    parser.add_argument("--output", required=True, help="FOLDER/NAME of the files")


def run(args: argparse.Namespace) -> None:
    """Raises PackageImageError for a user's mistake; nothing is written then."""
    flags = parse_flags(args.flags)
    if args.partitions < 1:
        raise PackageImageError(
            f"expected at least one partition, found {args.partitions}: give --partitions 1 or more"
        )
    for workload in args.workload:
        if not Path(workload).is_file():
            raise PackageImageError(
                f"expected a workload file, found none at {workload}: check the name"
            )
    output = Path(args.output).absolute()
    output.parent.mkdir(parents=True, exist_ok=True)
    log = output.parent / f"{output.name}.workload.log"
    request = {
        "package": args.package,
        "paths": [str(Path(path).absolute()) for path in args.path],
        "workloads": [str(Path(workload).absolute()) for workload in args.workload],
        "flags": str(flags),
        "partitions": args.partitions,
        "output": str(output),
        "log": str(log),
        "requires": dict(map(_read_require, args.require)),
        "restore": args.restore,
        "preferences": dict(map(_read_preference, args.preference)),
    }
    for _ in range(_MOST_ATTEMPTS):
        code = _run_worker(request | {"use_store": True})
        if code not in (0, EXIT_USER_ERROR, EXIT_PACKAGE_ERROR, EXIT_EDITED):
            # Also when it died: what has answered from the store may have killed it.
            code = _run_worker(request | {"use_store": False})
        if code != EXIT_EDITED:
            break
    if code != 0:
        _fail(code, args.package, log)


def _read_require(text: str) -> tuple[str, str]:
    name, _, file = text.partition("=")
    if not name or not file:
        raise PackageImageError(f"--require: expected NAME=FILE, found {one_line(text)!r}")
    return name, Path(file).read_text(encoding="ascii").strip()


def _read_preference(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name.isidentifier() or not equals:
        raise PackageImageError(f"--preference: expected NAME=VALUE, found {one_line(text)!r}")
    return name, value


def _run_worker(request: dict[str, Any]) -> int:
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8", delete=False) as file:
        json.dump(request, file)
    try:
        result = subprocess.run(
            [sys.executable, "-P", "-m", "packageimage.stages.worker", file.name],
            env=_environment() | {k: v for k, v in request["preferences"].items() if v},
            check=False,
        )
    finally:
        os.unlink(file.name)
    return result.returncode


def _environment() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NUMBA_", "PKGIMAGE", "PYTHONHASHSEED", "COVERAGE"))
    }
    library = str(Path(__file__).resolve().parents[2])
    path = kept.get("PYTHONPATH", "")
    kept["PYTHONPATH"] = f"{library}{os.pathsep}{path}" if path else library
    kept["PYTHONHASHSEED"] = "0"
    kept["PKGIMAGE"] = "no"
    return kept


def _fail(code: int, package: str, log: Path) -> None:
    if code == EXIT_EDITED:
        raise PackageImageError(
            f"expected the sources of {package!r} to stay as they are while it runs, found that "
            f"they were edited {_MOST_ATTEMPTS} times: build again"
        )
    if code not in (EXIT_USER_ERROR, EXIT_PACKAGE_ERROR):
        print(_tail(log), file=sys.stderr, end="")
        died = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise PackageImageError(
            f"expected the capture of {package!r} to end, found {died}: run its workload under "
            "plain Numba to see whether it fails there too"
        )
    raise SystemExit(2)  # the worker has said why


def _tail(log: Path) -> str:
    if not log.is_file():
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "".join(f"{line}\n" for line in lines[-_LOG_TAIL_LINES:])
