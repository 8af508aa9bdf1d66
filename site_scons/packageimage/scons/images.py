"""The graph of images: which node each stage of each configuration is, and which ones share it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from SCons.Errors import UserError
from SCons.Script import GetOption

from packageimage.fingerprint import stage_fingerprint
from packageimage.model.cpu_targets import canonical_text
from packageimage.model.errors import PackageImageError, one_line
from packageimage.model.platform import Platform, host_platform
from packageimage.recipe import (
    CaptureFiles,
    ImageFiles,
    codegen_flags,
    codegen_targets,
    serialize_flags,
)
from packageimage.scons import report
from packageimage.scons.captures import Capture, captures, check_order
from packageimage.scons.nodes import Task, become_stage
from packageimage.scons.requests import Configuration, Request, is_installed, published_files
from packageimage.scons.stages import settings
from packageimage.scons.toolchain import toolchain
from packageimage.scons.unrecorded import journal_of

# The nodes of this build's stages by their first output, with all that decides them.
_made: dict[str, tuple[tuple[Any, ...], list[Any]]] = {}
# The images of this build, by their published files.
_published: dict[str, str] = {}


def add_images(env: Any, request: Request, flavors: str) -> list[Any]:
    """The published files of all configurations of a request, image and header of each in turn.

    flavors: the folder of the tools `lld_flavors`. Raises PackageImageError.
    """
    images = [
        _Image(env, request, flavors, configuration) for configuration in request.configurations
    ]
    for image in images:
        image.claim()
    return [node for image in images for node in image.add()]


class _Image:
    """One image's way through the stages."""

    def __init__(
        self,
        env: Any,
        request: Request,
        flavors: str,
        configuration: Configuration,
    ) -> None:
        self._env = env
        self._request = request
        self._flavors = flavors
        self._platform = configuration.platform
        self._flags = configuration.flags
        self._targets = configuration.targets
        self._toolchain = toolchain(env)
        self._paths = published_files(env, request, self._toolchain.base, configuration)
        self._common = {
            "PKGIMAGE_PACKAGE": request.package.name,
            "PKGIMAGE_PARTITIONS": request.partitions,
            "PKGIMAGE_PLATFORM": str(self._platform),
            # For messages.
            "_PKGIMAGEON": "" if self._platform == host_platform() else f" ({self._platform})",
        }
        self._tasks: list[Task] = []

    def claim(self) -> None:
        image = self._paths[0]
        package, platform = self._request.package.name, self._platform
        if image in _published:
            raise PackageImageError(
                f"two images of {package} for {platform} with the same flags and CPU targets in "
                f"this build, both {one_line(image)}; remove one of them, or give one other "
                "flags, CPU targets or a depot of its own"
            )
        _published[image] = package

    def add(self) -> list[Any]:
        env, request, targets = self._env, self._request, self._targets
        capture = self._capture()
        files = ImageFiles(
            capture.files,
            str(self._platform),
            codegen_flags(self._flags),
            canonical_text(targets),
        )
        objects = [
            self._object(files, capture, partition, index)
            for index in range(len(targets))
            for partition in range(request.partitions)
            if self._flags.native_code
        ]
        sources = [capture.manifest, capture.blob, *capture.bitcode, *objects]
        thunks, data, header = self._stage(
            "data",
            f"{files.stem}.thunks.o",
            files.stem,
            sources,
            PKGIMAGE_STAGETARGETS=canonical_text(targets),
            PKGIMAGE_STAGEFLAGS=str(self._flags),
        )
        linker = _linker(env, self._platform, self._flavors)
        linked = files.linked(self._platform.image_suffix.removeprefix(".pkgimage"))
        library, digest = self._stage(
            "link",
            linked,
            linked,
            [thunks, data, *capture.package_data, *objects],
            env=linker,
            versions={"lld": linker.subst("$LLDVERSION")},
        )
        image = self._stage(
            "verify", self._paths[0], self._paths, [header, library, capture.includes, digest]
        )
        # A published image is replaced by the next one, never missing in between, and comes from
        # a verify stage of this build, never from a cache.
        env.Precious(image)
        env.NoCache(image)
        env.Clean(image, [env.fs.Dir(request.folder), env.fs.Entry(f"{self._paths[0]}.dSYM")])
        # `scons` alone builds what is below the top folder, where depots mostly are not.
        env.Depends(env.fs.Dir(request.folder), image)
        by_target = [
            tuple(node.abspath for node in objects[at : at + request.partitions])
            for at in range(0, len(objects), request.partitions)
        ]
        report.add_image(
            env,
            report.Image(
                name=f"{request.package.name} for {self._platform}",
                flags=str(self._flags),
                tasks=tuple(self._tasks),
                manifest=capture.manifest.abspath,
                objects=tuple(zip(map(str, targets), by_target, strict=False)),
                published=tuple(self._paths),
            ),
        )
        return image

    def _object(self, files: ImageFiles, capture: Capture, partition: int, index: int) -> Any:
        told = codegen_targets(self._targets, index)
        path = files.object(partition, index, told)
        (node,) = self._stage(
            "codegen",
            path,
            path,
            [capture.entries[partition], capture.bitcode[partition]],
            about=f"{partition} {self._targets[index]}",
            PKGIMAGE_PARTITION=partition,
            PKGIMAGE_TARGETINDEX=index,
            PKGIMAGE_CPU=str(self._targets[index]),
            PKGIMAGE_STAGETARGETS=told,
            PKGIMAGE_STAGEFLAGS=codegen_flags(self._flags),
        )
        return node

    def _capture(self) -> Capture:
        """What serialize and entries make; images with the same serialize flags share it."""
        env, request, package = self._env, self._request, self._request.package
        files = CaptureFiles(
            request.folder,
            package.name,
            serialize_flags(self._flags),
            request.partitions,
            request.partitions_said,
        )
        decides = (
            package, request.workloads, request.path, request.partitions, request.restore,
            request.preferences,
        )  # fmt: skip
        known = captures()
        key = env.fs.File(files.stem).abspath
        capture = known.get(key)
        if capture is None:
            sources = [*(env.fs.File(str(file)) for file in package.files), *request.workloads]
            capture = known[key] = Capture(package, files, decides, sources)
        elif capture.request != decides:
            raise PackageImageError(
                f"{one_line(request.folder)}: two images would keep their captures here, with "
                "different sources, workloads, paths, restored modules or preferences; give one "
                "of them a target in another folder"
            )
        capture.platforms.add(str(self._platform))
        check_order()
        roots = [package.root] * (not is_installed(package.root))
        roots += [Path(node.abspath) for node in request.path]
        scanned = [*roots, *(Path(node.abspath).parent for node in request.workloads)]
        capture.nodes = self._stage(
            "serialize",
            f"{files.stem}.capture.json",
            files.stem,
            capture.sources,
            capture=capture,
            PKGIMAGE_CAPTURE=capture,
            PKGIMAGE_STAGEFLAGS=files.flags,
            PKGIMAGE_SCANPATH=[env.fs.Dir(str(folder)) for folder in dict.fromkeys(scanned)],
            _PKGIMAGEROOT=["--path", env.fs.Dir(str(package.root))],
            _PKGIMAGEPATHS=[word for node in request.path for word in ("--path", node)],
            _PKGIMAGEWORKLOADS=[
                word for node in request.workloads for word in ("--workload", node)
            ],
            _PKGIMAGERESTORE=[word for name in request.restore for word in ("--restore", name)],
            _PKGIMAGEPREFERENCES=[
                word for name in request.preferences for word in ("--preference", name)
            ],
        )
        # What a capture depends on is known in full only when it has been taken, so a cache
        # cannot tell whether one taken elsewhere fits.
        env.NoCache(capture.nodes)
        capture.entries = self._stage(
            "entries", files.entries[0], list(files.entries), [capture.manifest]
        )
        return capture

    def _stage(
        self,
        stage: str,
        first: str,
        target: str | list[str],
        sources: list[Any],
        *,
        env: Any = None,
        about: str = "",
        versions: dict[str, str] | None = None,
        capture: Capture | None = None,
        **variables: Any,
    ) -> list[Any]:
        """The nodes of one run of a stage: new ones, or those that another image has made so."""
        env = self._env if env is None else env
        fingerprint = stage_fingerprint(stage, {**self._toolchain.versions, **(versions or {})})
        # Names that are looked up here stand for themselves; env.File would substitute in them.
        node = env.fs.File
        key = node(first).abspath
        told = tuple(
            (name, value)
            for name, value in sorted(variables.items())
            if name not in ("PKGIMAGE_SCANPATH", "PKGIMAGE_CAPTURE")
        )
        request = (stage, fingerprint, tuple(sources), repr(told), settings(env, stage))
        if key in _made:
            if _made[key][0] != request:
                raise PackageImageError(
                    f"{one_line(first)}: two images would make it with different settings of the "
                    f"stage {stage}; give one of them a target in another folder"
                )
            nodes = _made[key][1]
            self._tasks.append(nodes[0].attributes.pkgimage)
            return nodes
        builder: Callable[..., list[Any]] = getattr(env, f"PackageImage{stage.capitalize()}")
        targets = [node(path) for path in ([target] if isinstance(target, str) else target)]
        nodes = list(
            builder(targets, sources, PKGIMAGE_MADEWITH=fingerprint, **variables, **self._common)
        )
        journal = journal_of(Path(env.fs.Dir(self._request.folder).abspath))
        task = Task(stage, about, self._request.package.name, journal, capture=capture)
        become_stage(nodes, task)
        _made[key] = (request, nodes)
        self._tasks.append(task)
        return nodes


def _linker(env: Any, platform: Platform, flavors: str) -> Any:
    """An environment with the platform's flavor of LLD. Raises PackageImageError."""
    linker = env.Clone(PKGIMAGEPLATFORM=str(platform))
    try:
        linker.Tool("lld_flavors", toolpath=[flavors])
    except UserError as error:
        if not isinstance(error.__cause__, PackageImageError):
            raise
        if not GetOption("clean"):  # removing files takes no linker
            raise error.__cause__ from None
    return linker
