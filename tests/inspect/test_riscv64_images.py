"""ELF images for riscv64."""

from __future__ import annotations

import re

from image_samples import HEADER, asked, linked, platform_named
from packageimage.inspect.images import image_facts
from packageimage.inspect.verify import verify

NAME = "linux-riscv64"


def test_a_good_image_keeps_all_rules():
    facts = image_facts(linked(NAME))
    assert verify(facts, HEADER, platform_named(NAME)) == ()
    assert (facts.machine, facts.exports, facts.header) == ("riscv64", ("pkgimage",), HEADER)
    said = asked("llvm-readobj", "--file-headers", "--relocations", content=linked(NAME))
    assert "Arch: riscv64" in said
    assert set(re.findall(r"R_RISCV_\w+", said)) == {"R_RISCV_RELATIVE"}


def test_a_bound_symbol():
    extra = "declare void @other()\ndefine hidden void @calls() { call void @other() ret void }"
    data = linked(NAME, extra=extra)
    rules = [finding.rule for finding in verify(image_facts(data), HEADER, platform_named(NAME))]
    assert rules == ["undefined symbols", "bindings"]
