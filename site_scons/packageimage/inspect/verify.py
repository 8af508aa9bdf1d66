"""The rules that every image keeps before it is published (design.md D1 and section 5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath, PureWindowsPath

from packageimage.inspect.facts import ImageFacts, MachoBuild, MachoFacts, PeFacts
from packageimage.inspect.table import TABLE_SYMBOL
from packageimage.model.errors import one_line
from packageimage.model.platform import Platform

# What an image may need: dyld wants a dylib that is stamped for a newer macOS to need it.
_ALLOWED_LIBRARIES = {"macos": ("/usr/lib/libSystem.B.dylib",)}

# Zig's linker exports names of the file's own header, and binds what libSystem has for lazy imports
# though there are none: nothing of it refers to code of the image or of other libraries.
_LINKERS_OWN = frozenset({"__dso_handle", "_mh_dylib_header"})
_STUB_BINDER = "dyld_stub_binder"

# As the platforms' triples say (model/platform.py). From SDK 13 on, dyld refuses a dylib that needs
# no library (facts/platforms.md).
_PLATFORM_MACOS = 1
_MINIMUM_MACOS = (11, 0, 0)
_SDK_LIMIT = (13, 0, 0)


@dataclass(frozen=True)
class Finding:
    """A rule that an image breaks: what was expected and what was found, in one line."""

    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}"


def verify(facts: ImageFacts, header: bytes, platform: Platform) -> tuple[Finding, ...]:
    """The rules that the image breaks; none for one that may be published.

    header: the encoded header that goes beside the image. Pure; the order is fixed.
    """
    return tuple(_findings(facts, header, platform))


def _findings(facts: ImageFacts, header: bytes, platform: Platform) -> Iterator[Finding]:
    facts = _without_linkers_own(facts, platform)
    wanted = (platform.object_format, platform.arch)
    if (facts.object_format, facts.machine) != wanted:
        yield Finding(
            "machine",
            f"expected {' '.join(wanted)} for {platform}, "
            f"found {facts.object_format} {one_line(facts.machine)}",
        )
    if not facts.shared_library:
        yield Finding("shared library", "expected a shared library, found another kind of file")
    if facts.exports != (TABLE_SYMBOL,):
        yield Finding(
            "exports", f"expected the one name {TABLE_SYMBOL}, found {_names(facts.exports)}"
        )
    if facts.undefined:
        yield Finding(
            "undefined symbols",
            f"expected none, since every name is a slot, found {_names(facts.undefined)}",
        )
    allowed = _ALLOWED_LIBRARIES.get(platform.os, ())
    if facts.libraries not in ((), allowed):
        wanted_libraries = " or ".join(("none", *allowed))
        yield Finding(
            "needed libraries", f"expected {wanted_libraries}, found {_names(facts.libraries)}"
        )
    if facts.bindings:
        yield Finding(
            "bindings",
            "expected relocations by the load address alone, found relocations of "
            f"{_names(facts.bindings)}",
        )
    if facts.initialisers:
        yield Finding(
            "initialisers",
            f"expected no code that runs on loading, before the slots are filled, found "
            f"{_names(facts.initialisers)}",
        )
    for segment in facts.segments:
        if segment.writable and segment.executable:
            yield Finding("segments", f"writable and executable at once: {segment}")
    if facts.text_relocations:
        yield Finding(
            "text relocations", "expected none, found some in pages that are not writable"
        )
    if facts.executable_stack:
        yield Finding("stack", "expected one that is not executable, found that it asks for one")
    if facts.macho is not None:
        yield from _macho_findings(facts.macho, platform, bool(facts.libraries))
    if facts.pe is not None:
        yield from _pe_findings(facts.pe)
    yield from _table_findings(facts)
    if facts.header is not None and facts.header != header:
        yield Finding("header", _difference(facts.header, header))


def _without_linkers_own(facts: ImageFacts, platform: Platform) -> ImageFacts:
    """The facts without what a linker adds to every library that needs libSystem."""
    if platform.os != "macos" or facts.libraries != _ALLOWED_LIBRARIES["macos"]:
        return facts
    return replace(
        facts,
        exports=tuple(name for name in facts.exports if name not in _LINKERS_OWN),
        undefined=tuple(name for name in facts.undefined if name != _STUB_BINDER),
        bindings=tuple(text for text in facts.bindings if text != f"the address of {_STUB_BINDER}"),
    )


def _macho_findings(macho: MachoFacts, platform: Platform, needs_system: bool) -> Iterator[Finding]:
    if len(macho.builds) != 1 or not _right_build(macho.builds[0], needs_system):
        found = "; ".join(
            f"platform {build.platform}, minimum {_dotted(build.minimum_os)}, "
            f"SDK {_dotted(build.sdk)}"
            for build in macho.builds[:5]
        )
        yield Finding(
            "build version",
            f"expected macOS (platform {_PLATFORM_MACOS}), minimum {_dotted(_MINIMUM_MACOS)}, "
            f"an SDK below {_dotted(_SDK_LIMIT)}, found {found or 'none'}",
        )
    if not macho.install_name:
        yield Finding("install name", "expected one, found none")
    absolute = tuple(f"{what} {name}" for what, name in macho.names if _is_absolute(name))
    if absolute:
        yield Finding("paths", f"expected none of the building machine, found {_names(absolute)}")
    if macho.signature is None:
        if platform.arch == "aarch64":
            yield Finding("code signature", "expected one, which Apple silicon wants, found none")
    elif macho.signature.problem:
        yield Finding("code signature", one_line(macho.signature.problem))


def _right_build(build: MachoBuild, needs_system: bool) -> bool:
    return (
        build.platform == _PLATFORM_MACOS
        and build.minimum_os == _MINIMUM_MACOS
        and (needs_system or build.sdk < _SDK_LIMIT)
    )


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _pe_findings(pe: PeFacts) -> Iterator[Finding]:
    if pe.stamps:
        found = tuple(f"{stamp:#x} in the {place}" for place, stamp in pe.stamps)
        yield Finding("time stamps", f"expected none, found {_names(found)}")
    # Without exports there is no name, and `exports` has said so.
    if pe.name is not None and (not pe.name.endswith(".dll") or set(pe.name) & set("/\\:")):
        yield Finding(
            "name", f"expected a file's name that ends in .dll, found {one_line(pe.name)}"
        )
    absolute = tuple(f"debug file {path}" for path in pe.debug_files if _is_absolute(path))
    if absolute:
        yield Finding("paths", f"expected none of the building machine, found {_names(absolute)}")
    if not pe.dynamic_base:
        yield Finding("dynamic base", "expected an image that loads anywhere, found a fixed one")
    if not pe.nx_compatible:
        yield Finding("NX", "expected an image that is compatible with it, found one that is not")
    if pe.checksum not in ("none", "right"):
        yield Finding("checksum", one_line(pe.checksum))


def _is_absolute(path: str) -> bool:
    """On any system: images are built for each from each."""
    return PurePosixPath(path).is_absolute() or bool(PureWindowsPath(path).anchor)


def _table_findings(facts: ImageFacts) -> Iterator[Finding]:
    if facts.table_problem:
        yield Finding("table", one_line(facts.table_problem))
    if facts.table is None:
        return
    for part in facts.table.parts:
        place = f"{part.name}, {part.size} bytes at {part.address:#x},"
        if part.size and not part.inside:
            yield Finding("table", f"{place} must lie in the image and do not")
        elif part.size and part.name in ("slots", "first_calls") and not part.writable:
            yield Finding("table", f"{place} must stay writable for the loader and do not")


def _names(names: tuple[str, ...], most: int = 5) -> str:
    """`names` for a message, not more of them than can be read."""
    if not names:
        return "none"
    shown = ", ".join(one_line(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _difference(embedded: bytes, beside: bytes) -> str:
    expected = f"expected the one beside the image ({len(beside)} bytes)"
    if len(embedded) != len(beside):
        return f"{expected}, found one of {len(embedded)} bytes"
    position = next(
        number for number, pair in enumerate(zip(embedded, beside, strict=True)) if len({*pair}) > 1
    )
    return f"{expected}, found one that differs from byte {position} on"
