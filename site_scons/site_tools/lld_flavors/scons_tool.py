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

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
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
        with _said_to_user():
            _set_variables(env, flavor, linker_of(env, flavor.forms))

    def exists(env: Environment) -> bool:
        """Whether an LLD that can link this format is there."""
        try:
            flavor.selection(linker_of(env, flavor.forms))
        except PackageImageError:
            return False
        return True

    return generate, exists


def generate_for_platform(env: Environment) -> None:
    """`generate` of the tool `lld_flavors`: with the flavor for the platform and the LLD found."""
    with _said_to_user():
        linker, flavor = _fitting(env)
        _set_variables(env, flavor, linker)


def exists_for_platform(env: Environment) -> bool:
    """`exists` of the same."""
    try:
        _fitting(env)
    except PackageImageError:
        return False
    return True


def _fitting(env: Environment) -> tuple[Linker, Flavor]:
    from . import flavor_for, kinds_for  # whose text imports this module's flavors

    object_format = _named_platform(env).object_format
    linker = linker_of(env, kinds_for(object_format))
    return linker, flavor_for(object_format, linker)[1]


@contextlib.contextmanager
def _said_to_user() -> Iterator[None]:
    """A mistake as SCons wants it: a UserError, with ours as its cause."""
    try:
        yield
    except PackageImageError as error:
        from SCons.Errors import UserError

        raise UserError(str(error)) from error


def _set_variables(env: Environment, flavor: Flavor, linker: Linker) -> None:
    from SCons.Util import CLVar

    env.SetDefault(
        **{
            name: value if isinstance(value, str) else CLVar(value)
            for name, value in _variables(flavor, linker, env).items()
        }
    )


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


def _variables(flavor: Flavor, linker: Linker, env: Environment) -> Mapping[str, str | list[str]]:
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


def _named_platform(env: Environment) -> Platform:
    named = env.get("PKGIMAGEPLATFORM")
    return platform_named(env.subst(str(named))) if named else host_platform()


def _platform(flavor: Flavor, env: Environment) -> Platform:
    platform = _named_platform(env)
    if platform.object_format != flavor.object_format:
        raise PackageImageError(
            f"this flavor links {flavor.object_format}, found platform "
            f"{platform} ({platform.object_format}); set PKGIMAGEPLATFORM before loading the tool"
        )
    return platform
