"""What runs the stages: the interpreter that an environment names, asked once."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from typing import Any

from SCons.Util import flatten

from packageimage.fingerprint import Toolchain
from packageimage.model.base_image import BaseImage
from packageimage.model.cpu_selection import HostCPU
from packageimage.model.errors import PackageImageError, one_line


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
    found = json.loads(done.stdout)
    if "error" in found:
        raise PackageImageError(f"PKGIMAGE_PYTHON: {one_line(python)}: {found['error']}")
    host = found.get("host_cpu")
    return Toolchain(
        BaseImage(**found["base"]),
        found["versions"],
        tuple(found["search_path"]),
        HostCPU(host["name"], frozenset(host["features"])) if host else None,
    )
