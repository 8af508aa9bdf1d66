"""Captures in the graph: what they depend on beyond their sources, and on which other captures.

What a capture depends on is known in full only when it has been taken: `STEM.imported.json` lists
it. Those files are dependencies like others from then on, with the content that the capture has
seen. A scanner of the sources' imports finds most of them before that.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import SCons.Scanner.Python
from SCons.Scanner import ScannerBase
from SCons.Subst import Literal

from packageimage import package_graph
from packageimage.model.errors import PackageImageError
from packageimage.recipe import CaptureFiles
from packageimage.sources import PackageSource


@dataclass(eq=False)
class Capture:
    """One capture of this build, shared by all images that are made from it.

    files: its names. request: all that decides it. sources: the nodes of what is run. nodes: the
    manifest, method table, list of imports, includes, id, bitcode, and the data of restored modules
    where there are any; entries: the manifest's parts. platforms: of its images. seen: what the
    scanner of imports has found. watched: what stood in the last list of imports.
    """

    package: PackageSource
    files: CaptureFiles
    request: tuple[Any, ...]
    sources: list[Any]
    nodes: list[Any] = field(default_factory=list)
    entries: list[Any] = field(default_factory=list)
    platforms: set[str] = field(default_factory=set)
    seen: set[Any] = field(default_factory=set)
    watched: list[Any] = field(default_factory=list)

    @property
    def manifest(self) -> Any:
        return self.nodes[0]

    @property
    def blob(self) -> Any:
        return self.nodes[1]

    @property
    def imported(self) -> Any:
        return self.nodes[2]

    @property
    def includes(self) -> Any:
        return self.nodes[3]

    @property
    def id(self) -> Any:
        return self.nodes[4]

    @property
    def bitcode(self) -> list[Any]:
        return self.nodes[5 : 5 + self.files.partitions]

    @property
    def package_data(self) -> list[Any]:
        return self.nodes[5 + self.files.partitions :]

    def requires(self) -> list[Capture]:
        """The captures whose packages this one's package imports, by name.

        One of them is as good as another where several differ in what is not code, and it must
        have images wherever this one has. Known when all of the SConstruct has been read.
        """
        found: dict[str, Capture] = {}
        for other in sorted(_captures.values(), key=lambda capture: capture.files.stem):
            name = other.package.name
            if (
                name != self.package.name
                and name not in found
                and other.files.flags == self.files.flags
                and other.platforms >= self.platforms
                and name in _imports(self.package, name)
            ):
                found[name] = other
        return [found[name] for name in sorted(found)]


_TESTS = frozenset({"test", "tests"})

# The captures of this build, by their stem.
_captures: dict[str, Capture] = {}


def captures() -> dict[str, Capture]:
    return _captures


def check_order() -> None:
    """Raise PackageImageError when packages of this build import each other in a circle."""
    by_flags: dict[tuple[str, str], dict[str, PackageSource]] = {}
    for capture in _captures.values():
        for platform in capture.platforms:
            packages = by_flags.setdefault((capture.files.flags, platform), {})
            packages[capture.package.name] = capture.package
    for packages in by_flags.values():
        if len(packages) == 1:
            continue
        edges = {
            name: [other for other in packages if other != name and _imports(package, other)]
            for name, package in packages.items()
        }
        found = package_graph.cycle(edges)
        if found:
            raise PackageImageError(
                f"packages of this build import each other: {' -> '.join(found)}; expected an "
                "order to build them in: build one of them in a run of its own"
            )


@functools.cache
def _imports(package: PackageSource, name: str) -> frozenset[str]:
    """The set of `name` alone when the package's sources import it, else the empty set.

    Its tests do not count: no image is made of what only they run.
    """
    for file in package.files:
        if _TESTS.intersection(file.relative_to(package.root).parts):
            continue
        found = package_graph.imports(_text(file), [name])
        if found:
            return found
    return frozenset()


@functools.cache
def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def requires_words(target: Any, source: Any, env: Any, for_signature: Any) -> list[Any]:
    """The words that tell serialize of the captures it builds on."""
    words = []
    capture: Capture | None = env.get("PKGIMAGE_CAPTURE")
    for other in capture.requires() if capture else ():
        words += ["--require", Literal(f"{other.package.name}={other.id}")]
    return words


# The scanners.


def _scan_sources(node: Any, env: Any, path: Any) -> list[Any]:
    """What the sources import, and what that imports, without the sources themselves."""
    capture: Capture | None = env.get("PKGIMAGE_CAPTURE")
    if capture is None:  # of a user's own call of the Builder
        plain: list[Any] = SCons.Scanner.Python.scan(node, env, path)
        return plain
    if node is not capture.sources[0]:
        return []  # all are scanned with the first of them: most import each other
    foreign = _files_of(capture.requires())
    seen = set(capture.sources)
    waiting = list(capture.sources)
    looked_up: set[Any] = set()
    found = []
    while waiting:
        file = waiting.pop()
        includes = []
        # SCons' scanner looks for each import in each folder of the path. In a large package most
        # are the same ones, or lead back to the package, whose files are sources anyway.
        for module, names in SCons.Scanner.Python.find_include_names(file):
            key = (file.dir if module.startswith(".") else None, module, tuple(names or ()))
            if key not in looked_up and module.partition(".")[0] != capture.package.name:
                looked_up.add(key)
                includes.append((module, names))
        for imported in _lead_to(file, includes, env, path):
            if imported not in seen and imported.abspath not in foreign:
                seen.add(imported)
                waiting.append(imported)
                found.append(imported)
    capture.seen.update(found)
    return found


def _lead_to(file: Any, includes: list[Any], env: Any, path: Any) -> list[Any]:
    """The files that these imports of a file lead to."""
    # Other scanners keep what they have found there, for the same file.
    before, file.includes = file.includes, includes
    try:
        found: list[Any] = SCons.Scanner.Python.scan(file, env, path)
    finally:
        file.includes = before
    return found


@functools.cache
def _files_of_package(package: PackageSource) -> frozenset[str]:
    return frozenset(map(str, package.files))


def _scan_path(env: Any, directory: Any, target: Any = None, source: Any = None) -> Any:
    return tuple(env.get("PKGIMAGE_SCANPATH", ()))


source_scanner = ScannerBase(_scan_sources, name="PackageImageImports", path_function=_scan_path)


def _scan_target(node: Any, env: Any, path: Any) -> list[Any]:
    capture: Capture | None = env.get("PKGIMAGE_CAPTURE")
    if capture is None or node is not capture.manifest:
        return []  # the targets share what the first of them has
    others = capture.requires()
    capture.watched = [file for file, _ in _last_imports(env, capture)]
    return [*(other.id for other in others), *capture.watched]


target_scanner = ScannerBase(_scan_target, name="PackageImageImported")


def _files_of(captures: Iterable[Capture]) -> set[str]:
    return {file for capture in captures for file in _files_of_package(capture.package)}


def _last_imports(env: Any, capture: Capture) -> Iterator[tuple[Any, str]]:
    """Nodes and SHA-256 of what the last capture depended on, as far as the files still exist.

    A file that is gone is a dependency less, and so a reason to take the capture anew.
    """
    for path, digest in _listed(capture, "files"):
        if path.is_file():
            yield env.fs.File(str(path)), digest


def _listed(capture: Capture, key: str) -> list[tuple[Path, str]]:
    """Path and SHA-256 of what stands under `key` in the last capture's list of imports."""
    try:
        listed = json.loads(Path(capture.imported.abspath).read_bytes())[key]
        rows = sorted((str(row["path"]), str(row["sha256"])) for row in listed)
    except (OSError, ValueError, LookupError, TypeError):
        return []  # there is no last capture
    return [(capture.package.root / name, digest) for name, digest in rows]  # absolute ones replace


