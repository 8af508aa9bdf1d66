from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from scons_project import FILES, Project


@pytest.fixture(scope="session")
def first_build(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, list[str]]:
    """A project that is built, and the stages that ran for it; to be copied."""
    made = Project(tmp_path_factory.mktemp("prøject with spaces"))
    made.write(FILES)
    return made, made.build()


@pytest.fixture
def built(first_build: tuple[Project, list[str]], tmp_path: Path) -> Project:
    """The project right after its first build, moved to a folder of the test's own."""
    original, _ = first_build
    made = Project(tmp_path / "prøject with spaces")
    shutil.copytree(original.folder, made.folder)
    # All that holds a path of the folder: which files a capture imported.
    imported = "kernels.pkgimage/kernels.imported.json"
    old, new = (json.dumps(str(p.folder)).strip('"') for p in (original, made))
    made.edit(imported, old, new)
    return made


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with one image, its stages faked, in a folder whose name needs care."""
    folder = tmp_path / "prøject with spaces"
    folder.mkdir()
    made = Project(folder)
    made.write(FILES)
    return made
