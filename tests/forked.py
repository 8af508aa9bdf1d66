"""Runs a program many times, each in a process of its own that starts with what takes long done.

A process that has imported nothing but the standard library, and one that has imported Numba and
compiled with it, are forked for each run. So a run takes 10 ms and not 800.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from image_build import environment

_FORKING = """
import json, os, sys, tempfile
import runpy, warnings
import packageimage
warnings.simplefilter("ignore")
if sys.argv[1] == "numba":
    import numba
    numba.njit(lambda x: x + 1)(1)

def child(request, result):
    out = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.environ.update(request["settings"])
    session = packageimage.enable([request["depot"]])
    runpy.run_path(request["program"], run_name="__main__")
    sys.stdout.flush()
    told = {
        "rejections": [rejection.kind.value for rejection in session.rejections],
        "loaded": sorted(session.loaded),
        "restored": session.restored,
    }
    os.write(result, json.dumps(told).encode())

for line in sys.stdin:
    request = json.loads(line)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reader)
            child(request, writer)
            code = 0
        except BaseException:
            import traceback
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    os.close(writer)
    with open(reader, "rb") as file:
        told = file.read()
    _, status = os.waitpid(pid, 0)
    answer = {"code": os.waitstatus_to_exitcode(status), "told": json.loads(told or b"{}")}
    print(json.dumps(answer), flush=True)
"""


@dataclass(frozen=True)
class Ran:
    """One run. code: negative for a signal. output: with what came on standard error."""

    output: str
    code: int
    rejections: tuple[str, ...]
    loaded: tuple[str, ...]
    restored: tuple[str, ...]


class Programs:
    """Use as a context manager. The programs find their packages in `source`."""

    def __init__(self, home: Path, source: Path, program: Path, name: str = "") -> None:
        """name: tells several of one home apart."""
        self._home, self._source, self._program, self._name = home, source, program, name
        self._forking: dict[bool, subprocess.Popen[str]] = {}

    def __enter__(self) -> Programs:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._forking.values():
            assert process.stdin
            process.stdin.close()
            process.wait()
            assert process.stdout
            process.stdout.close()

    def run(
        self, depot: Path, *, with_numba: bool, program: Path | None = None, **settings: str
    ) -> Ran:
        """Run the program, or another one, with the images of a depot."""
        process = self._process(with_numba)
        output = self._home / f"output-{self._name}-{with_numba}"
        request = {
            "depot": str(depot), "program": str(program or self._program), "output": str(output),
            "settings": settings,
        }  # fmt: skip
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        told = answer["told"]
        return Ran(
            output.read_text(),
            answer["code"],
            *(tuple(told.get(name, ())) for name in ("rejections", "loaded", "restored")),
        )

    def _process(self, with_numba: bool) -> subprocess.Popen[str]:
        if with_numba not in self._forking:
            self._forking[with_numba] = subprocess.Popen(
                [sys.executable, "-c", _FORKING, "numba" if with_numba else "alone"],
                env=environment(self._home, self._source),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        return self._forking[with_numba]
