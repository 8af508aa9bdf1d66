"""Without a machine a test skips, or fails where machines are required."""

from __future__ import annotations

import pytest

from machines import fixtures
from machines.cache import Unavailable


@pytest.fixture(autouse=True)
def missing(monkeypatch):
    def make():
        raise Unavailable("found no tool: install it")

    monkeypatch.setitem(fixtures.MACHINES, "missing", make)
    return monkeypatch


def test_skips_with_the_reason(missing):
    missing.delenv(fixtures.VARIABLE, raising=False)
    with pytest.raises(pytest.skip.Exception, match="missing: found no tool: install it"):
        fixtures.machine_or_skip("missing")


def test_fails_where_required(missing):
    missing.setenv(fixtures.VARIABLE, "required")
    with pytest.raises(pytest.fail.Exception, match="missing: found no tool: install it"):
        fixtures.machine_or_skip("missing")
