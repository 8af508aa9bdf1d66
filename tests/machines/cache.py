"""The folder outside the repository in which machines are kept: each made once, for all sessions.

`$PACKAGEIMAGE_MACHINES_CACHE`, or `packageimage-machines` in the user's cache folder. A machine's
folder is named by a hash of its recipe, so that another NumPy or an edited recipe makes another
machine; the old one stays for checkouts that still use it and may be deleted at any time that no
test runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

VARIABLE = "PACKAGEIMAGE_MACHINES_CACHE"


class Unavailable(Exception):
    """A tool that a machine needs is not installed; says what to install."""


class PreparationError(Exception):
    """A step of making a machine failed; holds the command and what it printed."""


def root() -> Path:
    """The cache folder; made when it is not there."""
    named = os.environ.get(VARIABLE)
    if named:
        folder = Path(named)
    else:
        caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(caches) / "packageimage-machines"
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def made(name: str, recipe: Sequence[str | bytes], make: Callable[[Path], None]) -> Path:
    """The folder `name` made by `recipe`: of an earlier session, or made now by `make(folder)`.

    `make` fills a temporary folder that is then renamed, so it must not write that folder's own
    path into what it makes. recipe: everything that decides the content. Two sessions that want
    the same folder wait for each other.
    """
    digest = hashlib.sha256()
    for part in recipe:
        part = part.encode() if isinstance(part, str) else part
        digest.update(b"%d:%s\n" % (len(part), part))
    folder = root() / f"{name}-{digest.hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    with locked(root() / f"{name}.lock"):
        if not folder.is_dir():
            temporary = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=root()))
            try:
                temporary.chmod(0o755)
                make(temporary)
                temporary.rename(folder)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
    return folder


@contextlib.contextmanager
def locked(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
    """Hold a lock on `path` against other processes, alone or with others that share it.

    Raises BlockingIOError when another process holds it and `wait` is false.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def tool(name: str, package: str, *folders: str) -> str:
    """The path of a program, on PATH or in `folders`.

    Raises Unavailable, which names the Debian package that holds it.
    """
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        raise Unavailable(f"found no {name}: install it (Debian: apt install {package})")
    return found


def run(
    command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, timeout: float = 600
) -> str:
    """Run one step of making a machine; its standard output.

    Raises PreparationError with all that it printed.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PreparationError(f"{' '.join(words)}: {error}") from error
    if done.returncode:
        raise PreparationError(
            f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done.stdout
