"""What each stage of one image is given: files, flags, CPU targets. Pure; SCons makes it a graph.

A stage is told no more than what it uses, because what it is told is in its signature: an opt
level must not rerun the package's workload, and another CPU target must not recompile its
neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from packageimage.model.cpu_targets import CPUTarget
from packageimage.model.flags import CacheFlags

# Which flags act on the capture; the others' values do not reach it (design.md section 7). Only
# opt-level acts in codegen: what debug-level, check-bounds and inline change is in the bitcode.
_SERIALIZE_FLAGS = ("native-code", "debug-level", "check-bounds", "inline")
_CODEGEN_FLAGS = ("opt-level",)


def serialize_flags(flags: CacheFlags) -> str:
    """The part of `flags` that the capture depends on, as text for `--flags`."""
    return _subset(flags, _SERIALIZE_FLAGS)


def codegen_flags(flags: CacheFlags) -> str:
    """The part of `flags` that an object depends on beyond its bitcode."""
    return _subset(flags, _CODEGEN_FLAGS)


def _subset(flags: CacheFlags, keys: Sequence[str]) -> str:
    return ",".join(item for item in str(flags).split(",") if item.partition("=")[0] in keys)


def codegen_targets(targets: Sequence[CPUTarget], index: int) -> str:
    """A target string in which target `index` stands where it stands in `targets`.

    Of the others, an object depends only on which of them its un-cloned entries fall back to and
    on that one's having everything (`codegen.clone_policy`); the rest of what they are is left out.
    """
    base = targets[index].base
    before = [
        "generic,clone_all" if number == base and targets[number].clone_all else "generic"
        for number in range(index)
    ]
    return ";".join([*before, str(targets[index])])


@dataclass(frozen=True)
class ImageFiles:
    """The names of an image's intermediate files.

    folder: where they all are. The capture serves every platform (design D2), what follows it is
    in a folder per platform.
    """

    folder: str
    package: str
    platform: str
    partitions: int

    @property
    def capture_stem(self) -> str:
        return f"{self.folder}/{self.package}"

    @property
    def capture(self) -> tuple[str, ...]:
        """The manifest, the method table, what was imported, and a bitcode file per partition."""
        fixed = [f"{self.capture_stem}{suffix}" for suffix in CAPTURE_SUFFIXES]
        return (*fixed, *(f"{self.capture_stem}.p{p}.bc" for p in range(self.partitions)))

    @property
    def entries(self) -> tuple[str, ...]:
        """The part of the manifest for each partition."""
        return tuple(f"{self.capture_stem}.p{p}.json" for p in range(self.partitions))

    @property
    def stem(self) -> str:
        return f"{self.folder}/{self.platform}/{self.package}"

    def object(self, partition: int, target: int) -> str:
        return f"{self.stem}.p{partition}.t{target}.o"

    def linked(self, suffix: str) -> str:
        return f"{self.stem}.linked{suffix}"


CAPTURE_SUFFIXES = (".capture.json", ".capture.bin", ".imported.json")
DATA_SUFFIXES = (".thunks.o", ".data.o", ".header")
