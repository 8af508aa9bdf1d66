"""The link stage as a command: LLD runs, output whole or not at all, failures can be repeated."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from elf_samples import LINKERS, compile_ir, image_ir, link, linker_named
from packageimage.codegen.data_object import package_object
from packageimage.model.platform import PLATFORMS
from packageimage.stages.link import LinkCommand, repeat_script
from site_tools.lld_flavors import flavor_named

# Exported, or --gc-sections would drop it and what it asks for.
ASKS = "declare void @nobody()\ndefine void @asks() { call void @nobody() ret void }"


@pytest.fixture
def stage(tmp_path):
    """Runs the stage in an empty folder with the object a.o in it."""
    (tmp_path / "a.o").write_bytes(compile_ir(image_ir()))
    library = Path(__file__).resolve().parents[2] / "site_scons"

    def run(*command, output="out/x.so", options=(), **environ):
        words = ["link", "--output", output, *options, "--", *command]
        return subprocess.run(
            [sys.executable, "-m", "packageimage.stages", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(library), **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def elf_command(*inputs, linker="ziglang", platform="linux-x86_64"):
    found = linker_named(linker)
    if found is None:
        pytest.skip(f"{linker} is not installed")
    return flavor_named("elf").command(found, PLATFORMS[platform], inputs)


def fake(folder, body):
    """A linker that is the shell script `body`; its first argument is the output's name."""
    path = folder / "fake-lld"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return [str(path), "{output}", "a.o"]


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("linker", LINKERS)
def test_links_what_the_flavor_says(stage, tmp_path, linker):
    done = stage(*elf_command("a.o", linker=linker))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert files(tmp_path / "out") == ["x.so"]
    direct = link(tmp_path / "direct", {"a.o": (tmp_path / "a.o").read_bytes()}, linker)
    assert (tmp_path / "out/x.so").read_bytes() == direct.read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="permissions")
def test_others_cannot_write_to_what_is_linked(stage, tmp_path):
    done = stage(*fake(tmp_path, 'echo library > "$1"; chmod 0777 "$1"'))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out/x.so").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_packages_data_for_the_platform(stage, tmp_path, platform):
    """It is an object for linux-x86_64; a failed link for another keeps what LLD was given."""
    data = b"".join(package_object([b"ARRAYS" * 100], PLATFORMS["linux-x86_64"]))
    (tmp_path / "k.package.bin").write_bytes(data)
    command = [*fake(tmp_path, 'cp "$3" "$1"'), "k.package.bin"]
    done = stage(*command, options=["--platform", platform])
    assert (done.returncode, done.stderr) == (0, "")
    expected = b"".join(package_object([b"ARRAYS" * 100], PLATFORMS[platform]))
    assert (tmp_path / "out/x.so").read_bytes() == expected
    assert files(tmp_path / "out") == ["x.so"]

    done = stage(*fake(tmp_path, "exit 1"), "k.package.bin", options=["--platform", platform])
    assert done.returncode == 2
    (kept,) = (tmp_path / "out/x.so.failed/inputs").glob("*k.package*")
    assert kept.read_bytes() == expected

    (tmp_path / "k.package.bin").write_bytes(data[:-1])
    done = stage(*command, options=["--platform", platform])
    if platform != "linux-x86_64":  # whose LLD says it
        assert "expected a package's data as the serialize stage writes it" in done.stderr
        assert done.returncode == 2


def test_the_digest_of_what_was_linked(stage, tmp_path):
    done = stage(*fake(tmp_path, 'echo library > "$1"'), options=["--digest", "out/x.so.digest"])
    assert (done.returncode, done.stderr) == (0, "")
    sha256 = hashlib.sha256(b"library\n").hexdigest()
    said = json.loads((tmp_path / "out/x.so.digest").read_bytes())
    assert said == {"sha256": sha256, "size": 8}


