"""What each stage of one image is given: files, flags, CPU targets. Pure; SCons makes it a graph.

A stage is told no more than what it uses, because what it is told is in its signature: an opt
level must not rerun the package's workload, and another CPU target must not recompile its
neighbours.

Files are named by what they are told, so that images with other flags and CPU targets lie side by
side and share what is the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from packageimage.model.cpu_targets import CPUTarget
from packageimage.model.flags import CacheFlags
from packageimage.model.record import Record

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


# A partition has at most this many functions on average, half of it at least. Smaller ones would
# compile shared code more often than an edit saves; larger ones leave cores without work.
_FUNCTIONS_PER_PARTITION = 60
_MOST_PARTITIONS = 32


def partitions_for(functions: int) -> int:
    """How many partitions a package of that many functions gets where nobody says: 1 up to 60
    functions, then the power of two that keeps them from 30 to 60 functions each, 32 at most.

    Powers of two, because the number moves functions between partitions when it changes: a
    package has to double before it does.
    """
    partitions = 1
    while partitions < _MOST_PARTITIONS and functions > partitions * _FUNCTIONS_PER_PARTITION:
        partitions *= 2
    return partitions


# File names stay below what file systems bear, with the package's name and suffixes around them.
_LONGEST_SLUG = 40


def flags_slug(text: str) -> str:
    """The flags in `text` that are not at their default, for a file name; empty when all are."""
    usual = str(CacheFlags()).split(",")
    return "+".join(item.replace("=", "-") for item in text.split(",") if item not in usual)


def targets_slug(text: str) -> str:
    """A target string for a file name: the CPUs' names, and a hash when these do not say all."""
    names = "+".join(part.partition(",")[0] for part in text.split(";"))
    return _slug(names, text, whole=names == text.replace(";", "+"))


def object_slug(told: str) -> str:
    """The same for one object, from what `codegen_targets` gave: its own target's name."""
    *before, own = told.split(";")
    whole = all(part == "generic" for part in before) and "," not in own
    return _slug(own.replace(",", "-"), told, whole)


def _slug(readable: str, text: str, whole: bool) -> str:
    safe = re.sub(r"[^A-Za-z0-9._+-]", "", readable)
    if whole and safe == readable and len(safe) <= _LONGEST_SLUG:
        return safe
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()[:8]
    return f"{safe[:_LONGEST_SLUG]}-{digest}"


def _dotted(*parts: str) -> str:
    return ".".join(part for part in parts if part)


class CaptureFiles(Record):
    """The names of a capture's files; it serves every platform (design D2).

    folder: of the target. flags: as `serialize_flags` gives them. said: the number of partitions
    where a user chose it, "" where it follows from the sources: then it may change without moving
    the capture.
    """

    folder: str
    package: str
    flags: str
    partitions: int
    said: str = ""

    @property
    def name(self) -> str:
        return _dotted(
            self.package, flags_slug(self.flags), self.said and f"partitions-{self.said}"
        )

    @property
    def stem(self) -> str:
        return f"{self.folder}/{self.name}"

    @property
    def bitcode(self) -> tuple[str, ...]:
        return tuple(f"{self.stem}.p{p}.bc" for p in range(self.partitions))

    @property
    def entries(self) -> tuple[str, ...]:
        """The part of the manifest for each partition."""
        return tuple(f"{self.stem}.p{p}.json" for p in range(self.partitions))


class ImageFiles(Record):
    """The names of an image's files after its capture, in a folder for each platform.

    flags: as `codegen_flags` gives them. targets: canonical text.
    """

    capture: CaptureFiles
    platform: str
    flags: str
    targets: str

    def object(self, partition: int, index: int, told: str) -> str:
        """The object of a partition for the target `index`; told: what `codegen_targets` gave."""
        return _dotted(
            f"{self._stem}.p{partition}.t{index}", object_slug(told), flags_slug(self.flags), "o"
        )

    @property
    def stem(self) -> str:
        return _dotted(self._stem, targets_slug(self.targets), flags_slug(self.flags))

    def linked(self, suffix: str) -> str:
        return f"{self.stem}.linked{suffix}"

    @property
    def _stem(self) -> str:
        return f"{self.capture.folder}/{self.platform}/{self.capture.name}"


CAPTURE_SUFFIXES = (
    ".capture.json",
    ".capture.bin",
    ".imported.json",
    ".includes.json",
    ".capture.id",
)
DATA_SUFFIXES = (".thunks.o", ".data.o", ".header")
# Beside a linked library: its size and SHA-256, as it was linked.
DIGEST_SUFFIX = ".digest"
WHOLE_PACKAGE = "all"  # in the place of the modules to restore
# Only where modules are restored: their data. It is an object for one platform, the same wherever
# the capture is taken: most images are for it, and are linked with data that nobody has copied.
PACKAGE_DATA_SUFFIX = ".package.bin"
PACKAGE_DATA_PLATFORM = "linux-x86_64"

_SUFFIXES = (
    *CAPTURE_SUFFIXES, *DATA_SUFFIXES, PACKAGE_DATA_SUFFIX, ".bc", ".json", ".o",
)  # fmt: skip


def sibling_pattern(package: str, name: str) -> re.Pattern[str] | None:
    """What the file `name` is called in other configurations; None for one that is not named so."""
    suffix = next((suffix for suffix in _SUFFIXES if name.endswith(suffix)), None)
    linked = re.search(rf"\.linked\.\w+(?:{re.escape(DIGEST_SUFFIX)})?$", name)
    if linked:
        suffix = linked[0]
    if not suffix or not name.startswith(f"{package}."):
        return None
    part = re.search(r"\.p\d+(?:\.t\d+)?(?=\.)", name)
    middle = f"{re.escape(part[0])}(?:\\..+)?" if part else ""
    return re.compile(rf"{re.escape(package)}(?:\..+)?{middle}{re.escape(suffix)}")
