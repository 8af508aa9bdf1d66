"""windows-x86_64: the real CPython for Windows, assembled from wheels, run by Wine.

Its Windows parts come from the wheel of panda3d, which carries a whole Python to deploy programs
with; the modules in Python are this host's. See facts/platforms.md for how that was found.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import llvmlite.binding as llvm

from .build_environment import OLD_NUMPY, python_with_old_numpy
from .cache import PreparationError, locked, made, root, run, tool
from .machine import Machine
from .versions import PYTHON, base_requirements, require_python
from .wheels import compile_bytecode, download_foreign, install_foreign

NAME = "windows-x86_64"
_PANDA3D = "panda3d==1.10.16"  # with CPython 3.11.9
_DLL = f"python{PYTHON[0]}{PYTHON[1]}.dll"
# python.exe. Its imports are linked from the DLLs themselves: MinGW's start-up code and import
# libraries would have to be compiled first, which takes Zig 45 s.
_LAUNCHER = """
target triple = "x86_64-pc-windows-gnu"
declare dllimport i32 @_configure_wide_argv(i32)
declare dllimport ptr @__p___argc()
declare dllimport ptr @__p___wargv()
declare dllimport i32 @Py_Main(i32, ptr)
declare dllimport void @exit(i32)
define void @start() {
  call i32 @_configure_wide_argv(i32 1)
  %argc.place = call ptr @__p___argc()
  %argc = load i32, ptr %argc.place
  %argv.place = call ptr @__p___wargv()
  %argv = load ptr, ptr %argv.place
  %code = call i32 @Py_Main(i32 %argc, ptr %argv)
  call void @exit(i32 %code)
  ret void
}
"""
_RUNTIME = "api-ms-win-crt-runtime-l1-1-0.dll"
_LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "site-packages", "dist-packages", "lib-dynload", "test", "idlelib", "*.so",
    "config-*", "_sysconfigdata*",
)  # fmt: skip
_WINE_FOLDERS = ("/usr/lib/wine",)  # Debian's wine64 alone puts nothing on PATH
# No Mono, no Gecko and no menu entries: nobody wants them here, and making a prefix would.
_OVERRIDES = "mscoree,mshtml=;winemenubuilder.exe=d"
_QUIET = {"WINEDEBUG": "-all", "WINEDLLOVERRIDES": _OVERRIDES}


def machine() -> Machine:
    """The machine, made when it is not in the cache. Raises Unavailable, PreparationError.

    Each call of its Python takes seconds unless `server_running` holds.
    """
    require_python()
    wine = _wine()
    requirements = base_requirements(OLD_NUMPY)
    builder = python_with_old_numpy()

    def make_python(folder: Path) -> None:
        _assemble(folder)
        install_foreign(folder / "Lib/site-packages", requirements, ["win_amd64"])

    recipe = (Path(__file__).read_bytes(), sys.version, *requirements)
    python = made(NAME, recipe, make_python)
    return Machine(
        name=NAME,
        platform=NAME,
        command=(wine, str(python / "python.exe")),
        builder=builder,
        environ={
            **_QUIET,
            "WINEPREFIX": str(_prefix()),
            "PYTHONUTF8": "1",
            # Wine shows a folder with the sticky bit as one that everybody can write.
            "PKGIMAGE_TRUST": "anyone",
        },
        drive="Z:",
        separator=";",
    )


@contextlib.contextmanager
def server_running(machine: Machine) -> Iterator[None]:
    """Keep one wineserver alive; the last test session that uses it stops it."""
    server = _server()
    environ = {**os.environ, **machine.environ}
    lock = root() / "wineserver.lock"
    try:
        with locked(lock, shared=True):
            # It ends by itself should this session die.
            _silently([server, "-p120"], environ)
            # The first program starts Wine's services, which inherit its outputs: a pipe of ours
            # would not close before they end.
            _silently([*machine.command, "-c", ""], environ)
            yield
    finally:
        with contextlib.suppress(BlockingIOError), locked(lock, wait=False):
            _stop(server, environ)


def _wine() -> str:
    return tool("wine64", "wine64", *_WINE_FOLDERS)


def _server() -> str:
    return tool("wineserver64", "wine64", *_WINE_FOLDERS)


def _prefix() -> Path:
    """Wine's C: drive and registry, made when they are not in the cache."""
    wine, server = _wine(), _server()
    version = run([wine, "--version"], env={**os.environ, **_QUIET})

    def make(folder: Path) -> None:
        environ = {**os.environ, **_QUIET, "WINEPREFIX": str(folder / "prefix")}
        # To files, not pipes: the services that it starts outlive it and hold its outputs.
        with (folder / "wineboot.log").open("wb") as log:
            done = subprocess.run(
                [wine, "wineboot", "--init"],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=300,
                check=False,
            )
        _stop(server, environ)
        if done.returncode:
            said = (folder / "wineboot.log").read_text(errors="backslashreplace")
            raise PreparationError(f"wineboot: exit code {done.returncode}\n{said}")

    return made("wine-prefix", (_OVERRIDES, version), make) / "prefix"


def _stop(server: str, environ: Mapping[str, str]) -> None:
    """End the prefix's wineserver and wait until it has written the registry."""
    for word in ("-k", "-w"):
        _silently([server, word], environ)


def _silently(command: Sequence[str], environ: Mapping[str, str]) -> None:
    detached = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    subprocess.run(command, env=dict(environ), timeout=120, check=False, **detached)


def _assemble(folder: Path) -> None:
    """Put together what Python's own installer for Windows would."""
    work = folder / "work"
    libraries = folder / "DLLs"
    libraries.mkdir()
    with zipfile.ZipFile(download_foreign(work, _PANDA3D, ["win_amd64"])) as wheel:
        for member in wheel.namelist():
            start, _, name = member.partition("deploy_libs/")
            if start or not name.lower().endswith((".dll", ".pyd")):
                continue
            if name.startswith("api-ms-win-crt"):  # Wine has its own C runtime
                (work / name).write_bytes(wheel.read(member))
                continue
            # Beside python.exe, where LoadLibrary looks first; extension modules in DLLs, with
            # what they need.
            beside = name.lower() in (_DLL, "vcruntime140.dll", "vcruntime140_1.dll")
            (folder if beside else libraries).joinpath(name).write_bytes(wheel.read(member))
    shutil.copytree(sysconfig.get_path("stdlib"), folder / "Lib", ignore=_LEFT_OUT)
    compile_bytecode(folder / "Lib")
    _link_launcher(folder / "python.exe", work, folder / _DLL)
    shutil.rmtree(work)


def _link_launcher(output: Path, work: Path, dll: Path) -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module = llvm.parse_assembly(_LAUNCHER)
    target = llvm.Target.from_triple(module.triple)
    (work / "python.o").write_bytes(target.create_target_machine().emit_object(module))
    run(
        [
            sys.executable, "-m", "ziglang", "lld-link", "-lldmingw", "-machine:x64",
            "-subsystem:console", "-stack:4194304", "-entry:start", "-nodefaultlib",
            "-timestamp:0", f"-out:{output}", work / "python.o", dll, work / _RUNTIME,
        ]
    )  # fmt: skip
