"""The grammar of CPU targets, its mistakes, and what the targets need."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageimage.model.cpu_tables import ARCHITECTURES, cpu_table
from packageimage.model.cpu_targets import (
    GENERIC,
    CPUTarget,
    HostCPU,
    TargetError,
    TargetHelp,
    canonical_text,
    features_of,
    help_text,
    llvm_cpu,
    llvm_features,
    parse_cpu_targets,
    resolve_native,
    target_records,
)
from packageimage.model.errors import PackageImageError

JULIA_X86 = (
    "generic;sandybridge,-xsaveopt,clone_all;haswell,-rdrnd,base(1);x86-64-v4,-rdrnd,base(1)"
)
JULIA_ARM = (
    "generic;cortex-a57;thunderx2t99;carmel,clone_all;apple-m1,base(3);neoverse-512tvb,base(3)"
)


@pytest.mark.parametrize(("text", "arch"), [(JULIA_X86, "x86_64"), (JULIA_ARM, "aarch64")])
def test_official_strings_of_julia(text: str, arch: str) -> None:
    targets = parse_cpu_targets(text, arch)
    assert canonical_text(targets) == text
    assert [target.index for target in targets] == list(range(len(targets)))
    assert len(target_records(targets)) == len(targets)


def test_everything_at_once() -> None:
    first, second, third = parse_cpu_targets(
        " generic ; haswell , clone_all,+avx512f, -rdrnd ;skylake,opt_size,min_size,base( 1 )",
        "x86_64",
    )
    assert str(first) == "generic" and llvm_cpu(first) == "x86-64" and llvm_features(first) == ""
    assert second == CPUTarget(
        "haswell",
        "x86_64",
        index=1,
        clone_all=True,
        features=("+avx512f", "-rdrnd"),
        column=second.column,
    )
    assert (second.enable, second.disable) == (("avx512f",), ("rdrnd",))
    assert llvm_features(second) == "+avx512f,-rdrnd"
    assert str(second) == "haswell,+avx512f,-rdrnd,clone_all"
    assert str(third) == "skylake,base(1),opt_size,min_size"
    assert (third.base, third.opt_size, third.min_size) == (1, True, True)


@st.composite
def target_strings(draw: st.DrawFn) -> tuple[str, str]:
    arch = draw(st.sampled_from(ARCHITECTURES))
    table = cpu_table(arch)
    cloned: list[int] = [0]
    parts = []
    for index in range(draw(st.integers(1, 4))):
        features = draw(st.lists(st.sampled_from(sorted(table.features)), unique=True, max_size=3))
        options = [
            ("+" if table.essential & (table.needed_by(name) | {name}) else sign) + name
            for name, sign in zip(features, draw(st.text("+-", min_size=3)), strict=False)
        ]
        size = draw(st.sampled_from(([], ["opt_size"], ["min_size"], ["opt_size", "min_size"])))
        clone = draw(st.sampled_from(([], ["clone_all"], ["-clone_all"])))
        base = [f"base({draw(st.sampled_from(cloned))})"] if index and draw(st.booleans()) else []
        options = draw(st.permutations(options + size + clone + base))
        if clone == ["clone_all"] and index:
            cloned.append(index)
        names = st.sampled_from(["generic", *sorted(table.cpus)])
        space = draw(st.sampled_from(("", " ", "\t ")))
        parts.append(f"{space},{space}".join([draw(names), *options]))
    return ";".join(parts), arch


@given(target_strings())
def test_round_trip(case: tuple[str, str]) -> None:
    text, arch = case
    targets = parse_cpu_targets(text, arch)
    again = parse_cpu_targets(canonical_text(targets), arch)
    assert canonical_text(again) == canonical_text(targets)
    assert [(str(t), t.index, t.base, t.clone_all) for t in again] == [
        (str(t), t.index, t.base, t.clone_all) for t in targets
    ]
    assert [features_of(t) for t in again] == [features_of(t) for t in targets]
    for record, target in zip(target_records(targets), targets, strict=True):
        assert record.spec == str(target) and record.name == llvm_cpu(target)
        assert list(record.features) == sorted(set(record.features))
        assert set(record.features) <= cpu_table(arch).reported


alphabet = st.sampled_from(
    ["generic", "haswell", "base(1)", "base(", "clone_all", "+avx", "-", "+", ";", ",", " ", "\n"]
)


@given(st.text() | st.lists(alphabet, max_size=12).map("".join), st.sampled_from(ARCHITECTURES))
def test_any_text_is_targets_or_one_line(text: str, arch: str) -> None:
    try:
        assert parse_cpu_targets(text, arch)
    except TargetHelp:
        assert text.strip() == "help"
    except TargetError as error:
        assert str(error).isprintable()
        assert 1 <= error.column <= len(text) + 1
        assert text.startswith(error.token, error.column - 1)
        assert len(error.pointer().split("\n")) == 2


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "expected a CPU name such as 'x86-64', found nothing"),
        ("generic;", 9, "expected a CPU name such as 'x86-64', found nothing"),
        (",clone_all", 1, "found an option without a CPU"),
        ("haswel", 1, "'haswel' is not a CPU of x86_64; .* did you mean 'haswell'"),
        ("HASWELL", 1, "did you mean 'haswell'"),
        ("generic; cortex-a57", 10, "cortex-a57 is an aarch64 CPU; expected a CPU of x86_64"),
        ("sifive-u74", 1, "sifive-u74 is a riscv64 CPU"),
        ("pentium3", 1, "'pentium3' is not a CPU of x86_64"),
        ("qqqqqqqq", 1, "'help' lists$"),
        ("native", 1, "stands for the CPU of one machine"),
        ("generic;help", 9, "'help' must be the whole string"),
        ("generic,base(0)", 9, "the first target has no base"),
        ("generic;haswell,base(1)", 17, r"base\(1\) of target 1 must name an earlier .* 0 to 0"),
        ("generic;haswell,base(7)", 17, "must name an earlier target"),
        ("generic;haswell,base(-1)", 17, "by its index, found '-1'"),
        ("generic;haswell,base()", 17, "by its index, found ''"),
        ("generic;haswell,base(٣)", 17, "by its index"),
        ("generic;haswell,base(99999999999999999999)", 17, "by its index"),
        ("generic;haswell;skylake,base(1)", 25, "must be 0 or a target with clone_all"),
        ("generic,clone_all,clone_all", 19, "repeats or contradicts"),
        ("generic,clone_all,-clone_all", 19, "repeats or contradicts"),
        ("generic;haswell,base(0),base(0)", 25, "repeats or contradicts"),
        ("generic,opt_size,opt_size", 18, "repeats or contradicts"),
        ("generic,+avx,-avx", 14, "repeats or contradicts"),
        ("generic,+sse4.2,+sse4_2", 17, "repeats or contradicts"),
        ("generic,cloneall", 9, "did you mean 'clone_all'"),
        ("generic,avx", 9, r"did you mean '\+avx'"),
        ("generic,haswell", 9, "targets are separated by ';'"),
        ("generic,", 9, "found nothing"),
        ("generic,+", 9, "expected a feature's name"),
        ("generic,+avx21", 9, "did you mean 'avx2'"),
        ("generic,+neon", 9, "'neon' is not a feature of x86_64 but of aarch64"),
        ("generic,-sse2", 9, "takes away sse2, which all code of x86_64 needs"),
        ("generic,-sse", 9, "takes away sse2"),
        ("generic,-64bit", 9, "takes away 64bit"),
        ("generic,+soft-float", 9, "'soft-float' is not a feature"),
    ],
)
def test_mistakes(text: str, column: int, message: str) -> None:
    with pytest.raises(TargetError, match=message) as caught:
        parse_cpu_targets(text, "x86_64")
    assert caught.value.column == column
    assert str(caught.value).startswith(f"CPU targets, column {column}: ")
    line, carets = caught.value.pointer().split("\n")
    assert line == text and carets.index("^") == column - 1


def test_unknown_architecture() -> None:
    with pytest.raises(PackageImageError, match="aarch64, riscv64, x86_64, found 'sparc'"):
        parse_cpu_targets("generic", "sparc")


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_help(arch: str) -> None:
    with pytest.raises(TargetHelp) as caught:
        parse_cpu_targets(" help ", arch)
    words = str(caught.value).split()
    assert str(caught.value) == help_text(arch)
    assert {"native", *cpu_table(arch).cpus, *cpu_table(arch).features} <= set(words)
    parse_cpu_targets(words[-1], arch)  # the example at the end


def test_features_follow_llvm() -> None:
    def of(text: str, arch: str = "x86_64") -> frozenset[str]:
        return features_of(parse_cpu_targets(text, arch)[0], arch)

    assert of("generic") == of("x86-64")
    assert of("generic", "aarch64") >= {"neon", "fp-armv8"}
    assert {"avx", "sse4.2", "avx2"} <= of("generic,+avx2")
    assert not {"avx", "avx2", "fma", "avx512f"} & of("x86-64-v4,-avx")
    assert of("generic,-avx,+avx2") >= {"avx", "avx2"}, "in the order written"
    assert not {"avx", "avx2"} & of("generic,+avx2,-avx")
    assert of("generic,+prefer-256-bit,+64bit") == of("generic"), "those only tune"
    assert "sse4.2" in of("generic,+sse4_2")
    with pytest.raises(ValueError):
        features_of(parse_cpu_targets("generic", "x86_64")[0], "aarch64")


def test_records_need_the_base_too() -> None:
    """What is not cloned for target 2 runs as target 1's code, so its features are needed."""
    records = target_records(
        parse_cpu_targets("generic;znver1,clone_all;skylake,base(1);skylake", "x86_64")
    )
    assert "sse4a" in records[1].features and "sse4a" in records[2].features
    assert "sse4a" not in records[3].features
    assert records[2].options == ("base(1)",) and records[2].vector_bits == 256
    assert {record.vector_bits for record in records} == {128, 256}