@pytest.mark.parametrize("linker", LINKERS)
def test_a_failed_link_can_be_repeated(stage, tmp_path, linker):
    (tmp_path / "b c.o").write_bytes(compile_ir(ASKS))
    (tmp_path / "gnu").write_text("a file that is called like an argument")
    done = stage(*elf_command("a.o", "b c.o", linker=linker))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "pkgimage: error: linking out/x.so failed: LLD says 'undefined symbol: nobody'; "
        "out/x.so.failed/repeat.sh repeats it, PKGIMAGE_VERBOSE_LINKING=1 shows what LLD does"
    )
    failed = tmp_path / "out/x.so.failed"
    assert files(tmp_path / "out") == [
        "x.so.failed",
        "x.so.failed/inputs",
        "x.so.failed/inputs/000-a.o",
        "x.so.failed/inputs/001-b c.o",
        "x.so.failed/output.txt",
        "x.so.failed/repeat.sh",
    ]
    for name in ("a.o", "b c.o"):
        (tmp_path / name).unlink()
    again = subprocess.run(
        [failed / "repeat.sh"], cwd="/", capture_output=True, text=True, check=False
    )
    assert again.returncode == 1
    assert "undefined symbol: nobody" in again.stderr
    relaxed = subprocess.run(
        [failed / "repeat.sh", "-z", "undefs"], cwd="/", capture_output=True, check=False
    )
    assert relaxed.returncode == 0
    assert (failed / "x.so").is_file()


def test_the_next_good_link_removes_the_folder(stage, tmp_path):
    (tmp_path / "b.o").write_bytes(compile_ir(ASKS))
    assert stage(*elf_command("a.o", "b.o")).returncode == 2
    assert stage(*elf_command("a.o")).returncode == 0
    assert files(tmp_path / "out") == ["x.so"]


def test_a_failed_link_leaves_the_earlier_output(stage, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/x.so").write_text("earlier")
    assert stage(*fake(tmp_path, 'echo half > "$1"; exit 1')).returncode == 2
    assert (tmp_path / "out/x.so").read_text() == "earlier"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("echo 'lld: error: bad thing'; exit 1", "LLD says 'bad thing'"),
        ("exit 3", "LLD exited with code 3"),
        ("exit 0", "LLD wrote no output"),
        ("kill -SEGV $$", "LLD was ended by SIGSEGV"),
    ],
)
def test_how_it_failed(stage, tmp_path, body, reason):
    done = stage(*fake(tmp_path, body))
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"pkgimage: error: linking out/x.so failed: {reason}; ")


@pytest.mark.parametrize(
    "body",
    [
        "echo 'lld: error: failed to write: No space left on device'; exit 1",
        "echo half > $1; kill -BUS $$",
    ],
)
def test_a_full_disk_is_called_so_and_nothing_is_kept(stage, tmp_path, body):
    done = stage(*fake(tmp_path, body))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "pkgimage: error: linking out/x.so needs more disk space than there is: found "
    )
    assert line.endswith(" bytes free in out; make room there and build again")
    assert files(tmp_path / "out") == []


def test_a_linker_that_is_not_there(stage, tmp_path):
    done = stage(str(tmp_path / "absent"), "{output}", "a.o")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "found that it does not start (No such file or directory)" in line
    assert files(tmp_path / "out") == []


@pytest.mark.parametrize("words", [("lld", "a.o"), ("lld", "{output}", "{output}")])
def test_the_output_is_named_once(stage, words):
    done = stage(*words)
    assert done.returncode == 2
    assert "must hold {output} once, found it" in done.stderr


@pytest.mark.parametrize("linker", LINKERS)
def test_verbose_shows_the_command_and_what_lld_does(stage, tmp_path, linker):
    command = elf_command("a.o", linker=linker)
    done = stage(*command, PKGIMAGE_VERBOSE_LINKING="1")
    assert done.returncode == 0
    first, *rest = done.stderr.splitlines()
    words = shlex.split(first)
    assert words[: len(command) - 2] == command[:-2]
    assert words[-2:] == ["a.o", "--verbose"]
    assert any("a.o" in line for line in rest)
    quiet = stage(*command, output="quiet/x.so", PKGIMAGE_VERBOSE_LINKING="0")
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert (tmp_path / "quiet/x.so").read_bytes() == (tmp_path / "out/x.so").read_bytes()


def test_inputs_of_one_name_are_kept_apart(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.o").write_text(folder)
    one, two = (str(tmp_path / folder / "a.o") for folder in ("one", "two"))
    command = LinkCommand(("lld", "-o", "{output}", one, two, one, "--last"))
    assert command.inputs() == {one: "000-a.o", two: "001-a.o"}
    assert repeat_script(command, "x.so", command.inputs()).splitlines()[-1] == (
        "exec env ZIG_GLOBAL_CACHE_DIR=zig-cache ZIG_LOCAL_CACHE_DIR=zig-cache ZERO_AR_DATE=1 "
        'lld -o x.so inputs/000-a.o inputs/001-a.o inputs/000-a.o --last "$@"'
    )
