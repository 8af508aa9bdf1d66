"""Build the images of packages, installed ones or one's own, and publish them to a depot.

What is built is a SConstruct of a few lines in a folder of its own in the user's cache: the same
graph as in a project with a SConstruct. The folder stays, so that the next build of the same
packages makes only what has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import packageimage
from packageimage.commands.output import add_json, document
from packageimage.depot import user_cache_folder
from packageimage.locks import held
from packageimage.model.cpu_targets import help_text
from packageimage.model.errors import PackageImageError, one_line
from packageimage.model.flags import flags_from_environment
from packageimage.model.platform import Platform, host_platform, platforms_named
from packageimage.recipe import WHOLE_PACKAGE
from packageimage.status_line import StatusLine

# What the build says for this command alone, each at the start of a line.
EXIT_CODES = {1: "a stage failed for no mistake of the user's"}
_IMAGE_LINE = "pkgimage-image "
_PROGRESS_LINE = "pkgimage-progress "
_SUMMARY_LINE = "pkgimage-summary "


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("packages", nargs="+", metavar="PACKAGE", help="name, or path to a package")
    parser.add_argument(
        "--workload", action="append", default=[], metavar="FILE", help="run it, keep its functions"
    )
    parser.add_argument(
        "--platform",
        action="append",
        default=[],
        metavar="NAME",
        help="build for it, or for all of them (all); default: this machine's",
    )
    parser.add_argument(
        "--cpu-targets",
        action="append",
        default=[],
        metavar="[NAME=]STRING",
        help="for all platforms, or for those of that name or architecture; default: native for "
        "this machine's platform, generic for others; try: help",
    )
    parser.add_argument(
        "--flags", metavar="FLAGS", help="such as opt-level=2; default: what sessions here ask for"
    )
    parser.add_argument("--depot", metavar="DIR", help="where to publish; default: the first depot")
    parser.add_argument(
        "--path", action="append", default=[], metavar="DIR", help="look for packages here as well"
    )
    parser.add_argument(
        "--restore",
        action="append",
        nargs="?",
        const=WHOLE_PACKAGE,
        default=[],
        metavar="MODULE",
        help="keep what the module, or without a name each module that importing the package "
        "imports, holds after its import; its source does not run any more",
    )
    parser.add_argument(
        "--preference",
        action="append",
        default=[],
        metavar="NAME",
        help="an environment variable that the sources read: another value rejects the image",
    )
    parser.add_argument(
        "--partitions",
        type=int,
        metavar="N",
        help="parts that a package's code is compiled in; default: by its number of functions",
    )
    parser.add_argument(
        "--summary", action="store_true", help="tell at the end what was done for each image"
    )
    add_json(parser)
    parser.add_argument("-j", dest="jobs", type=int, metavar="N", help="processes; default: CPUs")


def run(args: argparse.Namespace) -> int:
    """Build; the exit code. Raises PackageImageError for what can be said before SCons starts."""
    if any(text.strip() == "help" for text in args.cpu_targets):
        archs = {
            platform.arch: None for name in args.platform for platform in platforms_named(name)
        }
        print("\n\n".join(map(help_text, archs or [host_platform().arch])))
        return 0
    if importlib.util.find_spec("SCons") is None:
        raise PackageImageError("building needs SCons; run: pip install 'packageimage[build]'")
    jobs = _cpus() if args.jobs is None else args.jobs
    if jobs < 1:
        raise PackageImageError(f"-j must be 1 or more, found {jobs}")
    request = Request.of(args)
    folder = user_cache_folder(os.environ) / "build" / request.folder_name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with held(folder / ".lock", f"the build of {', '.join(request.names)}") as lock:
            (folder / "SConstruct").write_text(request.sconstruct(), encoding="utf-8")
            return _scons(folder, jobs, args.json, lock)
    except KeyboardInterrupt:
        return 130  # SCons has had the same signal and has ended its children
    except OSError as error:
        raise PackageImageError(
            f"{one_line(error.filename or folder)}: {error.strerror}; builds are kept in "
            f"{one_line(folder)}, make it writable or set XDG_CACHE_HOME to another folder"
        ) from error


@dataclass(frozen=True)
class Request:
    """What was asked for. Paths are absolute: SCons runs in another folder."""

    packages: tuple[str, ...]
    workloads: tuple[str, ...]
    path: tuple[str, ...]
    platforms: tuple[str, ...]
    cpu_targets: str | dict[str, str]
    flags: str
    depot: str
    partitions: int | None
    summary: bool
    restore: tuple[str, ...] = ()
    preferences: tuple[str, ...] = ()

    @classmethod
    def of(cls, args: argparse.Namespace) -> Request:
        flags = str(flags_from_environment(os.environ)) if args.flags is None else args.flags
        return cls(
            tuple(os.path.abspath(name) if _is_path(name) else name for name in args.packages),
            tuple(os.path.abspath(name) for name in args.workload),
            tuple(os.path.abspath(name) for name in args.path),
            tuple(args.platform),
            _targets(args.cpu_targets, _platforms(args.platform)),
            flags,
            os.path.abspath(args.depot) if args.depot else "",
            args.partitions,
            args.summary,
            tuple(args.restore),
            tuple(args.preference),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The packages as they are called."""
        return tuple(os.path.basename(name).removesuffix(".py") for name in self.packages)

    @property
    def folder_name(self) -> str:
        """The build folder: one for each capture, so that other flags and CPUs share it."""
        key: list[object] = [self.packages, self.workloads, self.path, sys.executable]
        key += [part for part in (self.restore, self.preferences) if part]
        digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
        name = "-".join(os.path.basename(package) for package in self.packages)
        return f"{name[:48]}-{digest}"

    @property
    def _cpu_targets(self) -> str | dict[str, str]:
        if isinstance(self.cpu_targets, str):
            return _dollars(self.cpu_targets)
        return {_dollars(name): _dollars(text) for name, text in self.cpu_targets.items()}

    @property
    def _restore(self) -> bool | list[str]:
        return True if WHOLE_PACKAGE in self.restore else list(self.restore)

    def sconstruct(self) -> str:
        lines = [
            "# Written by `pkgimage build`, anew each time.",
            "import os",
            # Three times as quick as MD5 where the processor has instructions for it, which counts
            # for packages with much data.
            "SetOption('hash_format', 'sha256')",
            f"env = Environment(tools=['pkgimage'], toolpath=[{str(_tools())!r}],",
            "    ENV=dict(os.environ),",
            f"    PKGIMAGE_PYTHON={sys.executable!r},",
            f"    PKGIMAGE_PLATFORMS={[*map(_dollars, self.platforms)] or ''!r},",
            f"    PKGIMAGE_CPU_TARGETS={self._cpu_targets!r},",
            f"    PKGIMAGE_FLAGS={_literal(self.flags)},",
            f"    PKGIMAGE_RESTORE={self.restore != () and self._restore!r},",
            f"    PKGIMAGE_PREFERENCES={list(self.preferences)!r},",
            f"    PKGIMAGE_DEPOT={_literal(self.depot)},",
            *([] if self.partitions is None else [f"    PKGIMAGE_PARTITIONS={self.partitions},"]),
            f"    PKGIMAGE_SUMMARY={'lines' if self.summary else ''!r},",
            f"    PKGIMAGE_PROGRESS={'lines' if sys.stdout.isatty() else 'no'!r},",
            *(f"    PKGIMAGE{stage}COMSTR={text!r}," for stage, text in _SHOWN.items()),
            ")",
        ]
        for package in self.packages:
            name = os.path.basename(package).removesuffix(".py")
            lines += [
                f"image = env.PackageImage({_literal(name)}, {_literal(package)},",
                f"    workload={[_dollars(file) for file in self.workloads]!r},",
                f"    path={[_dollars(folder) for folder in self.path]!r})",
                "for file in image[::2]:",  # image and header of each platform in turn
                f"    print({_IMAGE_LINE + name!r}, file.abspath, flush=True)",
            ]
        return "\n".join([*lines, ""])


