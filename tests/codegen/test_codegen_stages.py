"""The stages codegen and data as commands: files in, files out, one line for a mistake."""

import json

import pytest
from ir_samples import HEAD, KERNEL_ENTRIES, KERNELS, bitcode
from packageimage.model.base_image import BaseImage
from packageimage.model.header import decode
from packageimage.stages.__main__ import main
from packageimage.stages.output import atomic_output

TARGETS = "generic;haswell"
BASE = {
    "python_abi": "cpython-311",
    "numba": "0.68.1",
    "llvmlite": "0.50.0",
    "llvm": "",
    "numpy": "2.0.0",
    "runtime_format": 1,
}
# A 128-bit division inside an internal function: only the object shows the call.
DIVIDES = (
    HEAD
    + """
define internal i64 @inner(i64 %a, i64 %b) noinline {
  %x = sext i64 %a to i128
  %y = sext i64 %b to i128
  %m = mul i128 %x, %x
  %q = sdiv i128 %m, %y
  %r = trunc i128 %q to i64
  ret i64 %r
}
define i64 @divides(i64 %a, i64 %b) {
  %r = call i64 @inner(i64 %a, i64 %b)
  ret i64 %r
}
define i64 @innocent(i64 %a) {
  ret i64 %a
}
"""
)


def capture(folder, ir=KERNELS, entries=KERNEL_ENTRIES, **fields):
    """A capture of one partition in *folder*."""
    folder.mkdir(exist_ok=True)
    manifest = {
        "format": 3,
        "id": "ab" * 32,
        "package": "kernels",
        "flags": "",
        "base": BASE,
        "partitions": [{"entries": list(entries)}],
        "entry_owners": {entry: f"kernels.{entry}(int64)" for entry in entries},
        "requires": [{"package": "other", "content": "cd" * 32}],
        "preferences": {},
        "methods": len(entries),
        "environments": ["_ZN08NumbaEnv4none", "_ZN08NumbaEnv4shift"],
        "omitted": [],
    } | fields
    (folder / "kernels.capture.json").write_text(json.dumps(manifest, sort_keys=True, indent=1))
    (folder / "kernels.capture.bin").write_bytes(b"methods")
    (folder / "kernels.p0.bc").write_bytes(bitcode(ir))
    return folder


def codegen(folder, index, targets=TARGETS, **more):
    options = {
        "--capture": folder / "kernels.capture.json",
        "--bitcode": folder / "kernels.p0.bc",
        "--partition": 0,
        "--platform": "linux-x86_64",
        "--cpu-targets": targets,
        "--target-index": index,
        "--output": folder / f"kernels.p0.t{index}.o",
    } | more
    return main(["codegen", *(str(word) for pair in options.items() for word in pair)])


def data(folder, count=2, targets=TARGETS):
    return main(
        ["data", "--capture", f"{folder}/kernels.capture.json",
         "--blob", f"{folder}/kernels.capture.bin", "--bitcode", f"{folder}/kernels.p0.bc",
         "--platform", "linux-x86_64", "--cpu-targets", targets, "--output", f"{folder}/kernels",
         *(f"{folder}/kernels.p0.t{i}.o" for i in range(count))]
    )  # fmt: skip


def outputs(folder):
    assert [codegen(folder, 0), codegen(folder, 1), data(folder)] == [0, 0, 0]
    suffixes = ("p0.t0.o", "p0.t1.o", "thunks.o", "data.o", "header")
    return {suffix: (folder / f"kernels.{suffix}").read_bytes() for suffix in suffixes}


def test_the_header_describes_the_image(tmp_path):
    made = outputs(capture(tmp_path / "a"))
    header = decode(made["header"])
    assert header.package == "kernels"
    assert header.base == BaseImage(**BASE)
    assert header.partitions == (4,)
    assert [record.spec for record in header.targets] == ["generic", "haswell"]
    assert "sin" in header.slots
    assert "_ZN08NumbaEnv4shift" in header.slots
    assert header.slots == tuple(sorted(header.slots))
    assert header.methods == 4
    assert header.capture == "ab" * 32
    assert [(item.package, item.content) for item in header.requires] == [("other", "cd" * 32)]
    assert made["header"] in made["data.o"]


