"""Fixtures that hand out machines, each made once and kept for all sessions.

A test outside this folder gets them with `from machines.fixtures import linux_aarch64`. Where a
tool is missing they skip and say what to install; with PACKAGEIMAGE_MACHINES=required, as in CI,
they fail.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from . import windows_x86_64 as wine
from .cache import Unavailable
from .catalogue import MACHINES
from .machine import Machine

VARIABLE = "PACKAGEIMAGE_MACHINES"


def machine_or_skip(name: str) -> Machine:
    """The machine `name`; skips or fails the test, as $PACKAGEIMAGE_MACHINES says, without it."""
    try:
        return MACHINES[name]()
    except Unavailable as missing:
        reason = f"{name}: {missing}"
    if os.environ.get(VARIABLE) == "required":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def linux_aarch64() -> Machine:
    return machine_or_skip("linux-aarch64")


@pytest.fixture(scope="session")
def windows_x86_64() -> Iterator[Machine]:
    machine = machine_or_skip("windows-x86_64")
    with wine.server_running(machine):
        yield machine


@pytest.fixture(scope="session")
def macos_arm64() -> Machine:
    return machine_or_skip("macos-arm64")


@pytest.fixture(scope="session")
def macos_x86_64() -> Machine:
    return machine_or_skip("macos-x86_64")


@pytest.fixture(scope="session")
def kvm64() -> Machine:
    """A CPU below x86-64-v2, with an older NumPy: build for it with `kvm64.builder`."""
    return machine_or_skip("linux-x86_64-kvm64")


@pytest.fixture(scope="session")
def nehalem() -> Machine:
    """x86-64-v2, the least that today's NumPy runs on."""
    return machine_or_skip("linux-x86_64-nehalem")


@pytest.fixture(scope="session")
def haswell() -> Machine:
    """x86-64-v3."""
    return machine_or_skip("linux-x86_64-haswell")
