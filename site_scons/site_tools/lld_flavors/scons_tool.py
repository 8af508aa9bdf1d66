"""A flavor as a SCons tool: the construction variables it sets.

After `env.Tool('lld_flavors.elf')`:

    $LLD         command that starts LLD, found at most once per PATH and $PKGIMAGE_LLD
    $LLDVERSION  its version, such as 19.1.7
    $LLDFLAVOR   what selects the flavor, such as -flavor gnu
    $LLDFLAGS    the flavor's arguments for $PKGIMAGEPLATFORM (the host's where it is not set)
    $LLDCOM      the command line, with the word {output} for the output's name: what the link
                 stage runs (`python -m packageimage.stages link --output $TARGET -- $LLDCOM`)
    $LLDCOMSTR   what is shown instead, if anything

LLD's path is not part of the command's signature ($( $)), so that machines share a cache; whoever
uses $LLDCOM must make $LLDVERSION part of it.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from packageimage.model.errors import PackageImageError
from packageimage.model.platform import Platform, host_platform, platform_named
from packageimage.remembered import Answer, remembered

from .detect import VARIABLE, find_linker, linkers_on_path
from .flavor import OUTPUT
from .linker import Kind, Linker

if TYPE_CHECKING:
    from .flavor import Flavor

# Variables that decide which LLD is found, and how it runs.
_TELLING = ("PATH", VARIABLE, "LD_", "DYLD_", "PYTHON")

Environment = Any  # SCons' own class; this module works without SCons being imported


def scons_tool(
    flavor: Flavor,
) -> tuple[Callable[[Environment], None], Callable[[Environment], bool]]:
    """`generate` and `exists` for a tool's file."""

    def generate(env: Environment) -> None:
        """Set the variables that are not set yet; running it again changes nothing."""
        from SCons.Errors import UserError
        from SCons.Util import CLVar

        try:
            variables = _variables(flavor, env)
        except PackageImageError as error:
            raise UserError(str(error)) from error
        env.SetDefault(
            **{
                name: value if isinstance(value, str) else CLVar(value)
                for name, value in variables.items()
            }
        )

    def exists(env: Environment) -> bool:
        """Whether an LLD that can link this format is there."""
        try:
            flavor.selection(linker_of(env, flavor.forms))
        except PackageImageError:
            return False
        return True

    return generate, exists


def linker_of(env: Environment, kinds: Iterable[Kind]) -> Linker:
    """The LLD of one of those kinds that commands of `env` will find: by its own PATH, and by
    $PKGIMAGE_LLD of either its own environment or, since SCons hides the shell's, the user's.

    Raises PackageImageError.
    """
    environ = {str(name): str(value) for name, value in env["ENV"].items()}
    environ.setdefault(VARIABLE, os.environ.get(VARIABLE, ""))
    return _found(tuple(sorted(environ.items())), tuple(kinds))


@functools.lru_cache
def _found(environ: tuple[tuple[str, str], ...], kinds: tuple[Kind, ...]) -> Linker:
    # An SConstruct makes many environments, one for each platform at least; LLD is asked once, and
    # not again until something changes where it was found or would have been.
    settings = [list(item) for item in environ if item[0].startswith(_TELLING)]
    question = ["lld", sys.executable, os.getcwd(), settings, list(kinds)]

    def ask() -> Answer:
        linker = find_linker(dict(environ), kinds, sys.executable)
        program, *more = linker.command
        search_path = dict(environ).get("PATH", "")
        # Those that were passed over may fit one day.
        programs = [program, *linkers_on_path(search_path)]
        paths = [*search_path.split(os.pathsep), *(sys.path if more else [])]
        paths += [*programs, *map(os.path.realpath, programs)]
        return [linker.kind, list(linker.command), list(linker.version)], filter(None, paths)

    kind, command, version = remembered(question, ask)
    return Linker(kind, tuple(command), tuple(version))


def _variables(flavor: Flavor, env: Environment) -> Mapping[str, str | list[str]]:
    linker = linker_of(env, flavor.forms)
    return {
        "LLD": list(linker.command),
        "LLDVERSION": linker.version_text,
        "LLDFLAVOR": flavor.selection(linker),
        "LLDFLAGS": flavor.flags(linker, _platform(flavor, env)),
        "LLDCOM": " ".join(
            ["$( $LLD $) $LLDFLAVOR $LLDFLAGS", *flavor.output_args(OUTPUT), "$SOURCES"]
        ),
        "LLDCOMSTR": "",
    }


def _platform(flavor: Flavor, env: Environment) -> Platform:
    named = env.get("PKGIMAGEPLATFORM")
    platform = platform_named(env.subst(str(named))) if named else host_platform()
    if platform.object_format != flavor.object_format:
        raise PackageImageError(
            f"this flavor links {flavor.object_format}, found platform "
            f"{platform} ({platform.object_format}); set PKGIMAGEPLATFORM before loading the tool"
        )
    return platform
