"""Link: run LLD on a command line that a flavor made.

LLD is a compiler driver's tool and leaves to its caller what this module does: the output is there
whole or not at all, a failed link can be repeated, and a full disk is called a full disk.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import mmap
import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packageimage.model.errors import PackageImageError, one_line
from packageimage.model.platform import platform_named
from packageimage.recipe import PACKAGE_DATA_PLATFORM, PACKAGE_DATA_SUFFIX

from .digest import digest_written

OUTPUT = "{output}"
"""What stands for the output's path in the command; `lld_flavors.flavor` writes it."""

OUTPUT_NAME = "{name}"
"""The same for its file name: Mach-O files hold it."""

VERBOSE_VARIABLE = "PKGIMAGE_VERBOSE_LINKING"

_ZIG_CACHES = ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")
_NO_SPACE_TEXTS = ("No space left on device", "There is not enough space on the disk")
# LLD writes through a mapping of a sparse file; where the disk is full, the kernel answers that
# with SIGBUS (seen with LLD 14, 19 and 22, which say nothing of a disk).
_SIGBUS = -signal.SIGBUS if hasattr(signal, "SIGBUS") else None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, required=True, help="the linked library")
    parser.add_argument("--digest", type=Path, help="where its size and SHA-256 go")
    parser.add_argument(
        "--platform", default="", help="what a package's data must be an object for"
    )
    parser.add_argument(
        "command",
        nargs="+",
        metavar="LLD-COMMAND",
        help=f"after --: LLD and its arguments, with {OUTPUT} before the inputs",
    )


