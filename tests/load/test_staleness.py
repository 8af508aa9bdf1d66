"""What makes an image stale and what does not, each change with the rejection and what it says."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import edited_package
import pytest
from forked import Programs
from image_build import build, pkgimage, run_plain, run_with_images
from packageimage.load import installed
from packageimage.load.session import Session
from packageimage.model.flags import CacheFlags
from packageimage.model.header import Header, decode_sidecar, encode, encode_sidecar
from packageimage.model.rejection import Rejection

# `upper` has functions of `lower`, which has an image of its own, and of `loose`, which has none,
# compiled in. It reads a file that it declares, and a variable that its build declares.
FILES = {
    "src/lower/__init__.py": """
from numba import njit
from .part import STEP

@njit
def add(x):
    return x + STEP
""",
    "src/lower/part.py": "STEP = 1.0\n",
    "src/loose.py": """
from numba import njit

@njit
def half(x):
    return x / 2
""",
    "src/upper/__init__.py": """
import os
import loose
import lower
import packageimage
from numba import njit
from .inner import power

packageimage.include_dependency("factor.txt")
with open(__file__.replace("__init__.py", "factor.txt")) as file:
    FACTOR = float(file.read()) + len(os.environ.get("UPPERS_MODE", ""))

@njit("float64(float64)")
def both(x):
    return power(lower.add(loose.half(x)) * FACTOR)
""",
    "src/upper/inner.py": """
from numba import njit

@njit
def power(x):
    return x * x
""",
    "src/upper/factor.txt": "2.0",
}


class Place:
    """A copy of sources and depot. environ: of the session that looks at the image."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, monkeypatch
        self.source = folder / "src"
        self.environ = {"HOME": str(folder)}

    def path(self, name: str) -> Path:
        return self.source / name

    def header(self, package: str = "upper") -> Path:
        (found,) = self.folder.glob(f"depot/*/{package}/*.pki")
        return found

    def verdict(self) -> Rejection | None:
        """The rejection of the image of `upper`; None when it fits."""
        self.patch.syspath_prepend(str(self.source))
        (found,) = Session(self.environ, [self.folder / "depot"]).examine("upper")
        return found if isinstance(found, Rejection) else None

    # -- what happens to them ------------------------------------------------------------------

    def replace(self, name: str, old: str, new: str) -> None:
        text = self.path(name).read_text()
        assert old in text
        self.path(name).write_text(text.replace(old, new))

    def everything(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def set_times(self, change: Callable[[int], int]) -> None:
        for path in self.everything():
            found = path.stat()
            os.utime(path, ns=(change(found.st_atime_ns), change(found.st_mtime_ns)))

    def rewrite(self, **fields: object) -> None:
        """The header as of an image that was built otherwise; the library is not looked at then."""
        old = decode_sidecar(self.header().read_bytes())
        header: Header = old.header.replace(**fields)
        self.header().write_bytes(
            encode_sidecar(encode(header), old.image_size, old.image_sha256, old.includes)
        )

    def base(self, **fields: object) -> None:
        """A session with other versions than those that the image was built with."""
        found = installed.base_image().replace(**fields)
        self.patch.setattr(installed, "base_image", lambda: found)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stale")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    done = pkgimage(
        folder, "build", "upper", "lower", "--path", str(folder / "src"), "--depot",
        str(folder / "depot"), "--cpu-targets", "generic", "--preference", "UPPERS_MODE",
        "--workload", str(workload(folder)),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def workload(folder: Path) -> Path:
    file = folder / "workload.py"
    file.write_text("import lower, upper\nlower.add(1.0)\nupper.both(1.0)\n")
    return file


@pytest.fixture
def place(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name in ("src", "depot"):
        shutil.copytree(built / name, tmp_path / name)
    monkeypatch.delenv("UPPERS_MODE", raising=False)
    return Place(tmp_path, monkeypatch)


def edit_keeping_size_and_time(place: Place) -> None:
    before = place.path("upper/inner.py").stat()
    place.replace("upper/inner.py", "x * x", "x + x")
    os.utime(place.path("upper/inner.py"), ns=(before.st_atime_ns, before.st_mtime_ns))


def move(place: Place) -> None:
    moved = place.folder / "elsewhere" / "with spaces"
    moved.parent.mkdir()
    place.source = place.source.rename(moved)


def move_with_depot(place: Place) -> None:
    place.folder = place.folder.rename(place.folder.with_name(place.folder.name + " moved"))
    place.source = place.folder / "src"


def leave_package(place: Place, package: str) -> None:
    """What is left of it is no package any more."""
    shutil.rmtree(place.path(package))


def remove_images_of_lower(place: Place) -> None:
    shutil.rmtree(place.header("lower").parent)


YEARS = 10 * 365 * 86_400 * 10**9
SECOND = 10**9

FRESH = ("", "")
# What happens: to the sources, to the session, to the image. The kind of rejection and what it
# says; nothing when the image fits.
CASES: dict[str, tuple[Callable[[Place], object], tuple[str, str]]] = {
    "nothing": (lambda p: None, FRESH),
    # -- sources
    "an edited include": (
        lambda p: p.replace("upper/inner.py", "x * x", "x * x * x"),
        ("include-changed", "upper/inner.py of "),
    ),
    "an edit that keeps size and time": (
        edit_keeping_size_and_time,
        ("include-changed", "upper/inner.py as built; found other content"),
    ),
    "an appended byte": (
        lambda p: p.path("upper/__init__.py").open("a").write("\n"),
        ("include-changed", "upper/__init__.py of "),
    ),
    "a deleted include": (
        lambda p: p.path("upper/inner.py").unlink(),
        ("include-missing", "upper/inner.py in "),
    ),
    "a folder in the place of an include": (
        lambda p: (p.path("upper/inner.py").unlink(), p.path("upper/inner.py").mkdir()),
        ("include-missing", "not a file"),
    ),
    "a package that is gone": (
        lambda p: leave_package(p, "upper"),
        ("include-missing", "expected package upper; found none that can be imported"),
    ),
    "touched but unchanged": (
        lambda p: [path.touch() for path in p.source.rglob("*.py")], FRESH,
    ),
    "written again as it was": (
        lambda p: p.path("upper/inner.py").write_text(p.path("upper/inner.py").read_text()), FRESH,
    ),
    "times cut to seconds": (lambda p: p.set_times(lambda ns: ns // SECOND * SECOND), FRESH),
    "times of 1970": (lambda p: p.set_times(lambda ns: 0), FRESH),
    "a clock in the future": (lambda p: p.set_times(lambda ns: ns + YEARS), FRESH),
    "an edit by a clock in the future": (
        lambda p: (
            p.replace("upper/inner.py", "x * x", "x + x"), p.set_times(lambda ns: ns + YEARS),
        ),
        ("include-changed", "upper/inner.py as built"),
    ),
    "an edit by a clock in the past": (
        lambda p: (
            p.replace("upper/inner.py", "x * x", "x + x"), p.set_times(lambda ns: ns - YEARS),
        ),
        ("include-changed", "upper/inner.py as built"),
    ),
    "a moved package": (move, FRESH),
    "a moved package and depot": (move_with_depot, FRESH),
    "a new module beside the others": (
        lambda p: p.path("upper/more.py").write_text("raise SystemExit\n"), FRESH,
    ),
    "a declared data file": (
        lambda p: p.path("upper/factor.txt").write_text("3.0"),
        ("include-changed", "upper/factor.txt as built"),
    ),
    # -- required packages
    "another version of a package with an image": (
        lambda p: p.replace("lower/part.py", "1.0", "2.0"),
        ("requires", "expected lower as in its capture "),
    ),
    "another version of a package without one": (
        lambda p: p.replace("loose.py", "x / 2", "x / 3"),
        ("include-changed", "loose.py as built; found other content"),
    ),
    "a required package that is gone": (
        lambda p: leave_package(p, "lower"),
        ("requires", "package lower: none that can be imported"),
    ),
    "no image of a required package": (remove_images_of_lower, ("requires", "no image of it")),
    "a required package's image of another capture": (
        lambda p: p.rewrite(
            requires=tuple(
                require.replace(content="0" * 64)
                for require in decode_sidecar(p.header().read_bytes()).header.requires
            )
        ),
        ("requires", "expected lower as in its capture 0000000000000000; found capture "),
    ),
    # -- versions
    "another Numba": (
        lambda p: p.base(numba="0.99.0"), ("base-image", "session has 0.99.0"),
    ),
    "another NumPy": (
        lambda p: p.base(numpy="1.2.3"), ("base-image", "numpy: image has "),
    ),
    "another Python": (
        lambda p: p.base(python_abi="cpython-399"), ("base-image", "session has cpython-399"),
    ),
    "another llvmlite": (
        lambda p: p.base(llvmlite="0.1.0"), ("base-image", "llvmlite: image has "),
    ),
    "another LLVM": (lambda p: p.base(llvm="99"), ("base-image", "llvm: image has none")),
    "another loader": (
        lambda p: p.base(runtime_format=99), ("base-image", "runtime format: image has "),
    ),
    "all of them": (
        lambda p: p.base(numba="0.99.0", numpy="1.2.3"), ("base-image", "; numpy: image has "),
    ),
    # -- settings
    "a declared preference that is set": (
        lambda p: p.patch.setenv("UPPERS_MODE", "fast"),
        ("preferences", "expected UPPERS_MODE=''; found UPPERS_MODE='fast'"),
    ),
    "a declared preference that is set to nothing": (
        lambda p: p.patch.setenv("UPPERS_MODE", ""), FRESH,
    ),
    "a preference that was set at build": (
        lambda p: p.rewrite(preferences=(("UPPERS_MODE", "fast"),)),
        ("preferences", "expected UPPERS_MODE='fast'; found UPPERS_MODE=''"),
    ),
    "a setting of Numba that changes code": (
        lambda p: p.patch.setenv("NUMBA_LLVM_REFPRUNE_PASS", "0"),
        ("preferences", "found NUMBA_LLVM_REFPRUNE_PASS='0'"),
    ),
    "another platform": (
        lambda p: p.rewrite(platform="macos-arm64"), ("platform", "found macos-arm64"),
    ),
    "a CPU that has no target": (
        lambda p: p.environ.update(PKGIMAGE_CPU="nehalem"),
        ("cpu-target", "no target is called 'nehalem'"),
    ),
}  # fmt: skip

# Each flag, as the session asks for it and the image has it: (environment, image, rejected).
FLAGS = [
    ({"PKGIMAGE_FLAGS": "native-code=no"}, "", "native-code: image has yes, session asks for no"),
    ({}, "native-code=no", "native-code: image has no, session asks for yes"),
    ({"PKGIMAGE_FLAGS": "debug-level=1"}, "", "debug-level: image has 0, session asks for 1"),
    ({"NUMBA_DEBUGINFO": "1"}, "", "debug-level: image has 0, session asks for 2"),
    ({}, "debug-level=2", "debug-level: image has 2, session asks for 0"),
    ({"NUMBA_BOUNDSCHECK": "1"}, "", "check-bounds: image has auto, session asks for yes"),
    ({"NUMBA_BOUNDSCHECK": "0"}, "", "check-bounds: image has auto, session asks for no"),
    ({}, "check-bounds=yes", "check-bounds: image has yes, session asks for auto"),
    ({"NUMBA_BOUNDSCHECK": "0"}, "check-bounds=yes", "image has yes, session asks for no"),
    ({"NUMBA_BOUNDSCHECK": "1"}, "check-bounds=yes", ""),
    ({"PKGIMAGE_FLAGS": "inline=no"}, "", "inline: image has yes, session asks for no"),
    ({}, "inline=no", "inline: image has no, session asks for yes"),
    ({"NUMBA_OPT": "0"}, "", ""),
    ({"NUMBA_OPT": "2"}, "opt-level=2", ""),
    ({}, "opt-level=2", "opt-level: image has 2, session asks for at least 3"),
    ({"PKGIMAGE_FLAGS": "opt-level=1,inline=no"}, "opt-level=0", "session asks for at least 1; "),
]


def check(place: Place, kind: str, said: str) -> None:
    """Twice: what one session has found out must not change what the next one finds."""
    for _ in range(2):
        verdict = place.verdict()
        found = "" if verdict is None else verdict.kind.value
        assert found == kind, verdict
        assert verdict is None or said in str(verdict), verdict


@pytest.mark.parametrize("name", CASES)
def test_stale(place, name):
    change, (kind, said) = CASES[name]
    change(place)
    check(place, kind, said)


@pytest.mark.parametrize(("environ", "image", "said"), FLAGS)
def test_flags(place, environ, image, said):
    from packageimage.model.flags import parse_flags

    place.environ.update(environ)
    if image:
        place.rewrite(flags=parse_flags(image))
    else:
        assert decode_sidecar(place.header().read_bytes()).header.flags == CacheFlags()
    check(place, "flags" if said else "", said)


@pytest.mark.skipif(os.name != "posix", reason="times of change")
@pytest.mark.parametrize(
    "name", [name for name in CASES if CASES[name][1][0] in ("include-changed", "include-missing")]
)
def test_stale_after_a_session_that_knows_all_files(place, monkeypatch, name):
    """The memo of what was verified knows every file as it was before the change."""
    from packageimage.load import seen

    later = time.time_ns  # of this test, before it is patched
    monkeypatch.setattr(
        seen.Seen.__init__, "__defaults__", (None, "", "", lambda: later() + 60 * SECOND)
    )
    assert place.verdict() is None
    (memo,) = place.folder.glob(".cache/pkgimage/seen/*.json")
    assert str(place.path("upper/inner.py")) in memo.read_text()
    time.sleep(0.02)  # a tick of the file system's clock, for the 2 s of a real process
    change, (kind, said) = CASES[name]
    change(place)
    check(place, kind, said)


# -- methods that are redefined --------------------------------------------------------------------

REDEFINED = {
    "after a call": """
print(changing.answer(1))
changing.shifted = shifted
print(changing.answer(1), changing.answer(2.5))
changing.answer.recompile()
print(changing.answer(1), changing.answer(2.5), second.shifted(1))
""",
    "before the first call": """
changing.shifted = shifted
print(changing.answer(1), second.shifted(1))
""",
    "where the caller does not look": """
second.shifted = shifted
print(changing.answer(1), changing.shifted(1), second.shifted(1))
""",
    "a global": """
print(changing.answer(1))
changing.VERSION = 50
print(changing.answer(1))
changing.answer.recompile()
print(changing.answer(1))
""",
    "a global before the first call": """
second.STEP = 50
print(changing.answer(1), second.shifted(1))
""",
    "under the same name": """
print(changing.answer(1))
def answer(x):
    return x - 1
answer.__module__ = "changing"
changing.answer = njit(answer)
print(changing.answer(1), changing.answer(1.0))
""",
    "by a reload": """
import importlib
print(changing.answer(1))
old = changing.answer
changing.shifted = shifted
importlib.reload(changing)
print(changing.answer is old, changing.answer(1), old(1))
""",
    # Numba keeps what it has compiled of a function for its callers, with the globals of that time.
    # A caller that an image answers for has compiled nothing, so the callee is asked for later.
    "a callee's global after its caller's call": """
print(changing.answer(1))
second.STEP = 50
print(second.shifted(1))
""",
    "a callee's global, and its caller anew": """
print(changing.answer(1))
second.STEP = 50
changing.answer.recompile()
print(changing.answer(1))
""",
    "a callee's global, and the callee anew": """
print(changing.answer(1))
second.STEP = 50
second.shifted.recompile()
print(second.shifted(1), changing.answer(1))
""",
    "a callee's global, and another dispatcher of it": """
print(changing.answer(1))
second.STEP = 50
print(njit(second.shifted.py_func)(1), second.shifted(1))
""",
}
HEAD = """
import changing
from changing import second
from numba import njit

@njit
def shifted(x):
    return x - 100

"""

# The same without Numba until the end, where the image restores the package.
UNTOUCHED = """
import changing
from changing import second
"""
FROZEN = {
    "a global between two specialisations": """
print(changing.answer(1))
changing.VERSION = 50
print(changing.answer(1), changing.answer(2.5), changing.answer(1))
""",
    "a callee's global": """
print(changing.answer(1))
second.STEP = 50
print(second.shifted(1), second.shifted(2.5), changing.answer(1))
""",
    "what was called, and then Numba": """
print(changing.answer(1))
changing.VERSION = 50
import numba
print(changing.answer(1), changing.answer.signatures)
changing.answer.recompile()
print(changing.answer(1), changing.answer(2.5))
""",
}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Depots of the same package, `attached` and `restored`."""
    folder = tmp_path_factory.mktemp("redefined")
    source = edited_package.set_up(folder)
    workload = f"{edited_package.WORKLOAD}{edited_package.PACKAGE}.answer(2.5)\n"
    (folder / "workload.py").write_text(workload)
    for name, more in (("attached", ()), ("restored", ("--restore",))):
        build(
            folder, folder / name, edited_package.PACKAGE, folder / "workload.py", source,
            "--cpu-targets", "generic", *more,
        )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def programs(images: Path) -> Iterator[Programs]:
    with Programs(images, images / "src", images / "program.py") as programs:
        yield programs


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("name", REDEFINED)
def test_methods_that_are_redefined(tmp_path, images, programs, name):
    """All is as without images."""
    program = tmp_path / "program.py"
    program.write_text(HEAD + REDEFINED[name])
    plain = programs.run(images / "attached", with_numba=True, program=program, PKGIMAGE="no")
    assert (plain.code, plain.loaded) == (0, ()), plain
    for depot in ("attached", "restored"):
        seen = programs.run(images / depot, with_numba=True, program=program)
        assert seen.loaded == ("changing",)
        assert (seen.output, seen.code) == (plain.output, 0), (depot, seen)


@pytest.mark.parametrize("name", FROZEN)
def test_globals_are_frozen_when_numba_would_freeze_them(tmp_path, images, name):
    """Call by call, also where Numba is imported late or never."""
    program = tmp_path / "program.py"
    program.write_text(UNTOUCHED + FROZEN[name])
    plain = run_plain(tmp_path, program, images / "src")
    for depot in ("attached", "restored"):
        seen = run_with_images(tmp_path, images / depot, program, images / "src")
        assert seen.output == plain, (depot, seen.error)
