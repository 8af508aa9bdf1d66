"""Published images of the package `changing`, to be damaged in copies."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import edited_package
import pytest
from damaged import Published
from image_build import build


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Of version 1: one image that attaches and one that restores; of version 2 one that restores.
    Never to be changed."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "two").mkdir()

    def built(home: Path, version: int, name: str, *more: str) -> Path:
        source = edited_package.set_up(home, version)
        depot = folder / name
        build(
            home, depot, edited_package.PACKAGE, home / "workload.py", source,
            "--cpu-targets", "generic", *more,
        )  # fmt: skip
        return depot

    with ThreadPoolExecutor() as threads:
        other = threads.submit(built, folder / "two", 2, "other", "--restore")
        attached = built(folder, 1, "attached")
        restored = built(folder, 1, "restored", "--restore")
        depots = {"attached": attached, "restored": restored}
        return Published(folder, depots, other.result())


@pytest.fixture
def depot(published: Published, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of the depot that the parameter names, by default of the one that restores."""
    name = getattr(request, "param", "restored")
    return Path(shutil.copytree(published.depots[name], tmp_path / "depot"))
