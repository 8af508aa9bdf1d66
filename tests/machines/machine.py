"""What a machine is to a test: a Python that runs programs, and how that Python names files."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Value = str | Path | Sequence[Path]

# Lists of folders, joined with the separator of the machine that reads them.
_PATH_LISTS = ("PYTHONPATH", "PKGIMAGE_DEPOT_PATH")
# What the caller has set must not decide what a machine does, nor send its Python to modules of
# the host's.
_CALLERS_OWN = (
    "NUMBA_", "OPENBLAS_", "PKGIMAGE", "PYTHON", "QEMU_", "SCONS", "VIRTUAL_ENV", "WINE", "XDG_",
)  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """A machine of `platform` whose Python is started by `command`.

    builder: the Python of this host, with the machine's versions of Numba, llvmlite and NumPy and
    the `[build]` extra, that builds images for it. environ: what its programs get whatever a test
    says. paths: folders that always lead its PYTHONPATH. drive: what stands before this host's
    paths there. separator: what joins lists of folders there.
    """

    name: str
    platform: str
    command: tuple[str, ...]
    builder: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    paths: tuple[Path, ...] = ()
    drive: str = ""
    separator: str = os.pathsep

    def __str__(self) -> str:
        return self.name

    def path(self, path: str | Path) -> str:
        """How programs on the machine name this host's file; relative paths stay relative."""
        text = str(path)
        if not self.drive:
            return text
        return (self.drive if text.startswith("/") else "") + text.replace("/", "\\")

    def environment(self, env: Mapping[str, Value] | None = None) -> dict[str, str]:
        """The environment of its programs: the caller's without settings, `env`, the machine's.

        Paths and sequences of paths in `env` become the machine's, and so do PYTHONPATH and
        PKGIMAGE_DEPOT_PATH in this host's notation (as `image_build.environment` gives them);
        other strings stay as they are.
        """
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(_CALLERS_OWN)
        }
        given = dict(env or {})
        for name in _PATH_LISTS:
            value = given.get(name)
            if isinstance(value, str):
                given[name] = [Path(entry) for entry in value.split(os.pathsep) if entry]
        if self.paths:
            after = given.get("PYTHONPATH", ())
            given["PYTHONPATH"] = [*self.paths, *([after] if isinstance(after, Path) else after)]
        return kept | {name: self._value(v) for name, v in given.items()} | dict(self.environ)

    def python(
        self,
        *arguments: str | Path,
        env: Mapping[str, Value] | None = None,
        cwd: Path | None = None,
        timeout: float = 300,
    ) -> subprocess.CompletedProcess[str]:
        """Run the machine's Python; arguments that are paths become the machine's.

        `env` as `environment` takes it. The exit code is the caller's to check: a program that
        a signal or an exception of the CPU ended has one that is not 0.

        Raises subprocess.TimeoutExpired after `timeout` seconds.
        """
        words = [self.path(word) if isinstance(word, Path) else word for word in arguments]
        # Pipes also because Wine's Python can't write to a Unix file or terminal.
        return subprocess.run(
            [*self.command, *words],
            env=self.environment(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",
            timeout=timeout,
            check=False,
        )

    def _value(self, value: Value) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, Path):
            return self.path(value)
        return self.separator.join(map(self.path, value))