def test_vector_bits() -> None:
    def bits(text: str, arch: str) -> list[int]:
        return [record.vector_bits for record in target_records(parse_cpu_targets(text, arch))]

    assert bits("generic;sandybridge;x86-64-v4;knl", "x86_64") == [128, 256, 512, 512]
    assert bits("generic;a64fx", "aarch64") == [128, 128]
    assert bits("generic;generic,+v;sifive-x280", "riscv64") == [64, 128, 512]


def host_like(name: str, arch: str, *without: str) -> HostCPU:
    table = cpu_table(arch)
    features = table.of_cpu(name)
    for feature in without:
        features -= table.needed_by(feature)
    return HostCPU(name, features & table.reported)


@pytest.mark.parametrize(
    ("text", "host", "expected"),
    [
        ("generic;haswell", host_like("skylake", "x86_64"), "generic;haswell"),
        ("native", host_like("skylake", "x86_64"), "skylake"),
        (" native ;generic", host_like("skylake", "x86_64"), "skylake;generic"),
        ("native,clone_all", host_like("skylake", "x86_64"), "skylake,clone_all"),
        ("native", host_like("skylake", "x86_64", "rdrnd"), "skylake,-rdrnd"),
        ("native,-rdrnd", host_like("skylake", "x86_64", "rdrnd"), "skylake,-rdrnd"),
        ("native,+rdrnd", host_like("skylake", "x86_64", "rdrnd"), "skylake,+rdrnd"),
        ("native", host_like("znver4", "x86_64", "avx512f"), "znver4,-avx512f,-gfni"),
        ("native", HostCPU("futurelake", frozenset({"avx", "64bit"})), None),
        ("nativ", host_like("skylake", "x86_64"), "nativ"),
    ],
)
def test_resolve_native(text: str, host: HostCPU, expected: str | None) -> None:
    resolved = resolve_native(text, host, "x86_64")
    if expected is None:
        assert resolved.startswith("generic,")
    elif "gfni" not in expected:
        assert resolved == expected
    else:
        assert resolved.startswith("znver4,-avx512f")


