"""CPU-target strings: `generic;haswell,-rdrnd,clone_all;x86-64-v4,base(1)`.

The grammar and the meaning of the options are Julia's (JULIA_CPU_TARGET; facts/julia.md)::

    targets = target *( ";" target )
    target  = cpu *( "," option )
    option  = "clone_all" | "-clone_all" | "base(" n ")" | "opt_size" | "min_size"
            | "+" feature | "-" feature

Names of CPUs and features and what they imply are LLVM's, from the tables in `cpu_tables`. Spaces
around any part are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from packageimage.model.cpu_selection import HostCPU, Selection, TargetRecord, Verdict, select
from packageimage.model.cpu_tables import ARCHITECTURES, CPUTable, cpu_table
from packageimage.model.errors import PackageImageError, one_line

__all__ = [
    "ARCHITECTURES",
    "CPUTarget",
    "HostCPU",
    "Selection",
    "TargetError",
    "TargetHelp",
    "TargetRecord",
    "Verdict",
    "canonical_text",
    "features_of",
    "help_text",
    "llvm_cpu",
    "llvm_features",
    "parse_cpu_targets",
    "resolve_native",
    "select",
    "target_records",
]

GENERIC = {"x86_64": "x86-64", "aarch64": "generic", "riscv64": "generic"}
"""What `generic` means. LLVM's own x86 `generic` lacks even what every x86-64 CPU has."""


class TargetError(PackageImageError):
    """A target string that is not understood: `text`, the wrong `token`, its `column` from 1."""

    def __init__(self, message: str, text: str, column: int, token: str) -> None:
        super().__init__(f"CPU targets, column {column}: {message}")
        self.text = text
        self.column = column
        self.token = token

    def pointer(self) -> str:
        """The string with carets below the wrong token, two lines."""
        # one_line keeps the columns right where the text has control characters before the token.
        before = one_line(self.text[: self.column - 1])
        carets = "^" * max(1, len(one_line(self.token)))
        return f"{one_line(self.text)}\n{' ' * len(before)}{carets}"


class TargetHelp(PackageImageError):
    """Not a mistake: the string is `help`. The exception's text is the listing."""


@dataclass(frozen=True, slots=True)
class CPUTarget:
    """One target of a string.

    name: as written. arch: a CPU table's name. index: position among the targets. base: index of
    the target whose code is used for what is not cloned (0 unless given; 0 for target 0).
    features: `+f` and `-f` in the order written, which is LLVM's order of applying them. column:
    where the target starts in the text, from 1; not part of its identity.
    """

    name: str
    arch: str
    index: int = 0
    clone_all: bool = False
    base: int = 0
    opt_size: bool = False
    min_size: bool = False
    features: tuple[str, ...] = ()
    column: int = 1

    @property
    def enable(self) -> tuple[str, ...]:
        """Names of the features that were added."""
        return tuple(feature[1:] for feature in self.features if feature[0] == "+")

    @property
    def disable(self) -> tuple[str, ...]:
        """Names of the features that were taken away."""
        return tuple(feature[1:] for feature in self.features if feature[0] == "-")

    @property
    def options(self) -> tuple[str, ...]:
        """The options but for features, in canonical order."""
        return (
            *(("clone_all",) if self.clone_all else ()),
            *((f"base({self.base})",) if self.base else ()),
            *(("opt_size",) if self.opt_size else ()),
            *(("min_size",) if self.min_size else ()),
        )

    def __str__(self) -> str:
        """Canonical text of this target: features first, then the options."""
        return ",".join((self.name, *self.features, *self.options))


def canonical_text(targets: Iterable[CPUTarget]) -> str:
    """The string that parses to `targets` and is the same however they were written."""
    return ";".join(str(target) for target in targets)


def _table(arch: str) -> CPUTable:
    if arch not in ARCHITECTURES:
        raise PackageImageError(
            f"architecture must be one of {', '.join(ARCHITECTURES)}, found {arch!r}"
        )
    return cpu_table(arch)


