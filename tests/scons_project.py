"""A project on disk whose SConstruct uses the tool, and SCons run on it as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SITE = REPOSITORY / "site_scons"
FAKE = Path(__file__).parent / "scons" / "fake_stages.py"

# What each stage prints, so that a test can say which ran.
SHOWN = """
    PKGIMAGESERIALIZECOMSTR="serialize $PKGIMAGE_PACKAGE",
    PKGIMAGEENTRIESCOMSTR="entries $PKGIMAGE_PACKAGE",
    PKGIMAGECODEGENCOMSTR="codegen $PKGIMAGE_PACKAGE $PKGIMAGE_PARTITION $PKGIMAGE_CPU",
    PKGIMAGEDATACOMSTR="data $PKGIMAGE_PACKAGE",
    PKGIMAGELINKCOMSTR="link $PKGIMAGE_PACKAGE",
    PKGIMAGEVERIFYCOMSTR="verify $PKGIMAGE_PACKAGE",
"""
FAKED = f"""
    PKGIMAGESTAGE='$( $_PKGIMAGEPYTHON $) -P -X pkgimage=$PKGIMAGE_MADEWITH "{FAKE}"',
"""

SCONSTRUCT = f"""
env = Environment(
    tools=["pkgimage"],
    PKGIMAGE_DEPOT=ARGUMENTS.get("depot", "depot"),
    PKGIMAGE_CPU_TARGETS=ARGUMENTS.get("targets", "generic;haswell;x86-64-v4"),
    PKGIMAGE_FLAGS=ARGUMENTS.get("flags", ""),
    PKGIMAGE_PARTITIONS=ARGUMENTS.get("partitions", "auto"),
    PKGIMAGE_PYTHON=ARGUMENTS.get("python", {sys.executable!r}),
    LLDVERSION=ARGUMENTS.get("lld", "19.1.7"),
    {FAKED}
    {SHOWN}
)
if "lldflags" in ARGUMENTS:
    env["LLDFLAGS"] = ARGUMENTS["lldflags"]
env.PrependENVPath("PYTHONPATH", ARGUMENTS.get("pythonpath", ""))
env.PackageImage("kernels", "src/kernels", workload="src/workload.py", platforms="linux-x86_64")
"""

FILES = {
    "SConstruct": SCONSTRUCT,
    "src/kernels/__init__.py": "from kernels.one import f\n",
    "src/kernels/one.py": "def f(x):\n    return x + 1\n",
    "src/workload.py": "import helper\n__import__('helper_' + 'b')\n",
    "src/helper.py": "number = 1\n",
    "src/helper_b.py": "number = 2\n",
}


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@dataclass(frozen=True)
class Project:
    """folder: holds the SConstruct and, beside what a test makes, an empty home."""

    folder: Path

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def scons(self, *words: str, environ: dict[str, str] | None = None) -> Outcome:
        command = [sys.executable, "-m", "SCons", "-Q", f"--site-dir={SITE}", *words]
        return self._run(command, environ or {})

    def ninja(self) -> Outcome:
        return self._run([sys.executable, "-m", "ninja", "-v"], {})

    def _run(self, command: list[str], environ: dict[str, str]) -> Outcome:
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=isolated(home) | environ,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def build(self, *words: str) -> list[str]:
        """Build, twice: the stages that ran the first time; nothing must run the second time."""
        first = self.scons(*words)
        assert (first.code, first.err) == (0, ""), first.out + first.err
        second = self.scons(*words)
        assert second == Outcome(0, "scons: `.' is up to date.\n", "")
        return first.lines if first != second else []

    def files(self, pattern: str) -> list[str]:
        return sorted(
            path.relative_to(self.folder).as_posix()
            for path in self.folder.glob(pattern)
            if path.is_file()
            and "__pycache__" not in path.parts
            and self.folder / "home" not in path.parents
        )


def isolated(home: Path) -> dict[str, str]:
    """The environment of a user with nothing set up. `~/.scons` would load as well."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return kept | {"HOME": str(home), "USERPROFILE": str(home), "XDG_CACHE_HOME": str(home / "c")}