def _platforms(names: list[str]) -> list[Platform]:
    return [each for name in names for each in platforms_named(name)] or [host_platform()]


def _targets(texts: list[str], platforms: list[Platform]) -> str | dict[str, str]:
    """What was said of CPU targets: one string for all, or one for each name before a `=`.

    Raises PackageImageError for two of one name, for a string beside named ones, and for a name
    that none of `platforms` has.
    """
    named: dict[str, str] = {}
    for text in texts:
        name, equals, string = text.partition("=")
        key, value = (name.strip(), string) if equals else ("", text)
        if not value.strip() or key in named or (named and ("" in named) != (key == "")):
            raise PackageImageError(
                "--cpu-targets: expected one string for all platforms, or one for each platform "
                f"or architecture as NAME=STRING, found {one_line(text)!r} besides others"
            )
        if key and not any(key in (platform.name, platform.arch) for platform in platforms):
            raise PackageImageError(
                f"--cpu-targets {one_line(text)!r}: expected the name or architecture of a "
                f"platform that is built for ({', '.join(map(str, platforms))}), found {key!r}"
            )
        named[key] = value
    return named.get("", named or "")


_SHOWN = {
    "SERIALIZE": "$PKGIMAGE_PACKAGE: run it and its workload",
    "ENTRIES": "$PKGIMAGE_PACKAGE: list its functions",
    "CODEGEN": "$PKGIMAGE_PACKAGE: compile for $PKGIMAGE_CPU$_PKGIMAGEON",
    "DATA": "$PKGIMAGE_PACKAGE: lay out data$_PKGIMAGEON",
    "LINK": "$PKGIMAGE_PACKAGE: link$_PKGIMAGEON",
    "VERIFY": "$PKGIMAGE_PACKAGE: verify and publish$_PKGIMAGEON",
}