def test_another_folder_gives_the_same_bytes(tmp_path):
    assert outputs(capture(tmp_path / "a")) == outputs(capture(tmp_path / "b c"))


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "kernels.capture.bin").write_bytes(b"other methods"),
        lambda folder: capture(folder, methods=3),
        lambda folder: capture(folder, ir=KERNELS.replace(", 1.0", ", 4.0")),
    ],
    ids=["methods", "manifest", "code"],
)
def test_the_build_id_follows_the_contents(tmp_path, change):
    before = decode(outputs(capture(tmp_path))["header"]).build_id
    change(tmp_path)
    assert decode(outputs(tmp_path)["header"]).build_id != before


def test_without_native_code_there_are_no_objects(tmp_path):
    folder = capture(tmp_path)
    flags = ["--flags", "native-code=no"]
    assert main(
        ["data", "--capture", f"{folder}/kernels.capture.json",
         "--blob", f"{folder}/kernels.capture.bin", "--bitcode", f"{folder}/kernels.p0.bc",
         "--platform", "linux-x86_64", "--cpu-targets", "generic", *flags,
         "--output", f"{folder}/kernels"]
    ) == 0  # fmt: skip
    header = decode((folder / "kernels.header").read_bytes())
    assert header.partitions == ()
    assert header.slots == ()


def test_a_name_that_nobody_provides_is_blamed_on_its_function(tmp_path, capsys):
    folder = capture(tmp_path, DIVIDES, ("divides", "innocent"))
    assert codegen(folder, 0, "generic") == 0
    assert data(folder, 1, "generic") == 2
    message = capsys.readouterr().err
    assert message.startswith("pkgimage: error: kernels.divides(int64): expected only calls")
    assert "'__divti3'" in message
    assert "128-bit" in message
    assert "innocent" not in message
    assert message.count("\n") == 1
    assert not (folder / "kernels.header").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"--platform": "linux-vax"}, "linux-vax"),
        ({"--cpu-targets": "hasswell"}, "hasswell"),
        ({"--target-index": 2}, "target index from 0 to 1, found 2"),
        ({"--partition": 1}, "partition from 0 to 0, found 1"),
        ({"--flags": "opt-level=9"}, "opt-level"),
        ({"--bitcode": "no/such.bc"}, "no/such.bc"),
    ],
)
def test_mistakes_exit_with_2_and_leave_nothing(tmp_path, capsys, options, message):
    assert codegen(capture(tmp_path), 0, **options) == 2
    text = capsys.readouterr().err
    assert text.startswith("pkgimage: error: ")
    assert message in text
    assert text.count("\n") == 1
    assert not list(tmp_path.glob("*.o*"))


@pytest.mark.parametrize("text", ["", "[]", '{"format": 3}', '{"format": 1}'])
def test_a_damaged_manifest(tmp_path, capsys, text):
    folder = capture(tmp_path)
    (folder / "kernels.capture.json").write_text(text)
    assert codegen(folder, 0) == 2
    assert "run the serialize stage again" in capsys.readouterr().err


def test_objects_must_be_as_many_as_partitions_and_targets(tmp_path, capsys):
    folder = capture(tmp_path)
    assert codegen(folder, 0) == 0
    assert data(folder, 1) == 2
    assert "expected 2 objects" in capsys.readouterr().err


def test_an_unknown_stage_is_refused(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["compile"])
    assert caught.value.code == 2
    assert "compile" in capsys.readouterr().err


def test_output_is_whole_or_absent(tmp_path):
    path = tmp_path / "deep" / "file"
    with pytest.raises(RuntimeError), atomic_output(path) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert list(path.parent.iterdir()) == []
    with atomic_output(path) as temporary:
        temporary.write_bytes(b"whole")
    assert path.read_bytes() == b"whole"
    assert list(path.parent.iterdir()) == [path]