def help_text(arch: str) -> str:
    """What `help` prints: the CPUs, features and options that a string may name."""
    table = _table(arch)
    return "\n".join(
        [
            f"CPUs of {arch}:",
            *_columns(["generic", "native", *sorted(set(table.cpus) - {"generic"})]),
            "",
            "Features, to be added with +NAME or taken away with -NAME:",
            *_columns(sorted(table.features)),
            "",
            "Options: clone_all, -clone_all, base(N), opt_size, min_size",
            "Write CPU[,OPTION]...[;CPU[,OPTION]...]..., for example generic;"
            + {
                "x86_64": "haswell,clone_all;x86-64-v4,base(1)",
                "aarch64": "cortex-a57;apple-m1,clone_all",
                "riscv64": "generic-rv64,+v,clone_all",
            }[arch],
        ]
    )


def _columns(names: list[str]) -> list[str]:
    width = max(map(len, names)) + 2
    per_line = max(1, 96 // width)
    return [
        ("  " + "".join(name.ljust(width) for name in names[at : at + per_line])).rstrip()
        for at in range(0, len(names), per_line)
    ]


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    column: int


def _split(text: str, separator: str, column: int) -> list[_Token]:
    """Parts of `text`, which starts at `column`, without the spaces around each."""
    tokens = []
    for part in text.split(separator):
        stripped = part.strip()
        # The column of a part of nothing but spaces is where it starts, the separator before it.
        lead = len(part) - len(part.lstrip()) if stripped else 0
        tokens.append(_Token(stripped, column + lead))
        column += len(part) + 1
    return tokens


def parse_cpu_targets(text: str, arch: str) -> tuple[CPUTarget, ...]:
    """The targets of a string, at least one.

    Raises TargetError for a mistake, TargetHelp where the string is `help`, PackageImageError for
    an unknown `arch`. `native` is a TargetError too: what it means differs between machines, so
    `resolve_native` comes before.
    """
    table = _table(arch)
    if text.strip() == "help":
        raise TargetHelp(help_text(arch))
    targets: list[CPUTarget] = []
    for token in _split(text, ";", 1):
        targets.append(_parse_target(text, token, table, targets))
    return tuple(targets)


def _parse_target(text: str, token: _Token, table: CPUTable, before: list[CPUTarget]) -> CPUTarget:
    name, *options = _split(token.text, ",", token.column)
    if not name.text:
        example = GENERIC[table.arch]
        found = "nothing" if not options else "an option without a CPU"
        raise TargetError(
            f"expected a CPU name such as {example!r}, found {found}", text, name.column, ""
        )
    _check_cpu(text, name, table)
    clone_all: bool | None = None
    base: int | None = None
    sizes: set[str] = set()
    features: dict[str, str] = {}
    for option in options:
        word = option.text
        if word in ("clone_all", "-clone_all"):
            duplicate = clone_all is not None
            clone_all = word == "clone_all"
        elif word in ("opt_size", "min_size"):
            duplicate = word in sizes
            sizes.add(word)
        elif word.startswith("base(") and word.endswith(")"):
            duplicate = base is not None
            base = _parse_base(text, option, before)
        elif word[:1] in ("+", "-"):
            feature = _known_feature(text, option, table)
            if word[0] == "-":
                _check_essential(text, option, feature, table)
            duplicate = feature in features
            features[feature] = word[0]
        else:
            raise TargetError(_unknown_option(word, table), text, option.column, word)
        if duplicate:
            raise TargetError(
                f"option {word!r} repeats or contradicts an earlier one of {name.text!r}; "
                "keep one of them",
                text,
                option.column,
                word,
            )
    return CPUTarget(
        name.text,
        table.arch,
        len(before),
        bool(clone_all),
        base or 0,
        "opt_size" in sizes,
        "min_size" in sizes,
        tuple(sign + feature for feature, sign in features.items()),
        token.column,
    )


def _check_cpu(text: str, name: _Token, table: CPUTable) -> None:
    word = name.text
    if word == "generic" or word in table.cpus:
        return
    if word == "native":
        message = "'native' stands for the CPU of one machine; it must be resolved there first"
    elif word == "help":
        message = "'help' must be the whole string"
    else:
        message = f"{word!r} is not a CPU of {table.arch}"
        for other in ARCHITECTURES:
            if other != table.arch and word in cpu_table(other).cpus:
                article = "an" if other[0] in "aeioux" else "a"
                message = f"{word} is {article} {other} CPU; expected a CPU of {table.arch}"
                break
        else:
            hint = _nearest(word, ["generic", *table.cpus])
            message += f"; expected one that 'help' lists{hint}"
    raise TargetError(message, text, name.column, word)


def _parse_base(text: str, option: _Token, before: list[CPUTarget]) -> int:
    digits = option.text[len("base(") : -1].strip()
    index = len(before)
    # isdecimal alone would let other scripts' digits pass; the length bounds int()'s work.
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 10):
        message = f"base(n) must name a target by its index, found {digits!r}"
    elif index == 0:
        message = "the first target has no base; remove base(n)"
    elif int(digits) >= index:
        message = (
            f"base({int(digits)}) of target {index} must name an earlier target, 0 to {index - 1}"
        )
    elif int(digits) and not before[int(digits)].clone_all:
        # Julia: the base is target 0 or holds every function, or a call could find no code.
        message = (
            f"base({int(digits)}) must be 0 or a target with clone_all; "
            f"add clone_all to {before[int(digits)].name!r}"
        )
    else:
        return int(digits)
    raise TargetError(message, text, option.column, option.text)


