"""What a call of PackageImage asks for, read and checked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from SCons.Util import flatten, is_Dict, is_List, is_Tuple

from packageimage import depot as depots
from packageimage import image_names
from packageimage.model.base_image import BaseImage
from packageimage.model.cpu_targets import (
    CPUTarget,
    canonical_text,
    parse_cpu_targets,
    resolve_native,
)
from packageimage.model.errors import PackageImageError, one_line
from packageimage.model.flags import CacheFlags, parse_flags
from packageimage.model.platform import (
    PLATFORMS,
    Platform,
    host_platform,
    platforms_named,
)
from packageimage.model.record import Record
from packageimage.recipe import WHOLE_PACKAGE, partitions_for
from packageimage.scons.toolchain import toolchain
from packageimage.sources import PackageSource, count_functions, installed_package, package_at

AUTO = "auto"


class Configuration(Record):
    """What one image is made for."""

    platform: Platform
    flags: CacheFlags
    targets: tuple[CPUTarget, ...]


class Request(Record):
    """One call: a package, and the configurations to make images of it for.

    folder: for its intermediate files. workloads, path: nodes. partitions_said: "" where their
    number follows from the sources. depot: "" for the first on the depot path. restore: modules,
    or "all" for the whole package. preferences: environment variables that the sources read.
    """

    package: PackageSource
    folder: str
    workloads: tuple[Any, ...]
    path: tuple[Any, ...]
    configurations: tuple[Configuration, ...]
    partitions: int
    partitions_said: str
    depot: str
    restore: tuple[str, ...] = ()
    preferences: tuple[str, ...] = ()


def read_request(
    env: Any,
    target: Any,
    source: Any,
    workload: Any,
    cpu_targets: Any,
    flags: Any,
    platforms: Any,
    depot: Any,
    partitions: Any,
    path: Any,
    restore: Any = None,
    preferences: Any = None,
) -> Request:
    """Raises PackageImageError; TargetHelp when CPU targets are `help`."""
    name = _single(env, target, "target")
    package = _find_package(env, name, source, path)
    workloads = _workloads(env, workload)
    parsed = [parse_flags(text) for text in _each(env, flags, "PKGIMAGE_FLAGS")]
    configurations = [
        Configuration(platform, each, targets)
        for platform in _platforms(env, platforms)
        for each in parsed
        for targets in _cpu_targets(env, cpu_targets, platform)
    ]
    count, said = _partitions(
        env["PKGIMAGE_PARTITIONS"] if partitions is None else partitions, package
    )
    return Request(
        package=package,
        folder=f"{name}.pkgimage",
        workloads=tuple(workloads),
        path=tuple(env.Dir(folder).srcnode() for folder in flatten([path])),
        configurations=tuple(configurations),
        partitions=count,
        partitions_said=said,
        depot=env.subst("$PKGIMAGE_DEPOT" if depot is None else str(depot)),
        restore=_restore(env["PKGIMAGE_RESTORE"] if restore is None else restore, package),
        preferences=_preferences(
            env, env["PKGIMAGE_PREFERENCES"] if preferences is None else preferences
        ),
    )


def published_files(
    env: Any, request: Request, base: BaseImage, configuration: Configuration
) -> list[str]:
    """Where the image of one configuration and its header are published."""
    if request.depot:
        folder = env.fs.Dir(request.depot).abspath
    else:
        folder = str(image_names.depot_for_new_images(os.environ))
    platform, targets = configuration.platform, canonical_text(configuration.targets)
    stem = image_names.image_stem(
        base, request.package.name, platform, configuration.flags, targets
    )
    suffixes = (platform.image_suffix, depots.HEADER_SUFFIX)
    return [os.path.join(folder, f"{stem}{suffix}") for suffix in suffixes]


def is_installed(root: Path) -> bool:
    return any(part in ("site-packages", "dist-packages") for part in root.parts)


def _single(env: Any, value: Any, what: str) -> str:
    values = flatten([value])
    if len(values) != 1:
        raise PackageImageError(f"PackageImage: expected one {what}, found {len(values)}")
    return getattr(values[0], "abspath", None) or env.subst(values[0])


def _each(env: Any, value: Any, variable: str) -> list[str]:
    """The texts of a setting that may be a list of them."""
    if value is None:
        value = env[variable]
        value = [env.subst(item) for item in value] if _is_several(value) else env.subst(value)
    values = list(value) if _is_several(value) else [value]
    if not values or not all(isinstance(item, str) for item in values):
        raise PackageImageError(
            f"{variable}: expected a text or a list of texts, found {one_line(repr(value))}"
        )
    return values


def _restore(value: Any, package: PackageSource) -> tuple[str, ...]:
    """The modules to restore, as `Request.restore` has them."""
    if value is True or (isinstance(value, str) and value.lower() in ("yes", "true", "1")):
        return (WHOLE_PACKAGE,)
    if not value or (isinstance(value, str) and value.lower() in ("no", "false", "0")):
        return ()
    names = value.split() if isinstance(value, str) else list(value)
    for name in names:
        if not isinstance(name, str) or name.partition(".")[0] != package.name:
            raise PackageImageError(
                f"PKGIMAGE_RESTORE: expected True, or modules of {package.name} such as "
                f"{package.name}.core, found {one_line(repr(name))}"
            )
    return tuple(dict.fromkeys(names))


def _preferences(env: Any, value: Any) -> tuple[str, ...]:
    """NAME=VALUE of environment variables, sorted; "" for one that is not set."""
    names = value.split() if isinstance(value, str) else list(flatten([value]))
    for name in names:
        if not isinstance(name, str) or not name.isidentifier():
            raise PackageImageError(
                "PKGIMAGE_PREFERENCES: expected names of environment variables, found "
                f"{one_line(repr(name))}"
            )
    found = env["ENV"]
    return tuple(
        f"{name}={found.get(name, os.environ.get(name, ''))}" for name in sorted(set(names))
    )


def _is_several(value: Any) -> bool:
    return bool(is_List(value) or is_Tuple(value))


def _find_package(env: Any, target: str, source: Any, path: Any) -> PackageSource:
    name = os.path.basename(target) if source is None else _single(env, source, "source")
    # Sources are read where they are, not where a VariantDir would copy the *.py of them: a
    # package may have data files beside its code.
    place = Path(env.fs.Entry(name).srcnode().abspath)
    if place.exists() or os.sep in name or "/" in name or name.endswith(".py"):
        return package_at(place)
    folders = [env.Dir(folder).srcnode().abspath for folder in flatten([path])]
    return installed_package(name, [*folders, *toolchain(env).search_path])


def _workloads(env: Any, workload: Any) -> list[Any]:
    nodes = [env.File(name).srcnode() for name in flatten([workload]) if name]
    for node in nodes:
        # A workload may be the target of another Builder.
        if not node.exists() and not node.has_builder():
            raise PackageImageError(
                f"workload {one_line(node)} does not exist; name a Python file that calls the "
                "package's functions"
            )
    return nodes


def _platforms(env: Any, value: Any) -> list[Platform]:
    texts = _each(env, value, "PKGIMAGE_PLATFORMS")
    if texts == [""]:
        return [host_platform()]
    found = [platform for text in texts for platform in platforms_named(text)]
    return list(dict.fromkeys(found))


def _partitions(value: Any, package: PackageSource) -> tuple[int, str]:
    """The number, and what was said of it."""
    if value == AUTO:
        return partitions_for(count_functions(package.files)), ""
    try:
        partitions = int(value)
    except (TypeError, ValueError):
        partitions = 0
    if partitions < 1:
        raise PackageImageError(
            f"PKGIMAGE_PARTITIONS must be 1 or more, or {AUTO}, found {one_line(repr(value))}"
        )
    return partitions, str(partitions)


def _cpu_targets(env: Any, value: Any, platform: Platform) -> list[tuple[CPUTarget, ...]]:
    """The target strings for a platform, each of which makes an image.

    They may be given by platform or by architecture.
    """
    value = env["PKGIMAGE_CPU_TARGETS"] if value is None else value
    if is_Dict(value):
        known = {*PLATFORMS, *(each.arch for each in PLATFORMS.values())}
        unknown = sorted(str(key) for key in value if key not in known)
        if unknown:
            raise PackageImageError(
                "PKGIMAGE_CPU_TARGETS: expected platforms or architectures as keys, one of "
                f"{', '.join(sorted(known))}, found {one_line(unknown[0])!r}"
            )
        value = value.get(platform.name, value.get(platform.arch, ""))
        value = "" if value is None else value
    texts = _each(env, value, "PKGIMAGE_CPU_TARGETS")
    return [tuple(_parsed_targets(env, env.subst(text), platform)) for text in texts]


def _parsed_targets(env: Any, text: str, platform: Platform) -> list[CPUTarget]:
    text = text or ("native" if platform == host_platform() else "generic")
    if any(part.partition(",")[0].strip() == "native" for part in text.split(";")):
        host = host_platform()
        if host.arch != platform.arch:
            raise PackageImageError(
                f"CPU target native is this machine's ({host.arch}), the platform is {platform}; "
                "name a CPU of that platform, or generic"
            )
        # What is built, and its name, follow from this machine's CPU; so it is asked for now.
        cpu = toolchain(env, host_cpu=True).host_cpu
        assert cpu is not None
        text = resolve_native(text, cpu, platform.arch)
    return list(parse_cpu_targets(text, platform.arch))
