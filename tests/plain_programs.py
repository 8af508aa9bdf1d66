"""Programs under plain Numba, each in a process forked from one that has compiled something.

So a run takes a second less, which Numba needs for its import and its first function. Otherwise it
is the same: a process with its own output, folder and environment, that ends as Python does.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_SERVING = """
import gc, json, os, sys
import numba, numpy
numba.njit(lambda a: a.sum() + 1)(numpy.zeros(1))
gc.freeze()  # or collections write to all pages, which then have to be copied
for line in sys.stdin:
    request = json.loads(line)
    child = os.fork()
    if child == 0:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    os._exit(0)
for number, name in enumerate([os.devnull, request["output"], request["error"]]):
    os.dup2(os.open(name, os.O_RDWR), number)
os.chdir(request["folder"])
os.environ.clear()
os.environ.update(request["environment"])
sys.path[1:1] = request["paths"]
sys.argv = [request["program"]]
del line, child, request, number, name
import runpy
runpy.run_path(sys.argv[0], run_name="__main__")
"""


# What would have a say when the server imports Numba.
_OURS = ("NUMBA_", "PKGIMAGE", "PYTHON", "XDG_", "SCONS")


@functools.cache
def _server(owner: int) -> subprocess.Popen[str]:
    """Of this process, not of one that it was forked from."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVING],
        env={**kept, "PYTHONWARNINGS": "ignore"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def end() -> None:
        if os.getpid() == owner:
            server.communicate()  # it ends with its input

    atexit.register(end)
    return server


def run(program: Path, paths: tuple[str, ...], environment: dict[str, str]) -> str:
    """A program's output. Raises subprocess.CalledProcessError when it does not end well."""
    server = _server(os.getpid())
    assert server.stdin and server.stdout
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder, name) for name in ("output", "error")}
        for file in files.values():
            file.touch()
        request = {
            "program": str(program), "paths": paths, "environment": environment,
            "folder": os.getcwd(), **{name: str(file) for name, file in files.items()},
        }  # fmt: skip
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        output, error = (file.read_text() for file in files.values())
    if code:
        raise subprocess.CalledProcessError(code, [str(program)], output, error)
    return output