def saw_others(capture: Capture, files: Iterable[Any]) -> bool:
    """Whether the capture is, or may be, of other sources than SCons has hashed and will record.

    They may have been edited after SCons hashed them and before the stage read them; the edit may
    have been undone since. So what SCons has hashed, what is there now and what the stage says it
    has read are all compared. files: the nodes that the capture depends on and no stage makes.
    """
    rows = [*_listed(capture, "files"), *_listed(capture, "ran")]
    read = {os.path.realpath(path): digest for path, digest in rows}
    for node in files:
        if node.get_csig() != node.get_content_hash():
            return True
        path = os.path.realpath(node.abspath)
        if path in read and read[path] != _digest(path):
            return True
    return False


def dependencies_now(env: Any, capture: Capture, implicit: Iterable[Any]) -> list[Any]:
    """What `implicit` of a capture's node becomes once the capture was taken.

    SCons compares dependencies with those that it recorded after the last build. Recorded with
    what the capture has just found, they are the same in the next build unless a file changes.
    One that has changed since the capture read it is left out, so that it counts as new then.
    """
    before = set(capture.watched) - capture.seen
    kept = [node for node in implicit if node not in before]
    known = set(kept)
    found = []
    for node, digest in _last_imports(env, capture):
        if node in known:
            continue
        if _digest(node.abspath) == digest:
            _measure(node)
            found.append(node)
    return [*kept, *found]


def _measure(node: Any) -> None:
    """Let SCons record the file as one that it has compared."""
    node.get_csig()
    info = node.get_ninfo()
    info.timestamp = node.get_timestamp()
    info.size = node.get_size()


def _digest(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""
