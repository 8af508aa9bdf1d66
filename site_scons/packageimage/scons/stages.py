"""Each stage as a Builder with construction variables in SCons' pattern.

For a stage X: PKGIMAGEX is its command, PKGIMAGEXFLAGS what a user adds, PKGIMAGEXCOM the command
line, PKGIMAGEXCOMSTR what is shown instead; the Builder is PackageImageX.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from SCons.Action import Action
from SCons.Builder import Builder
from SCons.Subst import SUBST_SIG, Literal
from SCons.Util import CLVar

import packageimage
from packageimage.recipe import (
    CAPTURE_SUFFIXES,
    DATA_SUFFIXES,
    DIGEST_SUFFIX,
    PACKAGE_DATA_SUFFIX,
)
from packageimage.scons.captures import requires_words, source_scanner, target_scanner

# The folder that a stage's process finds the library in.
_LIBRARY = str(Path(packageimage.__file__).resolve().parents[1])

_COMMANDS = {
    "SERIALIZE": "--package $PKGIMAGE_PACKAGE --flags $PKGIMAGE_STAGEFLAGS "
    "--partitions $PKGIMAGE_PARTITIONS "
    # Where the package lies is not what it is: its files' contents are in the signature.
    "$( $_PKGIMAGEROOT $) $_PKGIMAGEPATHS $_PKGIMAGEWORKLOADS $_PKGIMAGERESTORE "
    "$_PKGIMAGEPREFERENCES $_PKGIMAGEREQUIRES "
    "--output $_PKGIMAGESTEM",
    "ENTRIES": "--capture $SOURCE $TARGETS",
    "CODEGEN": "--capture ${SOURCES[0]} --bitcode ${SOURCES[1]} --partition $PKGIMAGE_PARTITION "
    "--platform $PKGIMAGE_PLATFORM --cpu-targets $_PKGIMAGETARGETS "
    "--target-index $PKGIMAGE_TARGETINDEX --flags $PKGIMAGE_STAGEFLAGS --output $TARGET",
    "DATA": "--capture ${SOURCES[0]} --blob ${SOURCES[1]} "
    "--bitcode ${SOURCES[2:2+int(PKGIMAGE_PARTITIONS)]} --platform $PKGIMAGE_PLATFORM "
    "--cpu-targets $_PKGIMAGETARGETS --flags $PKGIMAGE_STAGEFLAGS --output $_PKGIMAGESTEM "
    "${SOURCES[2+int(PKGIMAGE_PARTITIONS):]}",
    "LINK": "--output ${TARGETS[0]} --digest ${TARGETS[1]} --platform=$PKGIMAGE_PLATFORM "
    "-- $LLDCOM",
    "VERIFY": "--header ${SOURCES[0]} --image ${SOURCES[1]} --includes ${SOURCES[2]} "
    "$_PKGIMAGEDIGEST --platform $PKGIMAGE_PLATFORM "
    "--output-image ${TARGETS[0]} --output-header ${TARGETS[1]}",
}


def add_stages(env: Any) -> None:
    """Add the Builders and the defaults of the construction variables; again changes nothing."""
    env.SetDefault(
        PKGIMAGE_CPU_TARGETS="",
        PKGIMAGE_FLAGS="",
        PKGIMAGE_PLATFORMS="",
        PKGIMAGE_DEPOT="",
        PKGIMAGE_PARTITIONS="auto",
        PKGIMAGE_RESTORE=False,
        PKGIMAGE_PREFERENCES=[],
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
        _PKGIMAGEDIGEST=_digest,
        _PKGIMAGEROOT=[],
        _PKGIMAGEPATHS=[],
        _PKGIMAGEWORKLOADS=[],
        _PKGIMAGERESTORE=[],
        _PKGIMAGEPREFERENCES=[],
        _PKGIMAGEREQUIRES=requires_words,
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
                action=_action("SERIALIZE"),
                emitter=_capture_files,
                source_scanner=source_scanner,
                target_scanner=target_scanner,
            ),
            "PackageImageEntries": Builder(action=_action("ENTRIES")),
            "PackageImageCodegen": Builder(action=_action("CODEGEN"), suffix=".o"),
            "PackageImageData": Builder(action=_action("DATA"), emitter=_data_files),
            "PackageImageLink": Builder(action=_action("LINK"), emitter=_digest_file),
            "PackageImageVerify": Builder(action=_action("VERIFY")),
        }
    )
    env.PrependENVPath("PYTHONPATH", _LIBRARY)


def settings(env: Any, stage: str) -> tuple[str, ...]:
    """What a user can have set for a stage: images that share its outputs must agree on it."""
    name = f"PKGIMAGE{stage.upper()}"
    names = ["PKGIMAGE_PYTHON", "PKGIMAGESTAGE", name, f"{name}FLAGS", f"{name}COM"]
    if stage == "link":
        names += ["LLD", "LLDVERSION", "LLDFLAVOR", "LLDFLAGS", "LLDCOM"]
    return tuple(str(env.get(name)) for name in names)


# Construction variables that are functions: (target, source, env, for_signature).


def _python(target: Any, source: Any, env: Any, for_signature: Any) -> Any:
    # Literal: one word, whatever spaces the path has.
    return Literal(env.subst("$PKGIMAGE_PYTHON"))


def _quoted_targets(target: Any, source: Any, env: Any, for_signature: Any) -> str:
    # In quotes of its own, because ninja's commands do not quote what a shell would split at.
    return f'"{env.subst("$PKGIMAGE_STAGETARGETS")}"'


def _digest(target: Any, source: Any, env: Any, for_signature: Any) -> Any:
    """The words that tell verify of the library's digest, the last of its sources."""
    found = [node for node in source if str(node).endswith(DIGEST_SUFFIX)]
    return ["--digest", Literal(str(found[0]))] if found else []


