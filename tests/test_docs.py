"""The documents say what is true: every file, command, variable and platform they name exists."""

from __future__ import annotations

import argparse
import functools
import importlib
import importlib.util
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from packageimage import cli
from packageimage.model.cpu_targets import parse_cpu_targets
from packageimage.model.flags import CacheFlags, parse_flags
from packageimage.model.platform import PLATFORMS
from packageimage.model.rejection import RejectionKind
from packageimage.stages.__main__ import STAGES
from site_tools.lld_flavors import object_formats

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "site_scons"
LIBRARY = SITE / "packageimage"
OURS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
DOCUMENTS = [*OURS, *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("examples/*/README.md"))]

# Read by Numba, named where its fault or meaning is the matter.
FOREIGN_VARIABLES = {"NUMBA_"}


@functools.cache
def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def spans(document: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`\n]+)`", text_of(document))


def code_lines(document: str) -> list[str]:
    """The lines of indented code blocks, without a shell's comments."""
    lines = [line[4:] for line in text_of(document).splitlines() if line.startswith("    ")]
    return [line.split("  #")[0].rstrip() for line in lines]


def rows(document: str, heading: str) -> list[list[str]]:
    """The cells of the table whose first heading is `heading`, without backticks."""
    lines = iter(text_of(document).splitlines())
    for line in lines:
        if line.startswith(f"| {heading} |"):
            break
    else:
        raise AssertionError(f"{document} has no table that starts with {heading!r}")
    next(lines)
    table = []
    for line in lines:
        if not line.startswith("|"):
            break
        table.append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
    return table


@functools.cache
def source_words() -> frozenset[str]:
    files = [*SITE.rglob("*.py"), ROOT / "SConstruct", ROOT / "benchmarks" / "processes.py"]
    found: set[str] = set()
    for file in files:
        found.update(re.findall(r"\w+", file.read_text(encoding="utf-8")))
    return frozenset(found)


@functools.cache
def construction_variables() -> frozenset[str]:
    """What the tool puts into an environment."""
    environment = pytest.importorskip("SCons.Environment")
    env = environment.Environment(tools=["pkgimage"], toolpath=[str(SITE / "site_tools")])
    return frozenset(name for name in env.Dictionary() if name.startswith("PKGIMAGE"))


def exists(name: str, document: str) -> bool:
    """Whether a file or folder is there: by its path from one of the roots, or by its name."""
    roots = ((ROOT / document).parent, ROOT, SITE, LIBRARY, SITE / "site_tools")
    if any((root / name).exists() for root in roots):
        return True
    folders = ("site_scons", "examples", "benchmarks", "tests")
    return "/" not in name and any(True for folder in folders for _ in (ROOT / folder).rglob(name))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_are_named_exist(document):
    named = {span for span in spans(document) if re.fullmatch(r"[\w./-]+(\.py|\.md|/)", span)}
    named |= set(re.findall(r"\]\((?!https?:)([^)#]+)\)", text_of(document)))
    if document == "ARCHITECTURE.md":
        named |= {word for line in code_lines(document) for word in re.findall(HOUSE, line)}
    assert sorted(name for name in named if not exists(name, document)) == []


HOUSE = r"(?<![\w>-])[\w/]+(?:\.py|/)(?=\s)"


def test_the_map_names_the_whole_house():
    block = "\n".join(code_lines("ARCHITECTURE.md"))
    parts = {path.name for path in LIBRARY.iterdir() if (path / "__init__.py").exists()}
    parts |= {path.name for path in LIBRARY.glob("*.py") if not path.name.startswith("__")}
    assert sorted(part for part in parts if not re.search(rf"(?m)^\s+{part}[/\s]", block)) == []


def parser_of(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(exit_on_error=False)
    importlib.import_module(f"packageimage.commands.{command}").add_arguments(parser)
    return parser


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_are_understood(document):
    lines = [*code_lines(document), *spans(document)]
    for words in (shlex.split(line, comments=True) for line in lines if "pkgimage " in line):
        while words and (words[0] == "$" or "=" in words[0]):
            words.pop(0)
        if words[:1] != ["pkgimage"] or len(words) < 2:
            continue
        assert words[1] in cli.COMMANDS, words
        if len(words) > 2 and "..." not in words:
            parser_of(words[1]).parse_args(words[2:])


def test_every_command_is_in_the_readme():
    said = text_of("README.md")
    assert [name for name in cli.COMMANDS if f"pkgimage {name}" not in said] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_scripts_modules_and_lanes_exist(document):
    spec = importlib.util.spec_from_file_location("run_script", ROOT / "run.py")
    run = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run)
    code = "\n".join([*code_lines(document), *spans(document)])
    for lane in re.findall(r"python3 run\.py (\w+)", code):
        assert lane in run.LANES
    for script in re.findall(r"python3? ((?!run\.py)[\w/]+\.py)", code):
        assert (ROOT / script).is_file(), script
    for module in re.findall(r"python3? -m (packageimage[\w.]*)", code):
        assert importlib.util.find_spec(module), module


@pytest.mark.parametrize("document", DOCUMENTS)
def test_variables_exist(document):
    named = set(re.findall(r"\b(?:PKGIMAGE\w*|NUMBA_\w*|LLD[A-Z]+)\b", text_of(document)))
    unknown = named - source_words() - FOREIGN_VARIABLES - construction_variables()
    assert sorted(unknown) == []


def test_the_readme_names_every_environment_variable():
    # Construction variables have a table of their own.
    tools = {*(LIBRARY / "scons").glob("*.py"), SITE / "site_tools/lld_flavors/scons_tool.py"}
    read: set[str] = set()
    for file in set(SITE.rglob("*.py")) - tools:
        read.update(re.findall(r'"(PKGIMAGE(?:_[A-Z_]+)?)"', file.read_text(encoding="utf-8")))
    listed = {row[0] for row in rows("README.md", "variable")}
    assert sorted(read - listed) == []


def test_the_readme_names_every_construction_variable():
    stages = {stage.upper() for stage in STAGES}
    of_stages = {f"PKGIMAGE{s}{part}" for s in stages for part in ("", "FLAGS", "COM", "COMSTR")}
    named = set(re.findall(r"\bPKGIMAGE\w*", text_of("README.md")))
    assert {f"PKGIMAGE{stage}" for stage in stages} <= named
    # How a stage is started, and with which tool chain: not settings.
    inner = {"PKGIMAGESTAGE", "PKGIMAGE_MADEWITH"}
    assert sorted(construction_variables() - of_stages - inner - named) == []


def test_flags():
    table = rows("README.md", "flag")
    defaults = dict(item.split("=") for item in str(CacheFlags()).split(","))
    assert [row[0] for row in table] == list(defaults)
    for name, values, *_ in table:
        for value in re.split(r", | to ", values):
            assert f"{name}={value}" in str(parse_flags(f"{name}={value}"))
    for text in re.findall(r"(?:[a-z-]+=\w+,)+[a-z-]+=\w+", text_of("README.md")):
        parse_flags(text)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_cpu_targets_are_understood(document):
    for text in re.findall(r"(?:CPU_TARGETS=|--cpu-targets )'([^']+)'", text_of(document)):
        assert parse_cpu_targets(text, "x86_64")


def test_only_platforms_that_can_be_linked_are_claimed():
    table = rows("README.md", "platform")
    assert sorted(row[0] for row in table) == sorted(PLATFORMS)
    claimed = [row[0] for row in table if row[1] != "not yet"]
    assert claimed
    assert [name for name in claimed if PLATFORMS[name].object_format not in object_formats()] == []


def test_the_stages_and_their_order():
    assert [row[0] for row in rows("ARCHITECTURE.md", "stage")] == list(STAGES)


def test_rejections_are_given_in_their_order():
    kinds = [kind.value for kind in RejectionKind]
    assert kinds.index("platform") < kinds.index("base-image") < kinds.index("flags")
    order = ["platform", "base image", "flags", "CPU target", "includes"]
    order += ["requires", "preferences"]
    text = text_of("ARCHITECTURE.md")
    items = [re.search(rf"(?m)^(\d+)\. {name}", text) for name in order]
    assert [int(item[1]) for item in items] == [2, 3, 4, 5, 6, 7, 8]


def test_versions_agree():
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    oldest, above = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"]).groups()
    assert f"Python 3.{oldest} to 3.{int(above) - 1}" in text_of("README.md")
    (numba,) = (n for n in project["optional-dependencies"]["build"] if n.startswith("numba"))
    first, after = re.fullmatch(r"numba>=0\.(\d+),<0\.(\d+)", numba).groups()
    assert int(after) == int(first) + 2
    assert f"Numba 0.{first} and 0.{int(after) - 1}" in text_of("README.md")


def test_the_wheel_holds_every_package():
    """pyproject.toml lists packages one by one, because they come from two folders."""
    listed = tomllib.loads(text_of("pyproject.toml"))["tool"]["setuptools"]["packages"]
    found = set()
    for marker in SITE.rglob("__init__.py"):
        name = ".".join(marker.parent.relative_to(SITE).parts)
        found.add(name.replace("site_tools", "packageimage.site_tools", 1))
    assert sorted(listed) == sorted(found)
