"""Which target a machine gets."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageimage.model.cpu_selection import HostCPU, TargetRecord, host_cpu, select
from packageimage.model.cpu_tables import cpu_table, linux_aarch64
from packageimage.model.cpu_targets import parse_cpu_targets, target_records

BASE = TargetRecord("generic", "x86-64", ("sse2",), 128)
SANDY = TargetRecord("sandybridge,clone_all", "sandybridge", ("avx", "sse2"), 256, ("clone_all",))
HASWELL = TargetRecord("haswell,base(1)", "haswell", ("avx", "avx2", "sse2"), 256, ("base(1)",))
SERVER = TargetRecord("x86-64-v4", "x86-64-v4", ("avx", "avx2", "avx512f", "sse2"), 512)
ALL = (BASE, SANDY, HASWELL, SERVER)


@pytest.mark.parametrize(
    ("host", "forced", "expected"),
    [
        (HostCPU("nehalem", frozenset({"sse2"})), None, 0),
        (HostCPU("ivybridge", frozenset({"sse2", "avx"})), None, 1),
        (HostCPU("znver3", frozenset({"sse2", "avx", "avx2"})), None, 2),
        (HostCPU("znver5", frozenset({"sse2", "avx", "avx2", "avx512f"})), None, 3),
        # an exact name beats wider vectors, but not a missing feature
        (HostCPU("haswell", frozenset({"sse2", "avx", "avx2", "avx512f"})), None, 2),
        (HostCPU("haswell", frozenset({"sse2", "avx"})), None, 1),
        (HostCPU("arm", frozenset()), None, None),
        # forced by spec, by the name as written, by LLVM's name
        (HostCPU("znver5", frozenset({"sse2", "avx", "avx2", "avx512f"})), "haswell", 2),
        (HostCPU("znver5", frozenset({"sse2", "avx", "avx2", "avx512f"})), "haswell,base(1)", 2),
        (HostCPU("znver5", frozenset({"sse2", "avx", "avx2", "avx512f"})), "generic", 0),
        (HostCPU("znver5", frozenset({"sse2", "avx", "avx2", "avx512f"})), "x86-64", 0),
        (HostCPU("znver3", frozenset({"sse2", "avx", "avx2"})), "x86-64-v4", None),
        (HostCPU("znver3", frozenset({"sse2", "avx", "avx2"})), "skylake", None),
    ],
)
def test_rules(host: HostCPU, forced: str | None, expected: int | None) -> None:
    selection = select(ALL, host, forced)
    assert selection.index == expected
    assert [row.index for row in selection.rows if row.chosen] == (
        [] if expected is None else [expected]
    )


def test_ties_go_to_the_later() -> None:
    host = HostCPU("x", frozenset({"sse2"}))
    selection = select((BASE, BASE), host)
    assert selection.index == 1
    assert selection.rows[0].why == "usable, but generic comes later"
    exact = TargetRecord("x", "x", (), 64)
    assert select((exact, BASE, exact), host).index == 2


def test_verdicts_and_table() -> None:
    selection = select(ALL, HostCPU("haswell", frozenset({"sse2", "avx", "avx2"})))
    assert selection.table() == (
        "   #  target                 verdict\n"
        "   0  generic                usable, but haswell,base(1) is made for this CPU\n"
        "   1  sandybridge,clone_all  usable, but haswell,base(1) is made for this CPU\n"
        "*  2  haswell,base(1)        taken: made for this CPU\n"
        "   3  x86-64-v4              no: the CPU lacks avx512f\n"
        "haswell,base(1) is taken on haswell"
    )
    assert selection.rows[3].missing == ("avx512f",) and not selection.rows[3].usable


@pytest.mark.parametrize(
    ("targets", "forced", "reason"),
    [
        ((), None, "the image has no CPU targets"),
        (ALL[1:], None, "every target needs features that nehalem lacks: sandy"),
        (ALL, "skylake", "no target is called 'skylake'; the image has generic; sandy"),
        (
            ALL,
            "haswell",
            "the forced target 'haswell' needs features that nehalem lacks: haswell,",
        ),
    ],
)
def test_reasons(targets: tuple[TargetRecord, ...], forced: str | None, reason: str) -> None:
    selection = select(targets, HostCPU("nehalem", frozenset({"sse2"})), forced)
    assert selection.index is None
    assert selection.reason.startswith(reason)
    assert selection.table().endswith(selection.reason)


names = st.sampled_from(["a", "b", "c"])
records = st.builds(
    TargetRecord,
    names,
    names,
    st.frozensets(names).map(lambda features: tuple(sorted(features))),
    st.sampled_from((128, 256)),
)


@given(st.lists(records), st.builds(HostCPU, names, st.frozensets(names)), st.none() | names)
def test_the_choice_is_the_best_usable(
    targets: list[TargetRecord], host: HostCPU, forced: str | None
) -> None:
    selection = select(targets, host, forced)
    assert len(selection.rows) == len(targets)

    def usable(record: TargetRecord) -> bool:
        return set(record.features) <= host.features

    considered = [
        (record.name == host.name, record.vector_bits, len(record.features), at)
        for at, record in enumerate(targets)
        if usable(record) and (forced is None or forced in (record.spec, record.name))
    ]
    assert selection.index == (max(considered)[-1] if considered else None)
    for row, record in zip(selection.rows, targets, strict=True):
        assert row.usable == usable(record)
        assert row.chosen == (row.index == selection.index)


def test_all_of_a_small_world() -> None:
    """The chosen target never needs what the host lacks."""
    features = ("sse2", "avx", "avx2", "avx512f")
    for has in product((False, True), repeat=4):
        host = HostCPU("h", frozenset(f for f, yes in zip(features, has, strict=True) if yes))
        index = select(ALL, host).index
        assert index is None or set(ALL[index].features) <= host.features
        assert (index is None) == ("sse2" not in host.features)


def test_a_system_that_tells_no_features_has_those_of_its_cpu():
    """LLVM reads none on Apple silicon, nor where /proc is not mounted."""
    table = cpu_table("aarch64")
    assert host_cpu("apple-m1", (), "aarch64").features == table.of_cpu("apple-m1")
    assert {"neon", "fp-armv8"} <= host_cpu("generic", (), "aarch64").features
    assert host_cpu("of tomorrow", (), "aarch64").features == {"neon", "fp-armv8"}
    told = host_cpu("apple-m1", ["neon", "lse"], "aarch64")
    assert told.features == {"neon", "lse"}


def test_what_no_code_uses_is_not_asked_for():
    """Virtual machines and emulators hide invpcid, rdrnd and their like."""
    (haswell,) = target_records(parse_cpu_targets("haswell", "x86_64"))
    assert {"avx2", "fma", "bmi2", "movbe"} <= set(haswell.features)
    assert not {"invpcid", "fsgsbase", "rdrnd", "xsaveopt"} & set(haswell.features)
    (asked,) = target_records(parse_cpu_targets("haswell,+rdseed", "x86_64"))
    assert "rdseed" in asked.features


N1 = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop"
    " asimddp ssbs"
)


def test_linux_tells_more_of_arm64_than_llvm_reads():
    reported = ["aes", "crc", "fp-armv8", "lse", "neon", "sha2"]
    machine = host_cpu("neoverse-n1", reported, "aarch64", N1.split())
    records = target_records(parse_cpu_targets("generic;neoverse-n1;neoverse-v1", "aarch64"))
    assert select(records, machine).index == 1
    half = host_cpu("neoverse-n1", reported, "aarch64", [f for f in N1.split() if f != "asimdhp"])
    assert "fullfp16" not in half.features


def test_every_feature_that_code_uses_is_told_by_linux_and_known_to_llvm():
    table = cpu_table("aarch64")
    assert table.features >= linux_aarch64.LLVM_NAMES
    assert table.reported - table.not_generated - linux_aarch64.LLVM_NAMES == frozenset()