def _is_path(name: str) -> bool:
    return name.endswith(".py") or any(sep in name for sep in (os.sep, os.altsep) if sep)


def _dollars(text: str) -> str:
    return text.replace("$", "$$")  # SCons substitutes what a user wrote for it


def _literal(text: str) -> str:
    return repr(_dollars(text))


def _tools() -> Path:
    """The folder of the SCons tool: inside the package in a wheel, beside it in a checkout."""
    here = Path(packageimage.__file__).resolve().parent
    inside = here / "site_tools"
    return inside if inside.is_dir() else here.parent / "site_tools"


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass
class _Said:
    """What the build said, to be told at its end."""

    line: StatusLine
    stream: IO[str]
    images: list[tuple[str, str]] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)
    ran: bool = False
    errors: int = 0
    failures: list[str] = field(default_factory=list)


def _scons(folder: Path, jobs: int, as_json: bool, lock: tuple[int, ...]) -> int:
    """Run SCons in `folder` and pass on what a user wants to see of its output; with `as_json`
    that goes to standard error and the outcome, as JSON, to standard output.

    lock: descriptors of the folder's. SCons goes on when this process is killed, and no other one
    may work here then.
    """
    library = str(Path(packageimage.__file__).resolve().parents[1])
    path = os.environ.get("PYTHONPATH", "")
    environ = os.environ | {"PYTHONPATH": f"{library}{os.pathsep}{path}" if path else library}
    # SCons' own options in the environment and in the home would make this another build.
    environ.pop("SCONSFLAGS", None)
    command = [sys.executable, "-P", "-m", "SCons", "-Q", "--no-site-dir", f"-j{jobs}"]
    stream = sys.stderr if as_json else sys.stdout
    said = _Said(StatusLine(stream), stream)
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        pass_fds=lock,
    ) as child:
        assert child.stdout and child.stderr
        other = threading.Thread(target=_pass_errors, args=(child.stderr, said))
        other.start()
        _pass_output(child.stdout, said)
        other.join()
        code = child.wait()
    said.line.clear()
    if as_json:
        print(_document(folder, said, code))
    elif code == 0:
        for name, image in said.images:
            print(f"{name}: {image}" if said.ran else f"{name} is up to date: {image}")
    for line in said.summary:
        print(line, file=said.stream, flush=True)
    if code == 0:
        return 0
    if not said.errors:
        reason = said.failures[0] if said.failures else f"SCons ended with exit code {code}"
        print(f"pkgimage: error: {reason}; its folder is {one_line(folder)}", file=sys.stderr)
    return code if 0 < code < 128 else 1


def _document(folder: Path, said: _Said, code: int) -> str:
    """The outcome: images that were published, or are up to date, when the build succeeded."""
    return document(
        "build",
        succeeded=code == 0,
        up_to_date=code == 0 and not said.ran,
        folder=str(folder),
        images=[{"package": name, "image": image} for name, image in said.images if code == 0],
        summary=said.summary,
    )


def _pass_output(stream: IO[str], said: _Said) -> None:
    for line in stream:
        if line.startswith(_IMAGE_LINE):
            name, image = line.removeprefix(_IMAGE_LINE).rstrip("\n").split(" ", 1)
            said.images.append((name, image))
        elif line.startswith(_SUMMARY_LINE):
            said.summary.append(line.removeprefix(_SUMMARY_LINE).rstrip("\n"))
        elif line.startswith(_PROGRESS_LINE):
            count, _, about = line.removeprefix(_PROGRESS_LINE).rstrip("\n").partition(" ")
            said.line.show(f"[{count}] {about}")
        elif not line.startswith("scons: "):
            said.ran = True
            said.line.clear()
            print(line, end="", file=said.stream, flush=True)


def _pass_errors(stream: IO[str], said: _Said) -> None:
    for line in stream:
        if line.startswith("scons: *** "):
            said.failures.append(line.removeprefix("scons: *** ").strip())
        else:
            said.errors += line.startswith("pkgimage: error: ")
            said.line.clear()
            print(line, end="", file=sys.stderr, flush=True)
