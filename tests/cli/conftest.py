"""One published image of the package tiny, for all tests of commands that look at images."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from image_build import PACKAGES, build


@dataclass(frozen=True)
class Place:
    """home: a user's. source: a folder with the package tiny. depot: with its one image."""

    home: Path
    source: Path
    depot: Path

    @property
    def header(self) -> Path:
        (found,) = self.depot.glob("*/tiny/*.pki")
        return found

    @property
    def image(self) -> Path:
        (found,) = self.depot.glob("*/tiny/*.pkgimage.*")
        return found


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Place:
    """Never to be changed; `place` is a copy."""
    folder = tmp_path_factory.mktemp("built")
    place = Place(folder / "home", folder / "src", folder / "depot")
    place.home.mkdir()
    shutil.copytree(PACKAGES / "tiny", place.source / "tiny")
    workload = PACKAGES / "tiny_workload.py"
    build(place.home, place.depot, "tiny", workload, place.source, "--cpu-targets", "generic")
    return place


@pytest.fixture
def place(built, tmp_path) -> Place:
    shutil.copytree(built.source, tmp_path / "src")
    shutil.copytree(built.depot, tmp_path / "depot")
    return Place(built.home, tmp_path / "src", tmp_path / "depot")
