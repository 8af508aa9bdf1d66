"""Find an LLD: `$PKGIMAGE_LLD`, then PATH, then the one inside the `ziglang` wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping

from packageimage.model.errors import PackageImageError, one_line

from .linker import OLDEST_VERSION, Kind, Linker, parse_version

VARIABLE = "PKGIMAGE_LLD"
WHEEL = "ziglang"
"""The PyPI distribution with an LLD inside; also what `$PKGIMAGE_LLD` may say to prefer it."""

_INSTALL = (
    f"install LLD {OLDEST_VERSION} or newer (Debian: apt install lld; macOS: brew install lld), "
    f"or run: pip install {WHEEL}; or set {VARIABLE} to its path"
)

# How to ask each form for its version: the words after its command. Asked in this order; only one
# of them is answered by an LLD, since the multi-flavor driver refuses to work without a flavor.
_QUESTIONS: dict[Kind, tuple[str, ...]] = {
    "ld.lld": (),
    "lld": ("-flavor", "gnu"),
    "zig": ("ld.lld",),
}
# These say alike who they are; their names tell them apart.
_NAMED: tuple[Kind, ...] = ("ld64.lld", "lld-link")

# In the order in which they are tried.
_FORMS: tuple[Kind, ...] = ("lld", "ld.lld", *_NAMED)
_NAME = re.compile(
    rf"(?P<form>{'|'.join(map(re.escape, _FORMS))})(?:-(?P<version>\d+))?(?:\.exe)?", re.IGNORECASE
)
_PATIENCE = 60  # seconds; an LLD answers in 10 ms, a program that waits for input never does


def find_linker(
    environ: Mapping[str, str], kinds: Collection[Kind], python: str = sys.executable
) -> Linker:
    """The LLD to use: of `$PKGIMAGE_LLD`, PATH and `python`'s `ziglang`, the first that fits.

    kinds: the forms that will do. What `$PKGIMAGE_LLD` names is used or refused, never passed over;
    it may be of another kind, which a flavor refuses then. On PATH the order is `lld`, `lld-N` from
    the highest N, `ld.lld`, `ld.lld-N`, `ld64.lld`, `lld-link`; those that do not fit are passed
    over and named in the error when none does.

    Raises PackageImageError that says what to install.
    """
    named = environ.get(VARIABLE, "")
    if named == WHEEL:
        return probe((python, "-m", WHEEL), environ)
    if named:
        return probe((_executable(named, environ),), environ)
    problems = []
    found = linkers_on_path(environ.get("PATH", ""), kinds)
    candidates: list[tuple[str, ...]] = [(path,) for path in found]
    candidates += [(python, "-m", WHEEL)] * ("zig" in kinds)
    for command in candidates:
        try:
            return _probe(command, environ)
        except _Unfit as unfit:
            problems.append(f"{one_line(' '.join(command))} is {unfit}")
    raise PackageImageError(
        f"linking needs LLD {OLDEST_VERSION} or newer, found {'; '.join(problems) or 'none'}; "
        f"{_INSTALL}"
    )


def linkers_on_path(search_path: str, kinds: Collection[Kind] = _FORMS) -> list[str]:
    """The executables on `search_path` (as in $PATH) that are called as an LLD is, best first."""
    found: dict[str, str] = {}
    for folder in filter(None, search_path.split(os.pathsep)):
        try:
            names = os.listdir(folder)
        except OSError:  # PATH often names folders that do not exist
            continue
        for name in names:
            path = os.path.join(folder, name)
            if _form_of(name) in kinds and os.path.isfile(path) and os.access(path, os.X_OK):
                found.setdefault(name, path)
    return [found[name] for name in ranked_names(found)]


def ranked_names(names: Iterable[str]) -> list[str]:
    """Those of `names` that LLD goes by, in the order they are tried."""

    def rank(match: re.Match[str]) -> tuple[int, bool, int, str]:
        version = match["version"]
        form = match["form"].lower()
        return _FORMS.index(form), version is not None, -int(version or 0), match.string

    return [match.string for match in sorted(filter(None, map(_NAME.fullmatch, names)), key=rank)]


def _form_of(name: str) -> Kind | None:
    """The form of LLD that is called `name`; None for other names."""
    match = _NAME.fullmatch(name)
    return next((form for form in _FORMS if match and match["form"].lower() == form), None)


def probe(command: tuple[str, ...], environ: Mapping[str, str]) -> Linker:
    """Ask the program that `command` starts what it is.

    Raises PackageImageError when it does not start, is not an LLD or is too old.
    """
    try:
        return _probe(command, environ)
    except _Unfit as unfit:
        raise PackageImageError(
            f"{one_line(' '.join(command))}: expected LLD {OLDEST_VERSION} or newer, "
            f"found {unfit}; {_INSTALL}"
        ) from None


class _Unfit(Exception):
    """What a candidate is instead of an LLD that fits."""


def _probe(command: tuple[str, ...], environ: Mapping[str, str]) -> Linker:
    first_answer = ""
    form = _form_of(os.path.basename(command[0])) if len(command) == 1 else None
    questions = {form: ()} if form in _NAMED else _QUESTIONS
    for kind, question in questions.items():
        answer = _ask((*command, *question, "--version"), environ)
        version = parse_version(answer, gnu=form not in _NAMED)
        if version is None:
            first_answer = first_answer or answer.strip()
        elif version[0] < OLDEST_VERSION:
            raise _Unfit(f"LLD {'.'.join(map(str, version))}, which is too old")
        else:
            return Linker(kind, command, version)
    said = one_line(first_answer.partition("\n")[0])[:100]
    raise _Unfit(f"a program that says {said!r}" if said else "a program that is not LLD")


def _executable(named: str, environ: Mapping[str, str]) -> str:
    """The path of what `$PKGIMAGE_LLD` names; a bare name is looked up on PATH."""
    path = shutil.which(named, path=environ.get("PATH", ""))
    if path is not None:
        # SCons runs commands in its top folder, whatever the folder was in which this was said.
        return os.path.abspath(path)
    if os.path.isdir(named):
        found = "a folder"
    elif os.path.exists(named):
        found = "a file that is not executable"
    else:
        found = "nothing"
    raise PackageImageError(
        f"{VARIABLE} is {one_line(named)!r}: expected an executable LLD there, found {found}; "
        f"{_INSTALL}"
    )


def _ask(command: tuple[str, ...], environ: Mapping[str, str]) -> str:
    """What `command` prints, on both channels. Raises _Unfit when it cannot be asked."""
    try:
        answer = subprocess.run(
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _Unfit(f"a program that does not answer in {_PATIENCE} seconds") from None
    except OSError as error:  # no such file, another machine's program
        raise _Unfit(f"a program that does not start ({error.strerror})") from None
    return answer.stdout.decode(errors="replace")
