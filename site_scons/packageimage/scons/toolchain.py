"""What runs the stages: the interpreter that an environment names, asked once.

The answer is kept from one build to the next while the interpreter and the folders that it imports
from stay as they are: installing a package changes its folder.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from SCons.Util import flatten

from packageimage.fingerprint import Toolchain
from packageimage.model.base_image import BaseImage
from packageimage.model.cpu_selection import HostCPU
from packageimage.model.errors import PackageImageError, one_line
from packageimage.remembered import Answer, remembered

_LIBRARY = str(Path(__file__).resolve().parents[1])
# Variables that decide what the interpreter imports, and which libraries it loads.
_TELLING = ("PYTHON", "LD_", "DYLD_", "HOME", "USERPROFILE", "APPDATA", "VIRTUAL_ENV")
_ASKING = ("stages/toolchain.py", "stages/base_image.py", "model/base_image.py")


def toolchain(env: Any, host_cpu: bool = False) -> Toolchain:
    """Raises PackageImageError when the interpreter cannot run the stages."""
    return _measure(
        env.subst("$PKGIMAGE_PYTHON"), tuple(sorted(_stage_environment(env).items())), host_cpu
    )


def _stage_environment(env: Any) -> dict[str, str]:
    # As SCons runs commands: lists are search paths.
    return {
        name: value if isinstance(value, str) else os.pathsep.join(map(str, flatten([value])))
        for name, value in env["ENV"].items()
    }


@functools.cache
def _measure(python: str, environment: tuple[tuple[str, str], ...], host_cpu: bool) -> Toolchain:
    program = shutil.which(python, path=dict(environment).get("PATH", ""))
    cpu = _cpu_identity() if host_cpu else ""
    if program is None or (host_cpu and not cpu):
        found = _ask(python, environment, host_cpu)
    else:
        program = os.path.abspath(program)
        settings = [item for item in environment if item[0].startswith(_TELLING)]
        question = ["toolchain", program, os.getcwd(), settings, host_cpu, cpu]

        def ask() -> Answer:
            answer = _ask(python, environment, host_cpu)
            return answer, [*_files_behind(program), *answer["depends_on"]]

        # As JSON has it, tuples are lists.
        found = remembered(json.loads(json.dumps(question)), ask)
    host = found.get("host_cpu")
    return Toolchain(
        BaseImage(**found["base"]),
        found["versions"],
        tuple(found["search_path"]),
        HostCPU(host["name"], frozenset(host["features"])) if host else None,
    )


def _files_behind(program: str) -> list[str]:
    """The interpreter, what makes it a virtual environment's, and the code that asks it."""
    beside = os.path.dirname(program)
    return [
        program,
        os.path.realpath(program),
        os.path.join(beside, "pyvenv.cfg"),
        os.path.join(os.path.dirname(beside), "pyvenv.cfg"),
        *(os.path.join(_LIBRARY, *file.split("/")) for file in _ASKING),
    ]


def _cpu_identity() -> str:
    """What tells this machine's CPU from another one; empty where that cannot be read."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # Of the first processor; what follows the frequency and such changes all the time.
    telling = ("vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU ")
    lines = text.partition("\n\n")[0].splitlines()
    return "\n".join(line for line in lines if line.startswith(telling))


def _ask(python: str, environment: tuple[tuple[str, str], ...], host_cpu: bool) -> dict[str, Any]:
    """Measure it in a process of its own."""
    command = [python, "-P", "-m", "packageimage.stages.toolchain", *["--host-cpu"] * host_cpu]
    try:
        done = subprocess.run(
            command, env=dict(environment), capture_output=True, text=True, encoding="utf-8"
        )
    except OSError as error:
        raise PackageImageError(
            f"PKGIMAGE_PYTHON: {one_line(python)}: {error.strerror}; name the interpreter that has "
            "packageimage[build] installed"
        ) from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise PackageImageError(
            f"PKGIMAGE_PYTHON: {one_line(python)} cannot run the stages: {one_line(last)}; "
            "install packageimage[build] for it"
        )
    found: dict[str, Any] = json.loads(done.stdout)
    if "error" in found:
        raise PackageImageError(f"PKGIMAGE_PYTHON: {one_line(python)}: {found['error']}")
    return found
