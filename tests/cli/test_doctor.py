"""`pkgimage doctor`: what is said of a machine that has all, and of one that lacks a linker."""

from __future__ import annotations

import json
import sys

import pytest
from packageimage.cli import main
from packageimage.commands import doctor
from packageimage.commands.doctor import Check, lines
from packageimage.model.platform import PLATFORMS, host_platform


def test_every_platform_is_spoken_of(capsys):
    main(["doctor", "--json"])
    checks = json.loads(capsys.readouterr().out)["checks"]
    for section in ("build", "run"):
        assert [row["name"] for row in checks if row["section"] == section] == list(PLATFORMS)
    python = next(row for row in checks if row["name"] == "python")
    assert sys.version.split()[0] in python["found"]


def test_without_a_linker_it_says_what_to_install(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PKGIMAGE_LLD", raising=False)
    detect = doctor.lld_flavors("detect")
    monkeypatch.setattr(detect, "WHEEL", "no_such_module")
    assert main(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert f"  missing {host_platform().name}" in shown
    assert "pip install ziglang" in shown


def test_a_linker_for_one_format_serves_its_platforms(capsys, monkeypatch, tmp_path):
    fake = tmp_path / "lld-link"
    fake.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo 'LLD 19.1.7'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PKGIMAGE_LLD", str(fake))
    main(["doctor", "--json"])
    found = {
        row["name"]: row["found"]
        for row in json.loads(capsys.readouterr().out)["checks"]
        if row["section"] == "build"
    }
    assert found["windows-x86_64"] == f"LLD 19.1.7 ({fake}), flavor coff_link"
    assert found["macos-arm64"] == found["linux-x86_64"] == "no linker"


@pytest.mark.parametrize(
    ("check", "mark"),
    [
        (Check("build", "x", "LLD"), "  ok      x  LLD"),
        (Check("build", "x", "no linker", "install it"), "  missing x  no linker"),
        (Check("run", "x", "not here", "needs another"), "  no      x  not here"),
    ],
)
def test_marks(check, mark):
    shown = lines([check])
    assert mark in shown
    assert not check.advice or shown[shown.index(mark) + 1] == f"          {check.advice}"
