"""What a stage is told: no more than it uses."""

from __future__ import annotations

import re

import pytest
from packageimage.model.cpu_targets import parse_cpu_targets
from packageimage.model.flags import parse_flags
from packageimage.recipe import (
    CaptureFiles,
    ImageFiles,
    codegen_flags,
    codegen_targets,
    partitions_for,
    serialize_flags,
    sibling_pattern,
)

TARGETS = {
    "generic": ["generic"],
    "haswell;skylake": ["haswell", "generic;skylake"],
    "generic;haswell,clone_all;x86-64-v4,base(1)": [
        "generic",
        "generic;haswell,clone_all",
        "generic;generic,clone_all;x86-64-v4,base(1)",
    ],
    "haswell,clone_all;skylake,-avx2;x86-64-v4": [
        "haswell,clone_all",
        "generic,clone_all;skylake,-avx2",
        "generic,clone_all;generic;x86-64-v4",
    ],
}


@pytest.mark.parametrize("text", TARGETS)
def test_an_object_is_told_of_its_own_target_and_base(text: str) -> None:
    targets = parse_cpu_targets(text, "x86_64")
    told = [codegen_targets(targets, index) for index in range(len(targets))]
    assert told == TARGETS[text]
    for index, one in enumerate(told):
        # It stands where it stood, and the string is one that the stage accepts.
        assert str(parse_cpu_targets(one, "x86_64")[index]) == str(targets[index])


def test_flags_reach_the_stage_that_they_act_on() -> None:
    flags = parse_flags("opt-level=2,check-bounds=yes")
    assert serialize_flags(flags) == "native-code=yes,debug-level=0,check-bounds=yes,inline=yes"
    assert codegen_flags(flags) == "opt-level=2"


def files_of(flags: str, targets: str, said: str = "") -> ImageFiles:
    parsed = parse_flags(flags)
    capture = CaptureFiles("out/k.pkgimage", "k", serialize_flags(parsed), 2, said)
    return ImageFiles(capture, "linux-x86_64", codegen_flags(parsed), targets)


def test_files_of_an_image() -> None:
    files = files_of("", "generic;haswell")
    assert files.capture.stem == "out/k.pkgimage/k"
    assert files.capture.bitcode[-1] == "out/k.pkgimage/k.p1.bc"
    assert files.capture.entries == ("out/k.pkgimage/k.p0.json", "out/k.pkgimage/k.p1.json")
    folder = "out/k.pkgimage/linux-x86_64"
    assert files.object(1, 0, "generic") == f"{folder}/k.p1.t0.generic.o"
    assert files.stem == f"{folder}/k.generic+haswell"
    assert files.linked(".so") == f"{folder}/k.generic+haswell.linked.so"


# What is not at its default shows in the names of what depends on it, and nowhere else.
NAMES = {
    ("opt-level=1", "generic"): ("k", "k.p0.t0.generic.opt-level-1.o", "k.generic.opt-level-1"),
    ("check-bounds=yes,inline=no", "generic"): (
        "k.check-bounds-yes+inline-no",
        "k.check-bounds-yes+inline-no.p0.t0.generic.o",
        "k.check-bounds-yes+inline-no.generic",
    ),
    ("", "generic;x86-64-v4"): ("k", "k.p0.t1.x86-64-v4.o", "k.generic+x86-64-v4"),
    ("", "generic;haswell,clone_all"): (
        "k",
        "k.p0.t1.haswell-clone_all-82cb93f1.o",
        "k.generic+haswell-82cb93f1",
    ),
    ("", "haswell;skylake,-avx2,-bmi;znver3,base(0)"): ("k", None, None),
    ("", ";".join(["x86-64-v4"] * 9)): ("k", "k.p0.t8.x86-64-v4.o", None),
}


@pytest.mark.parametrize("flags, text", NAMES)
def test_names_tell_configurations_apart(flags: str, text: str) -> None:
    targets = parse_cpu_targets(text, "x86_64")
    files = files_of(flags, text)
    last = len(targets) - 1
    told = codegen_targets(targets, last)
    found = (files.capture.name, files.object(0, last, told), files.stem)
    for name, expected in zip(found, NAMES[flags, text], strict=True):
        base = name.rpartition("/")[2]
        assert re.fullmatch(r"[A-Za-z0-9._+-]{1,110}", base)
        assert expected is None or base == expected


def test_what_is_told_differently_is_named_differently() -> None:
    texts = ["generic", "generic,clone_all", "generic,+avx", "generic,+avx,clone_all", "haswell"]
    told = [*texts, *(f"{before};{own}" for before in texts for own in texts)]
    files = files_of("", "generic")
    names = {files.object(0, text.count(";"), text) for text in told}
    images = {files_of("", text).stem for text in told}
    assert len(names) == len(images) == len(told)


def test_partitions_that_are_said_have_captures_of_their_own() -> None:
    assert files_of("", "generic", "2").capture.stem == "out/k.pkgimage/k.partitions-2"


PARTITIONS = {0: 1, 1: 1, 60: 1, 61: 2, 120: 2, 121: 4, 300: 8, 480: 8, 481: 16, 961: 32, 9999: 32}


@pytest.mark.parametrize("functions", PARTITIONS)
def test_partitions_follow_from_the_number_of_functions(functions: int) -> None:
    assert partitions_for(functions) == PARTITIONS[functions]


SIBLINGS = {
    "k.capture.json": (["k.inline-no.capture.json"], ["k.capture.bin", "other.capture.json"]),
    "k.p0.t1.haswell.o": (
        ["k.p0.t1.skylake.o", "k.inline-no.p0.t1.haswell.opt-level-2.o"],
        ["k.p1.t1.haswell.o", "k.p0.t0.generic.o", "k.p0.bc", "k.p0.t10.haswell.o"],
    ),
    "k.generic.header": (["k.generic+haswell.header"], ["k.generic.data.o"]),
    "k.generic.linked.so": (["k.generic.opt-level-2.linked.so"], ["k.generic.thunks.o"]),
}


@pytest.mark.parametrize("name", SIBLINGS)
def test_siblings_are_the_same_file_of_other_configurations(name: str) -> None:
    pattern = sibling_pattern("k", name)
    assert pattern is not None
    siblings, others = SIBLINGS[name]
    assert [other for other in siblings if not pattern.fullmatch(other)] == []
    assert [other for other in others if pattern.fullmatch(other)] == []
    assert sibling_pattern("k", "0123456789abcdef.pkgimage.so") is None
