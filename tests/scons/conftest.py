from __future__ import annotations

from pathlib import Path

import pytest
from scons_project import FILES, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with one image, its stages faked, in a folder whose name needs care."""
    folder = tmp_path / "prøject with spaces"
    folder.mkdir()
    made = Project(folder)
    made.write(FILES)
    return made
