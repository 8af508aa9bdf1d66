"""What several files of these tests use, built once for all of a run's processes."""

from __future__ import annotations

import os
from pathlib import Path

import filelock
import pytest
from image_build import PACKAGES, build


@pytest.fixture(scope="session")
def everything(tmp_path_factory) -> tuple[Path, Path]:
    """A user's folder, and a depot with the image of the package `everything`, attached, in three
    partitions."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # the run's, of which each of its processes has a part
    home, depot = root / "everything home", root / "everything depot"
    with filelock.FileLock(root / "everything.lock"):
        if not depot.exists():
            home.mkdir(exist_ok=True)
            workload = PACKAGES / "everything_workload.py"
            build(home, depot, "everything", workload, PACKAGES, "--partitions", "3")
    return home, depot
