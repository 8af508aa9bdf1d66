"""The wheel in fresh environments, away from this checkout: the runtime alone, and with [build]."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ROOT / "tests" / "packages"
SITE = ROOT / "site_scons"

SCONSTRUCT = """
env = Environment(tools=['pkgimage'], toolpath=[PyPackageDir('packageimage.site_tools')],
                  PKGIMAGE_CPU_TARGETS='generic', PKGIMAGE_DEPOT='depot')
env.PackageImage('tiny', 'src/tiny', workload='src/tiny_workload.py')
"""


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and an empty home; commands run there."""

    home: Path
    bin: Path

    def run(self, program: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess:
        kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
        home = {name: str(self.home) for name in ("HOME", "USERPROFILE", "XDG_CACHE_HOME")}
        return subprocess.run(
            [str(self.bin / program), *arguments],
            cwd=self.home,
            env={**kept, **home, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def python(self, code: str, **settings: str) -> str:
        done = self.run("python", "-c", code, **settings)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout


def pip(python: Path | str, *words: str) -> None:
    command = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def install(folder: Path, what: str) -> Installed:
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    pip(programs / "python", "install", what)
    (folder / "home").mkdir()
    return Installed(folder / "home", programs)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # From a copy: setuptools leaves a build folder in the sources.
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    (source / "site_scons").symlink_to(SITE)
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", str(folder), str(source))
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def runtime(tmp_path_factory, wheel) -> Installed:
    return install(tmp_path_factory.mktemp("runtime"), str(wheel))


@pytest.fixture(scope="module")
def builder(tmp_path_factory, wheel) -> Installed:
    return install(tmp_path_factory.mktemp("builder"), f"{wheel}[build]")


def test_the_wheel_holds_the_library_and_nothing_else(wheel):
    expected = {
        path.relative_to(SITE).as_posix().replace("site_tools/", "packageimage/site_tools/", 1)
        for path in SITE.rglob("*")
        if path.suffix == ".py" or path.name == "py.typed"
    }
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in held if ".dist-info/" not in name} == expected
    assert any(name.endswith("/LICENSE") for name in held)


def test_the_runtime_needs_the_standard_library_alone(runtime):
    said = runtime.python(
        "import sys; before = set(sys.modules)\n"
        "import packageimage; packageimage.enable(); import colorsys\n"
        "tops = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(tops - sys.stdlib_module_names), packageimage.rejections())\n"
    )
    assert said == "['packageimage'] []\n"


def test_building_without_the_extra_says_so_in_one_line(runtime):
    done = runtime.run("pkgimage", "build", "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pkgimage: error: ")
    assert "packageimage[build]" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_runtime_can_be_enabled_for_an_environment(runtime):
    assert runtime.run("pkgimage", "enable").returncode == 0
    try:
        assert runtime.python("import sys; print('packageimage.load.startup' in sys.modules)") == (
            "True\n"
        )
    finally:
        assert runtime.run("pkgimage", "disable").returncode == 0
    assert runtime.python("import sys; print('packageimage' in sys.modules)") == "False\n"


def test_images_for_another_environment_break_nothing_here(runtime):
    """There is an image, and neither Numba nor NumPy: the package runs as if there were none."""
    package = runtime.home / "without" / "without.py"
    package.parent.mkdir()
    package.write_text("try:\n    import numba\nexcept ImportError:\n    print('as ever')\n")
    header = runtime.home / "depot" / "0123456789abcdef" / "without" / "fedcba9876543210.pki"
    header.parent.mkdir(parents=True)
    header.write_bytes(b"not a header")
    said = runtime.python(
        "import warnings; warnings.simplefilter('ignore')\n"
        "import packageimage; packageimage.enable(); import without\n",
        PKGIMAGE_DEPOT_PATH=str(header.parents[2]),
        PYTHONPATH=str(package.parent),
    )
    assert said == "as ever\n"


def project_of(builder: Installed, name: str) -> Path:
    """A copy of the package `tiny` in a folder of its own, with a SConstruct."""
    project = builder.home / name
    (project / "src" / "tiny").mkdir(parents=True)
    for file in (PACKAGES / "tiny").glob("*.py"):
        (project / "src" / "tiny" / file.name).write_bytes(file.read_bytes())
    (project / "src" / "tiny_workload.py").write_bytes((PACKAGES / "tiny_workload.py").read_bytes())
    (project / "SConstruct").write_text(SCONSTRUCT, encoding="utf-8")
    return project


def runs_from_its_image(builder: Installed, project: Path) -> str:
    done = builder.run(
        "pkgimage",
        "run",
        str(project / "src" / "tiny_workload.py"),
        PKGIMAGE="strict",
        PKGIMAGE_DEPOT_PATH=str(project / "depot"),
        PYTHONPATH=str(project / "src"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_tool_works_in_a_project_elsewhere(builder):
    project = project_of(builder, "with an SConstruct")
    built = builder.run("scons", "-Q", "-C", str(project))
    assert built.returncode == 0, built.stdout + built.stderr
    assert len(list(project.glob("depot/*/tiny/*.pki"))) == 1
    again = builder.run("scons", "-Q", "-C", str(project))
    assert "is up to date" in again.stdout
    plain = builder.run(
        "python", str(project / "src" / "tiny_workload.py"), PYTHONPATH=str(project / "src")
    )
    assert runs_from_its_image(builder, project) == plain.stdout


def test_the_command_builds_without_an_sconstruct(builder):
    project = project_of(builder, "without an SConstruct")
    workload, depot = str(project / "src" / "tiny_workload.py"), str(project / "depot")
    words = ["tiny", "--path", str(project / "src"), "--workload", workload, "--depot", depot]
    built = builder.run("pkgimage", "build", *words)
    assert built.returncode == 0, built.stdout + built.stderr
    assert runs_from_its_image(builder, project)
