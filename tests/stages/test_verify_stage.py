"""The verify stage as a command: published when every rule is kept, else nothing."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from elf_samples import compile_ir, image_ir, link
from packageimage.locks import held
from packageimage.model import header as headers
from packageimage.model.base_image import BaseImage
from packageimage.model.flags import CacheFlags
from packageimage.model.header import Header
from packageimage.publishing import lock_of


def encoded_header(platform="linux-x86_64"):
    base = BaseImage("cpython-311", "0.68.1", "0.50.0", "22.1.0", "2.4.6", 1)
    return headers.encode(
        Header(
            package="kernels",
            build_id="0" * 64,
            capture="0" * 64,
            base=base,
            platform=platform,
            flags=CacheFlags(),
            targets=(),
            partitions=(1,),
            slots=("a", "b"),
        )
    )


@pytest.fixture
def stage(tmp_path):
    library = Path(__file__).resolve().parents[2] / "site_scons"

    def run(header, image, platform="linux-x86_64", depot="depot/base/kernels", start=False):
        (tmp_path / "k.header").write_bytes(header)
        (tmp_path / "k.so").write_bytes(image)
        words = ["--header", "k.header", "--image", "k.so", "--platform", platform]
        words += ["--output-image", f"{depot}/s.pkgimage.so", "--output-header", f"{depot}/s.pki"]
        started = subprocess.Popen(
            [sys.executable, "-m", "packageimage.stages", "verify", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(library)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if start:
            return started
        output, error = started.communicate()
        return subprocess.CompletedProcess(words, started.returncode, output, error)

    return run


def image(folder, header, extra="", **arguments):
    objects = {"a.o": compile_ir(image_ir(header, extra))}
    return link(folder / "linking", objects, **arguments).read_bytes()


def test_a_good_image_is_published_with_its_checksum(stage, tmp_path):
    header = encoded_header()
    data = image(tmp_path, header)
    done = stage(header, data)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    folder = tmp_path / "depot/base/kernels"
    assert sorted(path.name for path in folder.iterdir()) == ["s.pkgimage.so", "s.pki"]
    assert (folder / "s.pkgimage.so").read_bytes() == data
    sidecar = headers.decode_sidecar((folder / "s.pki").read_bytes())
    assert sidecar.encoded == header
    assert (sidecar.image_size, sidecar.image_sha256) == (
        len(data),
        hashlib.sha256(data).hexdigest(),
    )


def test_every_broken_rule_is_a_line_and_nothing_is_published(stage, tmp_path):
    header = encoded_header()
    done = stage(
        header, image(tmp_path, header, extra="@other = global i32 1", add=("-z", "execstack"))
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "pkgimage: k.so: exports: expected the one name pkgimage, found other, pkgimage",
        "pkgimage: k.so: stack: expected one that is not executable, found that it asks for one",
        "pkgimage: error: k.so must keep every rule for images, found 2 broken (exports, stack); "
        "nothing was published",
    ]
    assert not (tmp_path / "depot").exists()


def test_a_published_image_stays_when_the_next_is_bad(stage, tmp_path):
    header = encoded_header()
    good = image(tmp_path, header)
    assert stage(header, good).returncode == 0
    before = (tmp_path / "depot/base/kernels/s.pki").read_bytes()
    at = good.index(header) + 60
    done = stage(header, good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
    assert done.returncode == 2
    assert "pkgimage: k.so: header: expected the one beside the image" in done.stderr
    assert (tmp_path / "depot/base/kernels/s.pki").read_bytes() == before
    assert (tmp_path / "depot/base/kernels/s.pkgimage.so").read_bytes() == good


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (
            lambda header, data: (header[:-1], data),
            "k.header: header of {} bytes is cut off after {}; build it again",
        ),
        (lambda header, data: (header, data[:300]), "k.so: expected a little-endian 64-bit ELF"),
        (lambda header, data: (header, b""), "k.so: expected an ELF, Mach-O or COFF file, found"),
        (
            lambda header, data: (encoded_header("linux-aarch64"), data),
            "k.header: expected a header for linux-x86_64, found one for linux-aarch64",
        ),
    ],
)
def test_damaged_inputs_cost_one_line(stage, tmp_path, damage, line):
    header = encoded_header()
    done = stage(*damage(header, image(tmp_path, header)))
    assert done.returncode == 2
    (said,) = done.stderr.splitlines()
    assert said.startswith("pkgimage: error: " + line.format(len(header), len(header) - 1))
    assert not (tmp_path / "depot").exists()


def test_what_another_build_has_replaced_is_not_published(stage, tmp_path):
    """A stage goes on when its build is killed, and waits here until the next build has ended."""
    header = encoded_header()
    data = image(tmp_path, header)
    depot = tmp_path / "depot/base/kernels"
    depot.mkdir(parents=True)
    with held(lock_of(depot / "s.pki"), "another"):
        waiting = stage(header, data, start=True)
        assert "waiting for" in waiting.stderr.readline()
        (tmp_path / "new.so").write_bytes(data)
        (tmp_path / "new.so").replace(tmp_path / "k.so")
    _, error = waiting.communicate()
    assert waiting.returncode == 2
    assert "expected the file that was verified" in error.splitlines()[-1]
    assert [path.name for path in depot.iterdir()] == []
    assert stage(header, data).returncode == 0


def test_a_depot_that_cannot_be_written(stage, tmp_path):
    header = encoded_header()
    (tmp_path / "depot").write_text("a file where a folder should be")
    done = stage(header, image(tmp_path, header))
    assert done.returncode == 2
    (said,) = done.stderr.splitlines()
    assert said.startswith("pkgimage: error: cannot publish depot/base/kernels/s.pkgimage.so: ")
