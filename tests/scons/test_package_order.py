"""Images of packages that import each other's functions: their order, and early cutoff."""

from __future__ import annotations

import pytest
from packageimage.package_graph import cycle, imports
from scons_project import FAKED, SHOWN, Project

IMPORTS = {
    "import a": {"a"},
    "import a.b as c, other": {"a"},
    "from a.b import c": {"a"},
    "from a import (\n    b,\n    c,\n)": {"a"},
    "import x, \\\n    a": {"a"},
    "def f():\n    import a": {"a"},
    "try:\n    import a\nexcept ImportError:\n    import b": {"a", "b"},
    "from . import a": set(),
    "from .a import b": set(),
    "import a_b, b.a": {"b"},
    "# import a": set(),
    '"""import a"""': set(),
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nelse:\n    import b": {"b"},
    "import typing\nif typing.TYPE_CHECKING:\n    import a": set(),
    "import a\nthis is no Python": set(),
    "a = 1": set(),
}


@pytest.mark.parametrize("text", IMPORTS)
def test_which_packages_a_source_imports(text: str) -> None:
    assert imports(text, ["a", "b"]) == IMPORTS[text]


CYCLES = {
    (): (),
    ("ab", "bc", "ac"): (),
    ("ab", "ba"): ("a", "b", "a"),
    ("bc", "ca", "ab", "ad"): ("a", "b", "c", "a"),
    ("ab", "bd", "db"): ("b", "d", "b"),
}


@pytest.mark.parametrize("edges", CYCLES)
def test_a_circle_is_found(edges: tuple[str, ...]) -> None:
    graph: dict[str, list[str]] = {}
    for start, end in edges:
        graph.setdefault(start, []).append(end)
    assert cycle(graph) == CYCLES[edges]


HEAD = f"""
env = Environment(
    tools=["pkgimage"],
    PKGIMAGE_DEPOT="depot",
    PKGIMAGE_CPU_TARGETS="generic",
    PKGIMAGE_PLATFORMS="linux-x86_64",
    LLDVERSION="19",
    {FAKED}
    {SHOWN}
)
"""
CALL = 'env.PackageImage("out/{0}", "src/{0}"{1})\n'
STAGES = ["serialize", "entries", "codegen", "data", "link", "verify"]
SOURCES = {
    "src/base/__init__.py": "def f(x):\n    return x\n",
    "src/middle/__init__.py": "import base\ndef g(x):\n    return base.f(x)\n",
    "src/top/__init__.py": "import middle\nfrom base import f\ndef h(x):\n    return f(x)\n",
    "src/alone/__init__.py": "def i(x):\n    return x\n",
}


def stages(package: str, *names: str) -> list[str]:
    about = {"codegen": f"codegen {package} 0 generic"}
    return [about.get(name, f"{name} {package}") for name in names or STAGES]


@pytest.fixture
def several(tmp_path, request) -> Project:
    project = Project(tmp_path / "prøject with spaces")
    project.folder.mkdir()
    order = getattr(request, "param", "top alone base middle")
    calls = [CALL.format(name, "") for name in order.split()]
    project.write({**SOURCES, "SConstruct": HEAD + "".join(calls)})
    return project


@pytest.mark.parametrize(
    "several", ["top alone base middle", "base middle top alone", "middle top base"], indirect=True
)
@pytest.mark.parametrize("jobs", ["-j1", "-j4"])
def test_packages_are_built_after_those_they_import(several: Project, jobs: str) -> None:
    ran = several.build(jobs)
    order = [line.split()[1] for line in ran if line.startswith("serialize ")]
    assert [name for name in order if name != "alone"] == ["base", "middle", "top"]
    manifest = (several.folder / "out/top.pkgimage/top.capture.json").read_text("utf-8")
    ids = [several.folder / f"out/{n}.pkgimage/{n}.capture.id" for n in ("base", "middle")]
    for name, file in zip(("base", "middle"), ids, strict=True):
        assert f"{name} {file.read_text('utf-8')}" in manifest


def test_early_cutoff(several: Project) -> None:
    several.build()
    several.edit("src/base/__init__.py", "def f", "# A comment.\ndef f")
    assert several.build() == stages("base", "serialize", "verify")
    several.edit("src/middle/__init__.py", "import base\n", "import base\n# A comment.\n")
    assert several.build() == stages("middle", "serialize", "verify")
    several.edit("src/alone/__init__.py", "return x", "return 2")
    assert several.build() == stages("alone")


def test_a_changed_function_reaches_who_compiled_it_in(several: Project) -> None:
    several.build()
    several.edit("src/base/__init__.py", "return x", "return 2 * x")
    ran = several.build()
    assert [line for line in ran if line.endswith("base") or "codegen" in line] == stages("base")
    assert [line for line in ran if line.startswith("serialize")] == [
        "serialize base",
        "serialize middle",
        "serialize top",
    ]
    assert not any("alone" in line for line in ran)


def test_the_reason_is_the_other_capture(several: Project) -> None:
    several.build()
    several.edit("src/base/__init__.py", "return x", "return 2 * x")
    lines = several.scons("--debug=explain").lines
    (middle,) = [line for line in lines if "`out/middle.pkgimage/middle.capture.json'" in line]
    assert "because out/base.pkgimage/base.capture.id changed (content " in middle
    assert "src/base" not in middle


@pytest.mark.parametrize(
    ("base", "middle", "linked"),
    [
        ("", "", True),
        (", flags='opt-level=1'", ", cpu_targets='haswell'", True),
        (", flags='check-bounds=yes'", "", False),
        (", platforms='linux-aarch64'", "", False),
    ],
)
def test_only_a_capture_of_the_same_kind_is_built_upon(
    several: Project, base: str, middle: str, linked: bool
) -> None:
    calls = CALL.format("middle", middle) + CALL.format("base", base)
    several.write({"SConstruct": HEAD + calls})
    several.build()
    several.edit("src/base/__init__.py", "def f", "# A comment.\ndef f")
    # Without that capture, its sources themselves are what the other one depends on.
    assert ("serialize middle" in several.build()) == (not linked)


def test_what_only_tests_import_makes_no_circle(several: Project) -> None:
    several.write({"src/base/tests/__init__.py": "import top\n"})
    assert "serialize top" in several.build()


def test_a_circle_is_an_error(several: Project) -> None:
    several.edit("src/base/__init__.py", "def f", "def late():\n    import top\ndef f")
    before = several.files("**/*")
    done = several.scons()
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(
        "pkgimage: error: packages of this build import each other: base -> top -> base; "
    )
    assert several.files("**/*") == before