def _known_feature(text: str, option: _Token, table: CPUTable) -> str:
    feature = option.text[1:].strip()
    feature = table.aliases.get(feature, feature)
    if feature in table.features:
        return feature
    if not feature:
        message = f"expected a feature's name after {option.text[0]!r}"
    else:
        message = f"{feature!r} is not a feature of {table.arch}"
        for other in ARCHITECTURES:
            if other != table.arch and feature in cpu_table(other).features:
                message += f" but of {other}"
                break
        else:
            message += _nearest(feature, table.features)
    raise TargetError(message, text, option.column, option.text)


def _check_essential(text: str, option: _Token, feature: str, table: CPUTable) -> None:
    lost = sorted(table.essential & (table.needed_by(feature) | {feature}))
    if lost:
        raise TargetError(
            f"{option.text!r} takes away {', '.join(lost)}, which all code of {table.arch} needs",
            text,
            option.column,
            option.text,
        )


def _unknown_option(word: str, table: CPUTable) -> str:
    expected = "expected clone_all, -clone_all, base(n), opt_size, min_size, +feature or -feature"
    if not word:
        return f"{expected}, found nothing"
    if word in table.features:
        return f"{expected}, found {word!r}; did you mean '+{word}'?"
    if word in table.cpus:
        return f"{expected}, found the CPU {word!r}; targets are separated by ';'"
    known = ["clone_all", "-clone_all", "base(0)", "opt_size", "min_size"]
    return f"{expected}, found {word!r}{_nearest(word, known)}"


def _nearest(word: str, known: Iterable[str]) -> str:
    import difflib  # only a mistake needs it

    # Sorted, because ties go to the first.
    close = difflib.get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def resolve_native(text: str, host: HostCPU, arch: str) -> str:
    """`text` with every target `native` replaced by the host's CPU and its own features.

    The features that LLVM gives that CPU and this host lacks (virtual machines hide some) become
    `-f`, those it has beyond become `+f`; a CPU that LLVM does not know becomes `generic` with all
    its features. Options that `native` was given follow and take precedence. Text without `native`
    is returned unchanged, mistakes and all: parsing reports them.
    """
    parts = []
    for part in text.split(";"):
        name, *options = part.split(",")
        if name.strip() == "native":
            table = _table(arch)
            own = {option.strip()[1:] for option in options if option.strip()[:1] in "+-"}
            cpu = host.name if host.name in table.cpus else "generic"
            spec = _host_features(table, cpu, host.features)
            kept = [option for option in spec if option[1:] not in own]
            part = ",".join([cpu, *kept, *options])
        parts.append(part)
    return ";".join(parts)