@given(st.data(), st.sampled_from(ARCHITECTURES))
def test_native_means_the_features_of_the_host(data: st.DataObject, arch: str) -> None:
    table = cpu_table(arch)
    name = data.draw(st.sampled_from([*sorted(table.cpus), "unheard-of"]))
    start = table.of_cpu(name if name in table.cpus else GENERIC[arch])
    for feature in data.draw(st.lists(st.sampled_from(sorted(table.reported)), max_size=6)):
        if data.draw(st.booleans()):
            start |= table.closure(feature)
        elif not table.essential & table.needed_by(feature):
            start -= table.needed_by(feature)
    host = HostCPU(name, start & table.reported)
    (target,) = parse_cpu_targets(resolve_native("native", host, arch), arch)
    assert features_of(target) & table.reported == host.features
    assert resolve_native("native", host, arch) == resolve_native(" native ", host, arch)


@given(st.data(), st.sampled_from(ARCHITECTURES))
def test_native_never_asks_for_what_any_host_lacks(data: st.DataObject, arch: str) -> None:
    """Also for a host that reports a feature but not what that feature implies."""
    table = cpu_table(arch)
    name = data.draw(st.sampled_from([*sorted(table.cpus), "unheard-of"]))
    features = data.draw(st.frozensets(st.sampled_from(sorted(table.reported))))
    essential = frozenset().union(*(table.closure(name) for name in table.essential))
    host = HostCPU(name, features | (essential & table.reported))
    (target,) = parse_cpu_targets(resolve_native("native", host, arch), arch)
    assert features_of(target) & table.reported <= host.features
