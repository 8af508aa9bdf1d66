"""What this machine can build and run, and what to install for the rest."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import shutil
import sys
from pathlib import Path

from ..flavors import lld_flavors
from ..image_names import depot_path
from ..model.errors import PackageImageError
from ..model.platform import PLATFORMS, Platform, host_platform
from ..model.record import Record
from .enable import pth_file
from .output import Paint, add_json, document

EXIT_CODES = {
    0: "images for this machine can be built and used here",
    1: "something that this takes is missing",
}

# What the base image is made of, then what only building needs.
_BASE = ("numpy", "numba", "llvmlite")
_BUILD = ("scons", "pyelftools", "macholib", "pefile")

# Programs that run another platform's Python here.
_EMULATORS = {
    ("linux", "aarch64"): "qemu-aarch64",
    ("linux", "riscv64"): "qemu-riscv64",
    ("linux", "x86_64"): "qemu-x86_64",
    ("windows", "x86_64"): "wine64",
}


class Check(Record):
    """One thing that was looked at: what it is for, what was found, and what to do if it lacks.

    section: "python", "build", "run" or "session".
    """

    section: str
    name: str
    found: str
    advice: str = ""

    @property
    def ok(self) -> bool:
        return not self.advice


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 when images for this machine can be built and used here, else 1."""
    checks = examine()
    needed = ("python", "build-tools", f"build {_host_name()}")
    ready = all(check.ok for check in checks if _group(check) in needed)
    if args.json:
        rows = [{**check.as_dict(), "ok": check.ok} for check in checks]
        print(document("doctor", ready=ready, checks=rows))
    else:
        print("\n".join(lines(checks, Paint.of(os.environ))))
    return 0 if ready else 1


def _group(check: Check) -> str:
    return f"build {check.name}" if check.section == "build" else check.section


def examine() -> list[Check]:
    """Look at everything."""
    return [*_python(), *_tools(), *map(_linker, PLATFORMS.values()), *_runs(), *_session()]


_MARKS = {"ok": "green", "missing": "red", "no": "dim"}


def lines(checks: list[Check], paint: Paint | None = None) -> list[str]:
    """For a person: sections with a line for each check, and what to do below it."""
    titles = {
        "python": "Python and the base image",
        "build-tools": "Building needs",
        "build": "Platforms that images can be linked for",
        "run": "Platforms whose images can run here",
        "session": "Sessions",
    }
    paint = paint or Paint(False)
    width = max(len(check.name) for check in checks)
    result = []
    for section, title in titles.items():
        result.append(paint(f"{title}:", "bold"))
        for check in checks:
            if check.section == section:
                mark = "ok" if check.ok else "no" if section == "run" else "missing"
                shown = paint(f"{mark:<7}", _MARKS[mark])
                result.append(f"  {shown} {check.name:<{width}}  {check.found}".rstrip())
                result += [f"          {check.advice}"] if check.advice else []
    return result


def _host_name() -> str:
    try:
        return host_platform().name
    except PackageImageError:
        return ""


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _python() -> list[Check]:
    found = f"{sys.implementation.name} {sys.version.split()[0]} in {sys.prefix}"
    try:
        platform = Check("python", "platform", str(host_platform()))
    except PackageImageError as error:
        platform = Check("python", "platform", "none that there are images for", str(error))
    return [
        Check("python", "python", found),
        platform,
        *(_distribution("python", name, f"pip install {name}") for name in _BASE),
    ]


def _tools() -> list[Check]:
    advice = "pip install 'packageimage[build]'"
    return [_distribution("build-tools", name, advice) for name in _BUILD]


def _distribution(section: str, name: str, advice: str) -> Check:
    version = _version(name)
    return Check(section, name, version or "not installed", "" if version else advice)


def _linker(platform: Platform) -> Check:
    """With which linker and flavor the platform's images are linked here."""
    flavors = lld_flavors()
    kinds = flavors.kinds_for(platform.object_format)
    try:
        linker = lld_flavors("detect").find_linker(os.environ, kinds)
        name, flavor = flavors.flavor_for(platform.object_format, linker)
        flavor.machine_args(platform)
    except PackageImageError as error:
        return Check("build", platform.name, "no linker", str(error))
    return Check("build", platform.name, f"{linker}, flavor {name}")


def _runs() -> list[Check]:
    host = _host_name()
    found = []
    for platform in PLATFORMS.values():
        emulator = _EMULATORS.get((platform.os, platform.arch), "")
        path = shutil.which(emulator) if emulator else None
        if platform.name == host:
            found.append(Check("run", platform.name, "this machine"))
        elif path:
            found.append(Check("run", platform.name, f"through {path}, with a Python for it"))
        else:
            wanted = f"a machine of that kind, or {emulator}" if emulator else "such a machine"
            found.append(Check("run", platform.name, "not here", f"needs {wanted}"))
    return found


def _session() -> list[Check]:
    path = depot_path(os.environ)
    enabled = pth_file().exists()
    return [
        Check("session", "depots", os.pathsep.join(map(_shown, path)) or "none"),
        Check(
            "session",
            "enabled",
            "in every process of this environment" if enabled else "by `pkgimage run` alone",
        ),
    ]


def _shown(depot: Path) -> str:
    return str(depot) if depot.is_dir() else f"{depot} (does not exist yet)"
