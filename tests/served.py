"""Runs many short programs, each in a process forked from one that has imported what they use.

One server runs them under plain Numba, with the package compiled once; another with images, where
each program imports the package itself. So a program takes 20 ms and not seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from image_build import environment

_SERVING = """
import contextlib, io, json, os, sys, traceback, warnings
import numpy
package = sys.argv[2]
if sys.argv[1] == "plain":
    __import__(package)
else:
    import packageimage
    session = packageimage.enable()

def run(text):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(compile(text, "program", "exec"), {"__name__": "__main__"})
        except BaseException:
            out.write(traceback.format_exc())
    told = {"output": out.getvalue(), "numba": "numba" in sys.modules,
            "warnings": [str(w.message) for w in caught]}
    if sys.argv[1] != "plain":
        told |= {"misses": session.misses, "restored": session.restored}
    return told

for line in sys.stdin:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        with open(writer, "w") as file:
            json.dump(run(json.loads(line)), file)
        os._exit(0)
    os.close(writer)
    with open(reader) as file:
        told = file.read()
    _, status = os.waitpid(pid, 0)
    print(told or json.dumps({"output": f"exit {os.waitstatus_to_exitcode(status)}"}), flush=True)
"""


class Served:
    """Use as a context manager. depot: None for plain Numba."""

    def __init__(self, home: Path, package: str, depot: Path | None, *paths: Path) -> None:
        settings = {} if depot is None else {"PKGIMAGE_DEPOT_PATH": str(depot)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVING, "restored" if depot else "plain", package],
            env=environment(home, *paths, **settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()

    def run(self, text: str) -> dict[str, Any]:
        """What a program printed, whether Numba was imported in the end, and warnings."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(text) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer
