"""The same inputs give the same bytes, whoever builds them, where, when and how."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from image_build import PACKAGES, TESTS, environment

EXAMPLES = TESTS.parent / "examples"


@dataclass(frozen=True)
class Case:
    """A package's folder, its workload and how it is built."""

    package: Path
    workload: Path
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Builder:
    """Someone who builds: in a folder of this name, with these settings."""

    folder: str
    jobs: int
    umask: int
    settings: dict[str, str] = field(default_factory=dict)

    def token(self) -> str:
        """A text that is in no file but where something of this builder got into it."""
        return f"somebody{self.jobs}"


ONE = Builder(
    "a",
    1,
    0o022,
    {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "86400"},
)
OTHER = Builder(
    "a much longer name ü",
    2,
    0o077,
    {"LC_ALL": "C.UTF-8", "TZ": "America/New_York", "NUMBA_NUM_THREADS": "3", "COLUMNS": "40"},
)

# By their nature: what a build watches, what the workload printed, what the tools remember.
OF_THIS_MACHINE = re.compile(
    r"(\.imported\.json|\.includes\.json|\.workload\.log|\.store|\.build\.json|\.sconsign.*|/SConstruct)$"
)


def everything(*arguments):
    workload = PACKAGES / "everything_workload.py"
    return Case(PACKAGES / "everything", workload, arguments)


def stored(*arguments):
    return Case(PACKAGES / "stored", PACKAGES / "stored_workload.py", arguments)


def installed(name):
    (folder,) = importlib.util.find_spec(name).submodule_search_locations
    return Case(Path(folder), EXAMPLES / name / "workload.py")


def build(base: Path, case: Case, builder: Builder, edit=None, **run_as) -> dict[str, bytes]:
    """Build in a fresh home from a copy of the package; the files made, by their names."""
    home = base / builder.folder / builder.token()
    source = home / "src"
    package = source / case.package.name
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(case.package, package, ignore=ignored)
    workload = Path(shutil.copy(case.workload, home))
    for file in package.rglob("*.py") if edit else ():
        file.write_text(edit(file.read_text(encoding="utf-8")), encoding="utf-8")
    if run_as:
        subprocess.run(["chown", "-R", str(run_as["user"]), str(home)], check=True)
    settings = {"USER": builder.token(), "LOGNAME": builder.token(), **builder.settings}
    result = subprocess.run(
        [
            sys.executable, "-m", "packageimage", "build", package.name,
            "--path", str(source), "--workload", str(workload), "--depot", str(home / "depot"),
            "--partitions", "2", "-j", str(builder.jobs), *case.arguments,
        ],
        env=without_hash_seed(environment(home, source)) | settings,
        umask=builder.umask,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        **run_as,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    roots = [home / "depot", *(home / ".cache" / "pkgimage" / "build").glob("*/*.pkgimage")]
    return {
        file.relative_to(root).as_posix(): file.read_bytes()
        for root in roots
        for file in root.rglob("*")
        if file.is_file() and not OF_THIS_MACHINE.search(file.as_posix())
    }


def without_hash_seed(settings):
    return {n: v for n, v in settings.items() if n not in ("PYTHONHASHSEED", "XDG_CACHE_HOME")}


def assert_same(one, other, names=r".*"):
    """Every file is in both and equal; there is an image, with all that it was made of."""
    kinds = (r"\.bc$", r"\.o$", r"\.capture\.bin$", r"\.header$", r"\.pkgimage\.so$", r"\.pki$")
    for kind in kinds:
        assert any(re.search(kind, name) for name in one), f"no file like {kind} in {sorted(one)}"
    chosen = {name for name in one.keys() | other.keys() if re.search(names, name)}
    assert chosen
    assert sorted(n for n in chosen if one.get(n) != other.get(n)) == []


def assert_nothing_of(builder, base, files):
    """No path of the builder's or of this machine, in either encoding of a string."""
    texts = {
        str(base), builder.token(), str(TESTS.parent), "site-packages", sys.prefix, sys.base_prefix,
    }  # fmt: skip
    for text in texts:
        found = [n for n, data in files.items() if text.encode() in data]
        assert found == [], f"{text} is in {found}"


def both(base, case):
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda builder: build(base, case, builder), (ONE, OTHER)))


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            Case(EXAMPLES / "kernels/src/kernels", EXAMPLES / "kernels/src/workload.py"),
            id="kernels",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            everything("--flags", "debug-level=2,check-bounds=yes"),
            id="debug",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            everything("--flags", "debug-level=1,inline=no"), id="lines", marks=pytest.mark.slow
        ),
        pytest.param(stored("--restore"), id="restored"),
        pytest.param(installed("stumpy"), id="stumpy", marks=pytest.mark.slow),
    ],
)
def test_two_builders_get_the_same_bytes(tmp_path, case):
    one, other = both(tmp_path, case)
    assert_same(one, other)
    assert_nothing_of(ONE, tmp_path, one)


def commented(source):
    """A comment before every function and every return, and lines in front of all."""
    start = "" if source.startswith('"""') else "# new\n\n"
    return start + re.sub(r"(?m)^( *)(?=@|def |return\b|raise\b)", r"\1# a comment\n\1", source)


@pytest.mark.slow
def test_same_bytes_and_no_code_changed_by_a_comment(tmp_path):
    case = everything()
    one, other = both(tmp_path, case)
    assert_same(one, other)
    assert_nothing_of(ONE, tmp_path, one)
    edited = build(tmp_path / "edited", case, ONE, edit=commented)
    assert_same(one, edited, names=r"\.(bc|o|capture\.bin)$")


def other_way_round(workload):
    """A workload that first makes those calls in reverse that need no other statement."""
    lines = workload.splitlines()
    calls = [line for line in lines if re.match(r'show\("[^"]+", \(?(f|ufuncs)\.', line)]
    calls = [line for line in calls if not re.search(r"values|words|record", line)]
    start = next(at for at, line in enumerate(lines) if line.startswith("show("))
    return "\n".join([*lines[:start], *reversed(calls), *lines[start:]]) + "\n"


@pytest.mark.slow
def test_same_bytes_in_whatever_order_functions_were_compiled(tmp_path):
    case = everything()
    reversed_workload = tmp_path / "reversed.py"
    reversed_workload.write_text(other_way_round(case.workload.read_text(encoding="utf-8")))
    one = build(tmp_path, case, ONE)
    other = build(tmp_path, Case(case.package, reversed_workload), OTHER)
    assert_same(one, other)


def test_another_user():
    nobody = 65534
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can build as somebody else")
    check = [sys.executable, "-c", "import numba, packageimage"]
    try:
        subprocess.run(check, user=nobody, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("another user can't read this interpreter")
    case = Case(EXAMPLES / "kernels/src/kernels", EXAMPLES / "kernels/src/workload.py")
    # Not tmp_path, which lies in a folder that nobody else may enter.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        mine = build(folder, case, ONE)
        assert_same(mine, build(folder, case, OTHER, user=nobody))