def run(args: argparse.Namespace) -> None:
    """Link into a temporary name, then replace the output.

    Raises PackageImageError when the command has no word for the output, when LLD does not start
    or fails (then a folder beside the output keeps what is needed to repeat it) and when the disk
    is full.
    """
    command = LinkCommand(tuple(args.command))
    command.check()
    output: Path = args.output
    failed = output.with_name(f"{output.name}.failed")
    verbose = os.environ.get(VERBOSE_VARIABLE, "") not in ("", "0")
    with _full_disk_reported(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(failed, ignore_errors=True)  # of an earlier failure
        with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as folder:
            # The file's own name, in a folder of its own: PE and Mach-O files hold their name, and
            # some forms of LLD write further files beside it.
            temporary = Path(folder, output.name)
            fitting = _fitting(command, args.platform, folder)
            words = fitting.words_for(str(temporary), verbose)
            if verbose:
                print(shlex.join(words), file=sys.stderr, flush=True)
            code, said = _run(words, folder)
            if code == 0 and temporary.is_file():
                if said:
                    sys.stderr.write(said)
                # What others cannot write to, nor have opened: published, it may be this very file.
                temporary.chmod(stat.S_IMODE(temporary.stat().st_mode) & 0o755)
                with contextlib.ExitStack() as stack:
                    if args.digest:
                        stack.enter_context(digest_written(args.digest, temporary))
                    os.replace(temporary, output)
                return
            full = code == _SIGBUS or any(text in said for text in _NO_SPACE_TEXTS)
            if not full:
                sys.stderr.write(said)
                _keep(fitting, failed, output.name, said)
    if full:
        raise _full_disk(output)
    reason = "wrote no output" if code == 0 else _end_of(code, said)
    raise PackageImageError(
        f"linking {one_line(output)} failed: LLD {reason}; {one_line(failed / 'repeat.sh')} "
        f"repeats it, {VERBOSE_VARIABLE}=1 shows what LLD does"
    )


@dataclass(frozen=True)
class LinkCommand:
    """LLD's command line with {output} in it. Pure but for `inputs`, which looks at files."""

    words: tuple[str, ...]

    def check(self) -> None:
        """Raises PackageImageError unless the output stands there once."""
        count = sum(word.count(OUTPUT) for word in self.words)
        if count != 1:
            raise PackageImageError(
                f"the link command must hold {OUTPUT} once, "
                f"found it {count} times in: {one_line(shlex.join(self.words))}"
            )

    @property
    def _split(self) -> int:
        """Where the words after the output's name begin; lld-link has it in one with -out:."""
        return 1 + next(number for number, word in enumerate(self.words) if OUTPUT in word)

    def options_for(self, output: str) -> list[str]:
        """The command, its options and the output's name."""
        name = os.path.basename(output)
        words = self.words[: self._split]
        return [word.replace(OUTPUT, output).replace(OUTPUT_NAME, name) for word in words]

    @property
    def rest(self) -> tuple[str, ...]:
        """The inputs, and whatever a user put among them."""
        return self.words[self._split :]

    def words_for(self, output: str, verbose: bool = False) -> list[str]:
        words = [*self.options_for(output), *self.rest]
        if verbose:
            words.append("-verbose" if f"-out:{OUTPUT}" in self.words else "--verbose")
        return words

    def inputs(self) -> dict[str, str]:
        """The words that are input files, each with the name it is kept under.

        Only words after {output}: "gnu" may well be a file here, too. The number keeps inputs of
        one name from different folders apart and in their order.
        """
        files = [word for word in dict.fromkeys(self.rest) if os.path.isfile(word)]
        return {word: f"{n:03d}-{os.path.basename(word)}" for n, word in enumerate(files)}


def _fitting(command: LinkCommand, platform: str, folder: str) -> LinkCommand:
    """The command with a package's data as an object for the platform, which lies in `folder`.

    For the platform that it is written for the data is taken as it is. Raises OSError, and
    PackageImageError for another file.
    """
    if platform in ("", PACKAGE_DATA_PLATFORM):
        return command
    words = list(command.words)
    for place, word in enumerate(words):
        if word in command.rest and word.endswith(PACKAGE_DATA_SUFFIX):
            from packageimage.codegen.data_object import data_in, package_object  # LLVM: 0.1 s

            words[place] = os.path.join(folder, f"{os.path.basename(word)}.o")
            with open(word, "rb") as file, open(words[place], "wb") as written:
                # Mapped, because it may be larger than the memory.
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                data = data_in(mapped, platform_named(PACKAGE_DATA_PLATFORM))
                written.writelines(package_object([data], platform_named(platform)))
    return LinkCommand(tuple(words))


def repeat_script(command: LinkCommand, output_name: str, kept: dict[str, str]) -> str:
    """A shell script that links the kept inputs again, from whatever folder it is run in."""
    words = [
        *command.options_for(output_name),
        *(f"inputs/{kept[word]}" if word in kept else word for word in command.rest),
    ]
    variables = " ".join(f"{name}={value}" for name, value in added_variables("zig-cache").items())
    return (
        "#!/bin/sh\n"
        "# Links the kept inputs again; more arguments for LLD may follow.\n"
        'cd "$(dirname "$0")" || exit\n'
        f'exec env {variables} {shlex.join(words)} "$@"\n'
    )


def added_variables(cache: str) -> dict[str, str]:
    """What the linker finds in its environment beyond the caller's.

    Zig looks for a home folder to keep a cache in, and SCons' commands have none. LLD would write
    the times of its inputs into Mach-O files with debug information.
    """
    return dict.fromkeys(_ZIG_CACHES, cache) | {"ZERO_AR_DATE": "1"}


def _run(words: Sequence[str], folder: str) -> tuple[int, str]:
    """Run LLD: its exit code and what it said on both channels.

    folder: for what it writes beside its output.
    """
    try:
        done = subprocess.run(
            words,
            env=added_variables(os.path.join(folder, "zig")) | os.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except OSError as error:
        raise PackageImageError(
            f"expected to run LLD as {one_line(words[0])}, found that it does not start "
            f"({error.strerror}); install LLD or set PKGIMAGE_LLD to its path"
        ) from error
    return done.returncode, done.stdout.decode(errors="replace")


def _end_of(code: int, said: str) -> str:
    """How LLD ended, for a message: its first error where it gave one."""
    for line in said.splitlines():
        _, found, error = line.partition("error: ")
        if found:
            return f"says {one_line(error.strip())[:200]!r}"
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    return f"exited with code {code}"


def _keep(command: LinkCommand, failed: Path, output_name: str, said: str) -> None:
    """Write the folder that repeats the link."""
    kept = command.inputs()
    try:
        (failed / "inputs").mkdir(parents=True)
        for word, name in kept.items():
            shutil.copyfile(word, failed / "inputs" / name)
        (failed / "output.txt").write_text(said, encoding="utf-8")
        script = failed / "repeat.sh"
        script.write_text(repeat_script(command, output_name, kept), encoding="utf-8")
        script.chmod(0o755)
    except OSError:
        shutil.rmtree(failed, ignore_errors=True)  # half of it repeats nothing
        raise


@contextlib.contextmanager
def _full_disk_reported(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full_disk(path) from error
        raise


def _full_disk(path: Path) -> PackageImageError:
    """No folder to repeat the link is kept then: copies would need yet more space."""
    free = shutil.disk_usage(path.parent).free
    return PackageImageError(
        f"linking {one_line(path)} needs more disk space than there is: found {free} bytes free "
        f"in {one_line(path.parent)}; make room there and build again"
    )