def _host_features(table: CPUTable, cpu: str, host: frozenset[str]) -> list[str]:
    """Few options that turn `cpu`'s features into those of `host`, as far as hosts report them."""
    current = table.of_cpu(_llvm_name(cpu, table.arch))
    options = []
    # Taking away what most depends on first leaves the least to say; names break ties.
    for feature in sorted(
        (current & table.reported) - host, key=lambda f: (-len(table.needed_by(f)), f)
    ):
        if feature in current:
            options.append(f"-{feature}")
            current -= table.needed_by(feature)
    for feature in sorted(
        (host & table.reported) - current, key=lambda f: (-len(table.closure(f)), f)
    ):
        # A host that hides avx and reports avx2 does not get avx back.
        if feature not in current and table.closure(feature) & table.reported <= host:
            options.append(f"+{feature}")
            current |= table.closure(feature)
    return options


def _llvm_name(name: str, arch: str) -> str:
    return GENERIC[arch] if name == "generic" else name


def llvm_cpu(target: CPUTarget) -> str:
    """The CPU's name for LLVM's `target-cpu`."""
    return _llvm_name(target.name, target.arch)


def llvm_features(target: CPUTarget) -> str:
    """The target's own features for LLVM's `target-features`: `+a,-b`, or empty."""
    return ",".join(target.features)


def features_of(target: CPUTarget, arch: str | None = None) -> frozenset[str]:
    """LLVM's features for the target: its CPU's, then each `+f` and `-f` in order.

    As in LLVM, `+f` also adds what f implies and `-f` also takes away what implies f. Only
    features that change which instructions may be used are counted, none that only tune.
    """
    if arch is not None and arch != target.arch:
        raise ValueError(f"a target of {target.arch} was asked for its features on {arch}")
    table = _table(target.arch)
    current = table.of_cpu(llvm_cpu(target))
    for option in target.features:
        if option[0] == "+":
            current |= table.closure(option[1:])
        else:
            current -= table.needed_by(option[1:])
    return current


def vector_bits(features: frozenset[str], arch: str) -> int:
    """Width of the widest vectors that code for these features uses.

    SVE counts as 128 bits: that is all that code for any SVE machine may rely on (Julia does the
    same); among equals SVE targets have more features and still win.
    """
    if arch == "x86_64":
        return 512 if "avx512f" in features else 256 if "avx" in features else 128
    if arch == "aarch64":
        return 128
    widths = [int(f[3:-1]) for f in features if f.startswith("zvl") and f[3:-1].isdecimal()]
    return max(widths, default=64)


def target_records(targets: Iterable[CPUTarget]) -> tuple[TargetRecord, ...]:
    """What the header keeps of each target.

    A target's features are those of its own code and of its base's, because a function that was
    not cloned runs as the base's code; and only those that a host can report, because no host
    could show that it has the others. What no code uses is needed only where the string adds it.
    """
    records: list[TargetRecord] = []
    needed: list[frozenset[str]] = []
    for target in targets:
        table = _table(target.arch)
        own = features_of(target)
        needs = own & table.reported - table.not_generated.difference(target.enable)
        if target.index:
            needs |= needed[target.base]
        needed.append(needs)
        records.append(
            TargetRecord(
                str(target),
                llvm_cpu(target),
                tuple(sorted(needs)),
                vector_bits(own, target.arch),
                target.options,
            )
        )
    return tuple(records)
