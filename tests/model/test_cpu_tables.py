"""The tables against the LLVM that they were made from."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from packageimage.model.cpu_tables import ARCHITECTURES, cpu_table
from packageimage.model.cpu_tables.reported import ALIASES, ESSENTIAL, REPORTED
from packageimage.model.cpu_targets import GENERIC, features_of, parse_cpu_targets

llvm = pytest.importorskip("llvmlite.binding")
generator = pytest.importorskip("packageimage.codegen.cpu_table_generator")

pytestmark = pytest.mark.skipif(
    llvm.llvm_version_info[0] != 22, reason="the tables are those of LLVM 22"
)

SAMPLE = {
    "aarch64": ("generic", "cortex-a57", "apple-m1", "neoverse-v1", "a64fx", "carmel"),
    "riscv64": ("generic-rv64", "sifive-u74", "sifive-x280", "spacemit-x60"),
    "x86_64": ("x86-64", "x86-64-v4", "k8", "nocona", "haswell", "znver4", "sapphirerapids"),
}


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_names_are_those_llvm_prints(arch: str) -> None:
    table = cpu_table(arch)
    assert set(table.cpus) <= set(generator.llvm_help(arch).cpus)
    # 64bit is a mode to LLVM and one of the features it reports of a host
    assert table.features - {"64bit"} <= set(generator.llvm_help(arch).features)
    assert GENERIC[arch] in table.cpus


@pytest.mark.parametrize(("arch", "cpu"), [(arch, cpu) for arch in SAMPLE for cpu in SAMPLE[arch]])
def test_features_of_cpus(arch: str, cpu: str) -> None:
    table = cpu_table(arch)
    asked = sorted(table.implies.keys() - {"cx16"})
    assert generator.included(arch, cpu, "", asked) == table.of_cpu(cpu) - {"cx16"}
    if arch == "x86_64":
        assert generator.has_cx16(cpu) == ("cx16" in table.of_cpu(cpu))


# Options whose implications differ, in both orders.
@pytest.mark.parametrize(
    ("arch", "text"),
    [
        ("x86_64", "generic,+avx512bw,-avx2"),
        ("x86_64", "generic,-avx2,+avx512bw"),
        ("x86_64", "x86-64-v4,-avx"),
        ("x86_64", "haswell,-rdrnd,+avx512vnni"),
        ("x86_64", "sandybridge,-xsave,+avx10.1"),
        ("aarch64", "generic,+sve2"),
        ("aarch64", "neoverse-v1,-sve"),
        ("aarch64", "cortex-a57,+v8.4a,-lse"),
        ("riscv64", "sifive-u74,+v"),
        ("riscv64", "sifive-x280,-zve32f,-zvl512b"),
    ],
)
def test_options_imply_what_they_do_in_llvm(arch: str, text: str) -> None:
    table = cpu_table(arch)
    (target,) = parse_cpu_targets(text, arch)
    cpu, _, given = text.partition(",")
    asked = sorted(table.implies.keys() - {"cx16"})
    llvms = generator.included(arch, GENERIC[arch] if cpu == "generic" else cpu, given, asked)
    assert features_of(target) - {"cx16"} == llvms


def test_random_options_on_x86() -> None:
    table = cpu_table("x86_64")
    chooser = random.Random(0)
    known = sorted(n for n in table.implies if not table.essential & table.needed_by(n))
    asked = sorted(table.implies.keys() - {"cx16"})
    for _ in range(5):
        cpu = chooser.choice(sorted(table.cpus))
        given = ",".join(chooser.choice("+-") + name for name in chooser.sample(known, 6))
        (target,) = parse_cpu_targets(f"{cpu},{given}", "x86_64")
        assert features_of(target) - {"cx16"} == generator.included("x86_64", cpu, given, asked)


def test_host_features_are_known() -> None:
    """Whatever llvmlite says of a host may be written in a target string and is checked at load."""
    if llvm.get_default_triple().split("-")[0] != "x86_64":
        pytest.skip("LLVM reports few features of other hosts")
    table = cpu_table("x86_64")
    reported = set(llvm.get_host_cpu_features())
    assert reported <= table.features | table.aliases.keys()
    # sahf and 64bit have no influence on code
    assert reported - {"sahf", "64bit"} == table.reported
    assert llvm.get_host_cpu_name() in table.cpus


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_handwritten_names(arch: str) -> None:
    table = cpu_table(arch)
    assert set(REPORTED[arch].split()) <= table.implies.keys()
    assert set(ALIASES[arch].values()) <= table.features
    assert not ALIASES[arch].keys() & table.features
    assert set(ESSENTIAL[arch].split()) <= table.features
    for name in GENERIC.values():
        if name in table.cpus:
            assert table.essential - {"64bit"} <= table.of_cpu(name)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_rendering_keeps_everything(arch: str) -> None:
    """The tables leave out what follows by implication; reading puts it back."""
    table = cpu_table(arch)
    made = generator.Table(table.cpus, table.implies, table.neutral - {"64bit"})
    folder = Path(generator.cpu_tables.__path__[0])
    assert generator.render(arch, made) == (folder / f"{arch}.py").read_text(encoding="utf-8")


@pytest.mark.slow
def test_generator_changes_nothing() -> None:
    assert generator.main(["--check"]) == 0
