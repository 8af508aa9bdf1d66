"""PKGIMAGE_LOG=loading: decisions through logging, and nothing without it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from image_build import environment
from packageimage.load import log, wants_log

PROGRAM = """
import sys
from packageimage.load import note
SETUP
note("rejected", package="kernels", kind="flags", found="opt-level: image has 1")
note("numba imported")
print("logging" in sys.modules)
"""
LINES = (
    "rejected: package=kernels kind=flags found='opt-level: image has 1'",
    "numba imported",
)


def run(home, setup="", **settings):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("SETUP", setup)],
        env=environment(home, **settings),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip(), done.stderr.splitlines()


@pytest.mark.parametrize("setting", [{}, {"PKGIMAGE_LOG": ""}, {"PKGIMAGE_LOG": "other"}])
def test_without_it_logging_is_not_imported(tmp_path, setting):
    assert run(tmp_path, **setting) == ("False", [])


def test_with_it_each_decision_is_a_line(tmp_path):
    shown = [f"packageimage: {line}" for line in LINES]
    assert run(tmp_path, PKGIMAGE_LOG="loading") == ("True", shown)


def test_a_program_that_has_set_up_logging_keeps_its_way(tmp_path):
    setup = "import logging; logging.basicConfig(format='%(name)s|%(levelname)s|%(message)s')"
    _, error = run(tmp_path, setup, PKGIMAGE_LOG="loading")
    assert error == [f"packageimage|INFO|{line}" for line in LINES]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("loading", True), ("Loading", True), ("a,loading", True), ("load", False), ("", False)],
)
def test_words(value, wanted):
    assert wants_log({"PKGIMAGE_LOG": value}) is wanted


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, "kind"),
        ({"a": 1, "b": "x"}, "kind: a=1 b=x"),
        ({"a": "", "b": "x y", "c": "x\ny"}, "kind: a='' b='x y' c='x\\ny'"),
        ({"a": "b=c"}, "kind: a='b=c'"),
    ],
)
def test_lines(fields, shown):
    assert log.line("kind", fields) == shown
