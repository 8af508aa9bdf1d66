"""Choose, at load, the CPU target of an image that suits this machine.

Julia's rules (facts/julia.md, "CPU targets"). This is all that loading needs of CPU targets: the
header says which features each target needs, so no table of CPUs is read.
"""

from __future__ import annotations

from collections.abc import Iterable

from packageimage.model.record import Record


class TargetRecord(Record):
    """One CPU target as an image's header keeps it.

    spec: canonical text of the target ("haswell,-rdrnd,base(1)"). name: LLVM's CPU name.
    features: sorted; every feature that a host must report for the target's code and for that of
    its bases. vector_bits: width of the widest vectors. options: the spec's options but for
    features ("clone_all", "base(1)").
    """

    spec: str
    name: str
    features: tuple[str, ...]
    vector_bits: int
    options: tuple[str, ...] = ()


class HostCPU(Record):
    """A machine: LLVM's name of its CPU and the features it reports, in LLVM's names."""

    name: str
    features: frozenset[str]


# What every machine of an architecture has, and every system that tells anything tells of.
_BASELINE = {"aarch64": "neon", "riscv64": "i", "x86_64": "sse2"}


def host_cpu(
    name: str, reported: Iterable[str], arch: str, linux_flags: Iterable[str] = ()
) -> HostCPU:
    """A machine by the CPU's name and features that LLVM gives.

    LLVM reads features from the operating system. On arm64 Linux it reads few of them;
    `linux_flags` are all, as /proc/cpuinfo has them. Where a system tells nothing (a container
    without /proc, macOS on Apple silicon), the CPU has those that LLVM knows of its name.
    """
    features = frozenset(reported)
    if arch == "aarch64" and linux_flags:
        from packageimage.model.cpu_tables import linux_aarch64

        features |= linux_aarch64.features_of(linux_flags)
    if _BASELINE[arch] not in features:
        from packageimage.model.cpu_tables import cpu_table  # 2 ms that hardly any session pays

        table = cpu_table(arch)
        features |= table.cpus.get(name, frozenset()) | table.essential
    return HostCPU(name, features)


class Verdict(Record):
    """What became of one target: usable means that the host can run it."""

    index: int
    name: str
    spec: str
    usable: bool
    chosen: bool
    why: str
    missing: tuple[str, ...]


class Selection(Record):
    """The chosen target's index, or None; why; and a verdict for every target in order."""

    index: int | None
    reason: str
    rows: tuple[Verdict, ...]

    def table(self) -> str:
        """All verdicts as lines of text with aligned columns, and the reason below them."""
        cells = [("", "#", "target", "verdict")]
        cells += [
            ("*" if row.chosen else "", str(row.index), row.spec, row.why) for row in self.rows
        ]
        widths = [max(len(line[column]) for line in cells) for column in range(3)]
        lines = [
            "  ".join(
                [*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[3]]
            ).rstrip()
            for line in cells
        ]
        return "\n".join([*lines, self.reason])


def select(targets: Iterable[TargetRecord], host: HostCPU, forced: str | None = None) -> Selection:
    """The target to use on `host`.

    A target that needs a feature which the host does not report is dropped. Of the others, one
    for exactly this CPU beats everything, then the wider vectors, then more features, then the
    later target. `forced` (PKGIMAGE_CPU) is a target's spec or CPU name: only targets so named are
    considered, and they still need the host's features. No target left: index None, with a
    reason.
    """
    records = tuple(targets)
    lacks = [
        tuple(feature for feature in record.features if feature not in host.features)
        for record in records
    ]
    wanted = [forced is None or forced in _names(record) for record in records]
    ranked = sorted(
        (_rank(record, host), index)
        for index, record in enumerate(records)
        if wanted[index] and not lacks[index]
    )
    index = ranked[-1][1] if ranked else None
    rows = []
    for at, record in enumerate(records):
        if lacks[at]:
            why = f"no: the CPU lacks {', '.join(lacks[at])}"
        elif not wanted[at]:
            why = f"usable, but {forced} is forced"
        elif at == index:
            why = "taken: " + ("forced" if forced is not None else _merit(record, host))
        else:
            assert index is not None  # a wanted target that lacks nothing is in the ranking
            why = f"usable, but {_beaten(record, records[index], host)}"
        rows.append(
            Verdict(at, record.name, record.spec, not lacks[at], at == index, why, lacks[at])
        )
    return Selection(index, _reason(records, lacks, wanted, index, host, forced), tuple(rows))


def _names(record: TargetRecord) -> tuple[str, ...]:
    # The name as written ("generic") and LLVM's name for it ("x86-64") both mean the target.
    return (record.spec, record.spec.partition(",")[0], record.name)


def _rank(record: TargetRecord, host: HostCPU) -> tuple[bool, int, int]:
    return (record.name == host.name, record.vector_bits, len(record.features))


def _merit(record: TargetRecord, host: HostCPU) -> str:
    if record.name == host.name:
        return "made for this CPU"
    return f"{record.vector_bits}-bit vectors, {len(record.features)} features"


def _beaten(record: TargetRecord, winner: TargetRecord, host: HostCPU) -> str:
    ours, theirs = _rank(record, host), _rank(winner, host)
    if theirs[0] and not ours[0]:
        return f"{winner.spec} is made for this CPU"
    if theirs[1] != ours[1]:
        return f"{winner.spec} has wider vectors ({winner.vector_bits} bits)"
    if theirs[2] != ours[2]:
        return f"{winner.spec} has more features ({len(winner.features)})"
    return f"{winner.spec} comes later"


def _reason(
    records: tuple[TargetRecord, ...],
    lacks: list[tuple[str, ...]],
    wanted: list[bool],
    index: int | None,
    host: HostCPU,
    forced: str | None,
) -> str:
    if index is not None:
        return f"{records[index].spec} is taken on {host.name}"
    if not records:
        return "the image has no CPU targets"
    if forced is not None and not any(wanted):
        has = "; ".join(record.spec for record in records)
        return f"no target is called {forced!r}; the image has {has}"
    what = f"the forced target {forced!r}" if forced is not None else "every target"
    each = "; ".join(
        f"{record.spec} needs {_few(lacks[at])}" for at, record in enumerate(records) if wanted[at]
    )
    return f"{what} needs features that {host.name} lacks: {each}"


def _few(names: tuple[str, ...], most: int = 6) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
