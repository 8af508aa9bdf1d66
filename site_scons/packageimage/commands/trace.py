"""Run a program and record what it compiles, as a workload that `pkgimage build` takes.

    pkgimage trace -o workload.py -- python app.py
    pkgimage build kernels --workload workload.py

PROGRAM is any command; a file that ends in .py is run with this Python. Its Python subprocesses are
traced too, unless they leave out PYTHONPATH (-I, -E, -P does not). The file has a line for each
function and types, grouped by package; what cannot be written is a comment with the reason.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import packageimage

from ..model.errors import PackageImageError, one_line
from ..tracing.recorder import SKIP_VARIABLE, TRACE_VARIABLE
from ..tracing.workload import chosen, read_lines, workload_text
from .output import add_json, document

EXIT_CODES = {0: "the program's own code", 130: "interrupted, as the program was"}

# Python runs a module of this name at its start. This one is in a folder of its own that is first
# on the traced program's path; it goes away and lets the environment's own one run.
_START = """\
import importlib.machinery, importlib.util, os, sys
here = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
try:
    library = {library!r}
    sys.path.insert(0, library)
    try:
        from packageimage.tracing import recorder
    finally:
        sys.path.remove(library)
    if os.environ.get({variable!r}):
        recorder.start(os.environ[{variable!r}])
except Exception as error:
    print(f"pkgimage: error: cannot trace {{sys.executable}}: {{error}}", file=sys.stderr)
spec = importlib.machinery.PathFinder.find_spec("sitecustomize")
if spec is not None:
    module = sys.modules["sitecustomize"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", default="workload.py", metavar="FILE", help="default: workload.py"
    )
    parser.add_argument(
        "--package",
        action="append",
        default=[],
        metavar="NAME",
        help="record functions of it alone; may be given more than once; default: all packages",
    )
    parser.add_argument(
        "--images",
        choices=("use", "skip", "no"),
        default="use",
        help="use: record what images answer as well (the default); skip: leave that out, so that "
        "what images lack is recorded; no: run the program without images",
    )
    add_json(parser)
    parser.add_argument("program", metavar="PROGRAM", help="command to run, after --")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the program's own")


def run(args: argparse.Namespace) -> int:
    """The program's exit code. Raises PackageImageError when it cannot be run or nothing written.

    With --json the program's own output goes to standard error.
    """
    words = [args.program, *args.arguments]
    if words[0] == "--":
        words = words[1:]
    if not words:
        raise PackageImageError("expected a program to trace, found none; try: -- python app.py")
    command = _command(words, os.environ)
    with tempfile.TemporaryDirectory(prefix="pkgimage-trace-") as folder:
        records, start = Path(folder, "records"), Path(folder, "start")
        records.mkdir()
        start.mkdir()
        library = str(Path(packageimage.__file__).resolve().parents[1])
        (start / "sitecustomize.py").write_text(
            _START.format(library=library, variable=TRACE_VARIABLE), encoding="utf-8"
        )
        environ = _environment(os.environ, start, records, args.images)
        code = _run(command, environ, sys.stderr if args.json else None)
        texts = [
            path.read_text(encoding="utf-8", errors="replace")
            for path in sorted(records.glob("*.jsonl"))
        ]
    traced = chosen(read_lines(texts), args.package)
    try:
        Path(args.output).write_text(workload_text(traced, _shown(words)), encoding="utf-8")
    except OSError as error:
        raise PackageImageError(
            f"expected to write {one_line(args.output)}, found {error.strerror}; name another "
            "file with -o"
        ) from None
    written = sum(each.written for each in traced)
    if args.json:
        rows = [each.as_dict() for each in traced]
        print(document("trace", output=args.output, exit_code=code, specialisations=rows))
    else:
        left = f", {len(traced) - written} that cannot be written" if written < len(traced) else ""
        print(
            f"pkgimage: {args.output}: {written} specialisation{'s' * (written != 1)}{left}",
            file=sys.stderr,
        )
    return code


def _command(words: list[str], environ: Mapping[str, str]) -> list[str]:
    """The command line to run: this Python's folder comes before PATH."""
    program = words[0]
    if program.endswith(".py"):
        if not Path(program).is_file():
            raise PackageImageError(
                f"expected a program to run, found no file {one_line(program)}: check the name"
            )
        return [sys.executable, *words]
    here = os.path.dirname(sys.executable)
    path = os.pathsep.join([here, environ.get("PATH", os.defpath)])
    found = shutil.which(program, path=path)
    if found is None:
        raise PackageImageError(
            f"expected a program to run, found none called {one_line(program)}: check the name"
        )
    return [found, *words[1:]]


def _environment(
    environ: Mapping[str, str], start: Path, records: Path, images: str
) -> dict[str, str]:
    path = environ.get("PYTHONPATH", "")
    changed = {
        **environ,
        "PYTHONPATH": f"{start}{os.pathsep}{path}" if path else str(start),
        TRACE_VARIABLE: str(records),
    }
    if images == "no":
        changed["PKGIMAGE"] = "no"
    # Functions of restored modules run without Numba, where nobody would see them.
    changed["PKGIMAGE_RESTORE"] = "no"
    if images == "skip":
        changed[SKIP_VARIABLE] = "1"
    return changed


def _run(command: list[str], environ: dict[str, str], output: object) -> int:
    """Run to the end, also when the user interrupts it: what it has compiled is recorded then."""
    try:
        with subprocess.Popen(command, env=environ, stdout=output) as child:  # type: ignore[call-overload]
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                code = int(child.wait())
            finally:
                signal.signal(signal.SIGINT, before)
    except OSError as error:
        raise PackageImageError(
            f"expected to run {one_line(command[0])}, found {error.strerror}"
        ) from None
    return code if code >= 0 else 128 - code


def _shown(words: list[str]) -> str:
    import shlex

    return shlex.join(words)
