"""The SCons tool `pkgimage`: package images of Numba packages.

    env = Environment(tools=["pkgimage"], PKGIMAGE_CPU_TARGETS="generic;haswell;x86-64-v4")
    env.PackageImage("kernels", "src/kernels", workload="src/workload.py")

`PackageImage(target, source)` makes the image of one package and returns its two published files,
image and header. The source is a package's folder, a module's file, or the name of an installed
package; without one, what the target is called. Intermediate files go to `<target>.pkgimage/`.
Keyword arguments: workload (files that are run, so that what they compile is kept), cpu_targets,
flags, platform, depot, partitions, path (further folders for `sys.path`), and construction
variables.

Each stage is a Builder with construction variables in SCons' pattern: PackageImageSerialize,
-Entries, -Codegen, -Data, -Link, -Verify, and PKGIMAGESERIALIZE, PKGIMAGESERIALIZEFLAGS,
PKGIMAGESERIALIZECOM, PKGIMAGESERIALIZECOMSTR and so on; the link's command is LLDCOM, from the
flavor in `lld_flavors`. A user's mistake ends SCons with one line and exit code 2.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import packageimage
import SCons.Scanner.Python
from packageimage import depot as depots
from packageimage.fingerprint import Toolchain, stage_fingerprint
from packageimage.model.base_image import BaseImage
from packageimage.model.cpu_selection import HostCPU
from packageimage.model.cpu_targets import (
    TargetHelp,
    canonical_text,
    parse_cpu_targets,
    resolve_native,
)
from packageimage.model.errors import PackageImageError, one_line
from packageimage.model.flags import parse_flags
from packageimage.model.platform import host_platform, platform_named
from packageimage.recipe import (
    CAPTURE_SUFFIXES,
    DATA_SUFFIXES,
    ImageFiles,
    codegen_flags,
    codegen_targets,
    serialize_flags,
)
from packageimage.sources import installed_package, package_at
from SCons.Action import Action
from SCons.Builder import Builder
from SCons.Errors import UserError
from SCons.Scanner import ScannerBase
from SCons.Script import GetOption
from SCons.Subst import SUBST_SIG, Literal
from SCons.Util import CLVar, flatten

# The folder that a stage's process finds the library in.
_LIBRARY = str(Path(packageimage.__file__).resolve().parents[1])
_HERE = str(Path(__file__).resolve().parent)

_COMMANDS = {
    "SERIALIZE": "--package $PKGIMAGE_PACKAGE --flags $PKGIMAGE_STAGEFLAGS "
    "--partitions $PKGIMAGE_PARTITIONS "
    # Where the package lies is not what it is: its files' contents are in the signature.
    "$( $_PKGIMAGEROOT $) $_PKGIMAGEPATHS $_PKGIMAGEWORKLOADS --output $_PKGIMAGESTEM",
    "ENTRIES": "--capture $SOURCE $TARGETS",
    "CODEGEN": "--capture ${SOURCES[0]} --bitcode ${SOURCES[1]} --partition $PKGIMAGE_PARTITION "
    "--platform $PKGIMAGE_PLATFORM --cpu-targets $_PKGIMAGETARGETS "
    "--target-index $PKGIMAGE_TARGETINDEX --flags $PKGIMAGE_STAGEFLAGS --output $TARGET",
    "DATA": "--capture ${SOURCES[0]} --blob ${SOURCES[1]} "
    "--bitcode ${SOURCES[2:2+int(PKGIMAGE_PARTITIONS)]} --platform $PKGIMAGE_PLATFORM "
    "--cpu-targets $_PKGIMAGETARGETS --flags $PKGIMAGE_STAGEFLAGS --output $_PKGIMAGESTEM "
    "${SOURCES[2+int(PKGIMAGE_PARTITIONS):]}",
    "LINK": "--output $TARGET -- $LLDCOM",
    "VERIFY": "--header ${SOURCES[0]} --image ${SOURCES[1]} --platform $PKGIMAGE_PLATFORM "
    "--output-image ${TARGETS[0]} --output-header ${TARGETS[1]}",
}


def generate(env):
    """Add the Builders and the defaults of the construction variables."""
    env.SetDefault(
        PKGIMAGE_CPU_TARGETS="native",
        PKGIMAGE_FLAGS="",
        PKGIMAGE_PLATFORM="",
        PKGIMAGE_DEPOT="",
        PKGIMAGE_PARTITIONS=1,
        PKGIMAGE_PYTHON=sys.executable,
        # The interpreter's path stays out of signatures; its version is in PKGIMAGE_MADEWITH.
        # CPython keeps any -X option for the program, so the text travels in the command itself:
        # it is in SCons' signature, in --debug=explain and in what ninja compares.
        PKGIMAGESTAGE="$( $_PKGIMAGEPYTHON $) -P -X pkgimage=$PKGIMAGE_MADEWITH "
        "-m packageimage.stages",
        PKGIMAGE_MADEWITH="",
        _PKGIMAGEPYTHON=_python,
        _PKGIMAGESTEM=_stem,
        _PKGIMAGETARGETS=_quoted_targets,
        _PKGIMAGEROOT=[],
        _PKGIMAGEPATHS=[],
        _PKGIMAGEWORKLOADS=[],
    )
    for stage, arguments in _COMMANDS.items():
        name = f"PKGIMAGE{stage}"
        env.SetDefault(
            **{
                name: f"$PKGIMAGESTAGE {stage.lower()}",
                f"{name}FLAGS": CLVar(""),
                f"{name}COM": f"${name} ${name}FLAGS {arguments}",
            }
        )
    env.Append(
        BUILDERS={
            "PackageImageSerialize": Builder(
                action=_action("SERIALIZE"), emitter=_capture_files, source_scanner=_scanner
            ),
            "PackageImageEntries": Builder(action=_action("ENTRIES")),
            "PackageImageCodegen": Builder(action=_action("CODEGEN"), suffix=".o"),
            "PackageImageData": Builder(action=_action("DATA"), emitter=_data_files),
            "PackageImageLink": Builder(action=_action("LINK")),
            "PackageImageVerify": Builder(action=_action("VERIFY")),
        }
    )
    env.AddMethod(package_image, "PackageImage")
    env.PrependENVPath("PYTHONPATH", _LIBRARY)


def exists(env):
    """The tool needs nothing but what it imports; stages say what they lack."""
    return True


def package_image(env, target, source=None, **keywords):
    """The pseudo-builder PackageImage; see the module's text. Returns [image, header]."""
    try:
        return _package_image(env, target, source, **keywords)
    except TargetHelp as listing:
        print(listing, flush=True)
        raise SystemExit(0) from None
    except PackageImageError as error:
        # SCons prints a UserError with the SConstruct's lines below it and a StopError with
        # words around it; this is the one line that is promised.
        sys.stdout.flush()
        print(f"pkgimage: error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


# The images of this build, by their published files, and the captures, by their manifests' nodes.
_published = {}
_captures = {}


def _package_image(
    env,
    target,
    source=None,
    *,
    workload=(),
    cpu_targets=None,
    flags=None,
    platform=None,
    depot=None,
    partitions=None,
    path=(),
    **overrides,
):
    if overrides:
        env = env.Clone(**overrides)
    target = _single(env, target, "target")
    package = _find_package(env, target, source, path)
    workloads = _workloads(env, workload)
    platform = _platform(env.subst("$PKGIMAGE_PLATFORM") if platform is None else platform)
    flags = parse_flags(env.subst("$PKGIMAGE_FLAGS") if flags is None else flags)
    targets = _cpu_targets(
        env, env.subst("$PKGIMAGE_CPU_TARGETS") if cpu_targets is None else cpu_targets, platform
    )
    partitions = _partitions(env["PKGIMAGE_PARTITIONS"] if partitions is None else partitions)
    toolchain = _toolchain(env)
    files = ImageFiles(f"{target}.pkgimage", package.name, str(platform), partitions)
    published = _published_files(env, depot, toolchain.base, package.name, platform, flags, targets)
    _claim(published[0], f"{package.name} for {platform} with the same flags and CPU targets")

    # Names that are looked up here stand for themselves; env.File would substitute in them.
    node = env.fs.File

    def made_with(stage, **more):
        return stage_fingerprint(stage, {**toolchain.versions, **more})

    common = {
        "PKGIMAGE_PACKAGE": package.name,
        "PKGIMAGE_PARTITIONS": partitions,
        "PKGIMAGE_PLATFORM": str(platform),
    }
    capture, entries = _capture(
        env, files, package, workloads, path, serialize_flags(flags), common, made_with
    )
    manifest, blob, bitcode = capture[0], capture[1], capture[len(CAPTURE_SUFFIXES) :]
    objects = [
        env.PackageImageCodegen(
            node(files.object(p, t)),
            [entries[p], bitcode[p]],
            PKGIMAGE_MADEWITH=made_with("codegen"),
            PKGIMAGE_PARTITION=p,
            PKGIMAGE_TARGETINDEX=t,
            PKGIMAGE_CPU=str(targets[t]),
            PKGIMAGE_STAGETARGETS=codegen_targets(targets, t),
            PKGIMAGE_STAGEFLAGS=codegen_flags(flags),
            **common,
        )[0]
        for t in range(len(targets))
        for p in range(partitions)
        if flags.native_code
    ]
    thunks, data, header = env.PackageImageData(
        node(files.stem),
        [manifest, blob, *bitcode, *objects],
        PKGIMAGE_MADEWITH=made_with("data"),
        PKGIMAGE_STAGETARGETS=canonical_text(targets),
        PKGIMAGE_STAGEFLAGS=str(flags),
        **common,
    )
    linker = _linker(env, platform)
    linked = linker.PackageImageLink(
        node(files.linked(platform.image_suffix.removeprefix(".pkgimage"))),
        [thunks, data, *objects],
        PKGIMAGE_MADEWITH=made_with("link", lld=linker.subst("$LLDVERSION")),
        **common,
    )
    image = env.PackageImageVerify(
        [node(path) for path in published],
        [header, linked],
        PKGIMAGE_MADEWITH=made_with("verify"),
        **common,
    )
    # A published image is replaced by the next one, never missing in between, and comes from a
    # verify stage of this build, never from a cache.
    env.Precious(image)
    env.NoCache(image)
    env.Clean(image, env.fs.Dir(files.folder))
    # `scons` alone builds what is below the top folder, where depots mostly are not.
    env.Depends(env.fs.Dir(files.folder), image)
    return image


def _capture(env, files, package, workloads, path, flags, common, made_with):
    """What serialize and entries make; images of one target for several platforms share it."""
    paths = [env.Dir(folder).srcnode() for folder in flatten([path])]
    request = (package, tuple(workloads), tuple(paths), flags, files.partitions)
    key = env.fs.File(files.capture[0])
    if key in _captures and _captures[key][0] != request:
        raise PackageImageError(
            f"{one_line(files.folder)}: two images would keep their captures here, with different "
            "sources, workloads, flags or partitions; give one of them a target in another folder"
        )
    if key in _captures:
        return _captures[key][1]
    roots = [package.root] * (not _is_installed(package.root)) + [node.abspath for node in paths]
    scanned = [*roots, *(os.path.dirname(node.abspath) for node in workloads)]
    watcher = env.Clone()
    nodes = watcher.PackageImageSerialize(
        env.fs.File(files.capture_stem),
        [*(env.fs.File(str(file)) for file in package.files), *workloads],
        PKGIMAGE_MADEWITH=made_with("serialize"),
        PKGIMAGE_STAGEFLAGS=flags,
        PKGIMAGE_SCANPATH=[env.fs.Dir(folder) for folder in dict.fromkeys(map(str, scanned))],
        _PKGIMAGEROOT=["--path", env.fs.Dir(str(package.root))],
        _PKGIMAGEPATHS=[word for node in paths for word in ("--path", node)],
        _PKGIMAGEWORKLOADS=[word for node in workloads for word in ("--workload", node)],
        **common,
    )
    # What a capture depends on is known in full only when it has been taken, so a cache cannot
    # tell whether one taken elsewhere fits.
    env.NoCache(nodes)
    _watch_imports(watcher, nodes, package)
    entries = env.PackageImageEntries(
        [env.fs.File(name) for name in files.entries],
        nodes[0],
        PKGIMAGE_MADEWITH=made_with("entries"),
        **common,
    )
    _captures[key] = (request, (nodes, entries))
    return nodes, entries


# Reading what a user gave. Each raises PackageImageError.


def _single(env, value, what):
    values = flatten([value])
    if len(values) != 1:
        raise PackageImageError(f"PackageImage: expected one {what}, found {len(values)}")
    return getattr(values[0], "abspath", None) or env.subst(values[0])


def _find_package(env, target, source, path):
    name = os.path.basename(target) if source is None else _single(env, source, "source")
    # Sources are read where they are, not where a VariantDir would copy the *.py of them: a
    # package may have data files beside its code.
    place = Path(env.fs.Entry(name).srcnode().abspath)
    if place.exists() or os.sep in name or "/" in name or name.endswith(".py"):
        return package_at(place)
    folders = [env.Dir(folder).srcnode().abspath for folder in flatten([path])]
    return installed_package(name, [*folders, *_toolchain(env).search_path])


def _is_installed(root):
    return any(part in ("site-packages", "dist-packages") for part in Path(root).parts)


def _workloads(env, workload):
    nodes = [env.File(name).srcnode() for name in flatten([workload]) if name]
    for node in nodes:
        # A workload may be the target of another Builder.
        if not node.exists() and not node.has_builder():
            raise PackageImageError(
                f"workload {one_line(node)} does not exist; name a Python file that calls the "
                "package's functions"
            )
    return nodes


def _platform(name):
    return platform_named(name) if name else host_platform()


def _partitions(value):
    try:
        partitions = int(value)
    except (TypeError, ValueError):
        partitions = 0
    if partitions < 1:
        raise PackageImageError(f"PKGIMAGE_PARTITIONS must be 1 or more, found {value!r}")
    return partitions


def _cpu_targets(env, text, platform):
    if any(part.partition(",")[0].strip() == "native" for part in text.split(";")):
        host = host_platform()
        if host.arch != platform.arch:
            raise PackageImageError(
                f"CPU target native is this machine's ({host.arch}), the platform is {platform}; "
                "name a CPU of that platform, or generic"
            )
        # What is built, and its name, follow from this machine's CPU; so it is asked for now.
        text = resolve_native(text, _toolchain(env, host_cpu=True).host_cpu, platform.arch)
    return parse_cpu_targets(text, platform.arch)


def _published_files(env, depot, base, package, platform, flags, targets):
    folder = env.subst("$PKGIMAGE_DEPOT" if depot is None else str(depot))
    if folder:
        folder = env.fs.Dir(folder).abspath
    else:
        # The path is empty where there is no home folder, which the other function says.
        path = depots.depot_path(os.environ) or [depots.user_cache_folder(os.environ)]
        folder = str(path[0])
    stem = depots.image_stem(base, package, platform, flags, canonical_text(targets))
    suffixes = (platform.image_suffix, depots.HEADER_SUFFIX)
    return [os.path.join(folder, f"{stem}{suffix}") for suffix in suffixes]


def _claim(published, what):
    if published in _published:
        raise PackageImageError(
            f"two images of {what} in this build, both {one_line(published)}; remove one of them, "
            "or give one other flags, CPU targets or a depot of its own"
        )
    _published[published] = what


def _toolchain(env, host_cpu=False):
    return _measure_toolchain(
        env.subst("$PKGIMAGE_PYTHON"), tuple(sorted(_stage_environment(env).items())), host_cpu
    )


def _stage_environment(env):
    # As SCons runs commands: lists are search paths.
    return {
        name: value if isinstance(value, str) else os.pathsep.join(map(str, flatten([value])))
        for name, value in env["ENV"].items()
    }


@functools.cache
def _measure_toolchain(python, environment, host_cpu):
    command = [python, "-P", "-m", "packageimage.stages.toolchain", *["--host-cpu"] * host_cpu]
    try:
        done = subprocess.run(
            command, env=dict(environment), capture_output=True, text=True, encoding="utf-8"
        )
    except OSError as error:
        raise PackageImageError(
            f"PKGIMAGE_PYTHON: {one_line(python)}: {error.strerror}; name the interpreter that has "
            "packageimage[build] installed"
        ) from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise PackageImageError(
            f"PKGIMAGE_PYTHON: {one_line(python)} cannot run the stages: {one_line(last)}; "
            "install packageimage[build] for it"
        )
    found = json.loads(done.stdout)
    if "error" in found:
        raise PackageImageError(f"PKGIMAGE_PYTHON: {one_line(python)}: {found['error']}")
    host = found.get("host_cpu")
    return Toolchain(
        BaseImage(**found["base"]),
        found["versions"],
        tuple(found["search_path"]),
        HostCPU(host["name"], frozenset(host["features"])) if host else None,
    )


# What a capture depends on beyond its sources. A scanner follows the imports that stand in the
# sources, as far as they lead to files of the project. The rest is known from the last capture.


def _scan_path(env, directory, target=None, source=None):
    return tuple(env.get("PKGIMAGE_SCANPATH", ()))


_scanner = ScannerBase(
    SCons.Scanner.Python.scan,
    name="PackageImageImports",
    path_function=_scan_path,
    recursive=True,
)


def _watch_imports(env, capture, package):
    """Take the capture anew when a file that the last one imported has changed since.

    Such files cannot simply be dependencies: they would be new ones in the build after the one
    that found them, and SCons would run the workload once more for nothing. So the sources'
    decider knows of them. Ninja looks at times only and takes them as they are.
    """
    imported = _imported(env, capture, package)
    if "ninja" in env["TOOLS"]:
        env.Depends(capture, [file for file in imported if os.path.exists(file)])
    changed = [file for file, unchanged in imported.items() if not unchanged]
    if not changed:
        return
    if "explain" in (GetOption("debug") or ()):
        print(f"pkgimage: {package.name} has imported {changed[0]}, which has changed")
    decide = env.decide_source

    def decide_source(dependency, target, prev_ni, repo_node=None):
        # Without a repo_node SCons asks which source to name in its explanation: none.
        return decide(dependency, target, prev_ni, repo_node) or repo_node is not None

    env.Decider(decide_source)


def _imported(env, capture, package):
    """The files beyond the package's own that the last capture imported, and whether unchanged."""
    try:
        manifest, imported = (json.loads(Path(capture[at].abspath).read_bytes()) for at in (0, 2))
        taken = os.stat(capture[2].abspath).st_mtime_ns
    except (OSError, ValueError):
        return {}  # there is no last capture
    files = {}
    for file in imported["files"]:
        # Imported from the project: the capture says which files, not what was in them.
        with contextlib.suppress(OSError):
            files[file] = os.stat(file).st_mtime_ns <= taken
        files.setdefault(file, False)
    for include in manifest["includes"]:
        # Of another package, compiled into the image.
        root = include["root"]
        if root != package.name:
            file = _locate(root, tuple(_toolchain(env).search_path)) / include["path"]
            files[str(file)] = _digest(file) == include["sha256"]
    own = {*package.files, *(node.abspath for node in _scanned(capture[0]))}
    own = {os.path.realpath(file) for file in own}
    return {file: same for file, same in files.items() if os.path.realpath(file) not in own}


def _scanned(target):
    """The files that the scanner finds for a target: SCons watches their contents."""
    env = target.get_build_env()
    return [
        found
        for source in target.sources
        for found in source.get_implicit_deps(env, _scanner, lambda scanner: scanner.path(env))
    ]


def _locate(root, search_path):
    try:
        return installed_package(root, search_path).root
    except PackageImageError:
        return Path(root)  # gone: it will be found changed


def _digest(file):
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return None


# Construction variables that are functions: (target, source, env, for_signature).


def _python(target, source, env, for_signature):
    # Literal: one word, whatever spaces the path has.
    return Literal(env.subst("$PKGIMAGE_PYTHON"))


def _quoted_targets(target, source, env, for_signature):
    # In quotes of its own, because ninja's commands do not quote what a shell would split at.
    return f'"{env.subst("$PKGIMAGE_STAGETARGETS")}"'


def _stem(target, source, env, for_signature):
    """What the stage's outputs have in common, from the first of them."""
    path = str(target[0]) if target else ""
    for suffix in (CAPTURE_SUFFIXES[0], DATA_SUFFIXES[0]):
        path = path.removesuffix(suffix)
    return Literal(path)


def _action(stage):
    """The stage's command as an action that shows it in --debug=explain.

    SCons explains `Action("$XCOM")` by saying that its contents changed; a generator that returns
    the substituted text makes it show the old and the new one. What is run is `$XCOM` itself.
    """
    command = f"$PKGIMAGE{stage}COM"

    def generator(target, source, env, for_signature):
        if not for_signature:
            return command
        return env.subst(command, SUBST_SIG, target, source).replace("$", "$$")

    return Action(generator, f"$PKGIMAGE{stage}COMSTR", generator=True)


def _capture_files(target, source, env):
    partitions = [f".p{number}.bc" for number in range(int(env["PKGIMAGE_PARTITIONS"]))]
    return _beside(target[0], [*CAPTURE_SUFFIXES, *partitions]), source


def _data_files(target, source, env):
    return _beside(target[0], DATA_SUFFIXES), source


def _beside(stem, suffixes):
    return [stem.dir.File(f"{stem.name}{suffix}") for suffix in suffixes]


def _linker(env, platform):
    """An environment with the platform's flavor of LLD."""
    linker = env.Clone(PKGIMAGEPLATFORM=str(platform))
    try:
        linker.Tool(f"lld_flavors.{platform.object_format}", toolpath=[_HERE])
    except UserError as error:
        if isinstance(error.__cause__, PackageImageError):
            if GetOption("clean"):
                return linker  # removing files takes no linker
            raise error.__cause__ from None
        raise PackageImageError(
            f"platform {platform}: no flavor of LLD for {platform.object_format} here; choose "
            "another platform"
        ) from error
    return linker
