"""The .dSYM beside a Mach-O image, with fakes for dsymutil; what it holds is LLVM's business."""

from __future__ import annotations

import os

import pytest
from packageimage.stages.debug_symbols import find_dsymutil, write_bundle

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the fakes are shell scripts")
MAKES = 'mkdir -p "$2/Contents"; echo "$3" > "$2/Contents/of"'


def fake(folder, name, body):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)
    return {"PATH": os.pathsep.join([str(folder), "/absent"])}


def test_the_plain_name_then_the_highest_version(tmp_path):
    folder = tmp_path / "bin"
    environ = fake(folder, "dsymutil-9", "")
    fake(folder, "dsymutil-19", "")
    assert find_dsymutil(environ) == str(folder / "dsymutil-19")
    fake(folder, "dsymutil", "")
    assert find_dsymutil(environ) == str(folder / "dsymutil")
    assert find_dsymutil({"PATH": ""}) is None


def test_a_bundle_replaces_that_of_an_earlier_image(tmp_path):
    image = tmp_path / "k.pkgimage.dylib"
    bundle = tmp_path / "k.pkgimage.dylib.dSYM"
    bundle.mkdir()
    (bundle / "old").write_text("")
    write_bundle(image, fake(tmp_path / "bin", "dsymutil", MAKES))
    assert [path.name for path in bundle.rglob("*")] == ["Contents", "of"]
    assert (bundle / "Contents/of").read_text() == f"{image}\n"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("echo 'warning: broken' >&2; exit 1", "says 'warning: broken'"),
        (f"{MAKES}; echo 'warning: no debug symbols in executable' >&2", "no debug symbols"),
        (None, "there is no dsymutil on PATH"),
    ],
)
def test_without_one_there_is_a_note_and_no_old_bundle(tmp_path, capsys, body, said):
    image = tmp_path / "k.dylib"
    (tmp_path / "k.dylib.dSYM").mkdir()
    environ = {"PATH": ""} if body is None else fake(tmp_path / "bin", "dsymutil", body)
    write_bundle(image, environ)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"pkgimage: {image}: no .dSYM for debuggers: ")
    assert said in line
    assert not (tmp_path / "k.dylib.dSYM").exists()
