"""What a stage is told: no more than it uses."""

from __future__ import annotations

import pytest
from packageimage.model.cpu_targets import parse_cpu_targets
from packageimage.model.flags import parse_flags
from packageimage.recipe import ImageFiles, codegen_flags, codegen_targets, serialize_flags

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


def test_files_of_an_image() -> None:
    files = ImageFiles("out/k.pkgimage", "k", "linux-x86_64", 2)
    assert files.capture[-1] == "out/k.pkgimage/k.p1.bc"
    assert files.entries == ("out/k.pkgimage/k.p0.json", "out/k.pkgimage/k.p1.json")
    assert files.object(1, 0) == "out/k.pkgimage/linux-x86_64/k.p1.t0.o"
    assert files.linked(".so") == "out/k.pkgimage/linux-x86_64/k.linked.so"