def _stem(target: Any, source: Any, env: Any, for_signature: Any) -> Any:
    """What the stage's outputs have in common, from the first of them."""
    path = str(target[0]) if target else ""
    for suffix in (CAPTURE_SUFFIXES[0], DATA_SUFFIXES[0]):
        path = path.removesuffix(suffix)
    return Literal(path)


def _action(stage: str) -> Any:
    """The stage's command as an action whose text SCons keeps from one build to the next.

    Of `Action("$XCOM")` it keeps `$XCOM`; of a generator the substituted text, which is what
    `explanation` compares. What is run is `$XCOM` itself.
    """
    command = f"$PKGIMAGE{stage}COM"

    def generator(target: Any, source: Any, env: Any, for_signature: Any) -> str:
        if not for_signature:
            return command
        # SCons asks for it half a dozen times for each output, and all is known by then.
        task = getattr(target[0].attributes, "pkgimage", None) if target else None
        if task is None or not task.command:
            text: str = env.subst(command, SUBST_SIG, target, source).replace("$", "$$")
            if task is None:
                return text
            task.command = text
        return str(task.command)

    return Action(generator, f"$PKGIMAGE{stage}COMSTR", generator=True)


def _capture_files(target: Any, source: Any, env: Any) -> Any:
    partitions = [f".p{number}.bc" for number in range(int(env["PKGIMAGE_PARTITIONS"]))]
    data = [PACKAGE_DATA_SUFFIX] if env.get("_PKGIMAGERESTORE") else []
    return _beside(target[0], [*CAPTURE_SUFFIXES, *partitions, *data]), source


def _data_files(target: Any, source: Any, env: Any) -> Any:
    return _beside(target[0], DATA_SUFFIXES), source


def _digest_file(target: Any, source: Any, env: Any) -> Any:
    library = target[0]
    return [library, library.dir.File(f"{library.name}{DIGEST_SUFFIX}")], source


def _beside(stem: Any, suffixes: Any) -> Any:
    return [stem.dir.File(f"{stem.name}{suffix}") for suffix in suffixes]
