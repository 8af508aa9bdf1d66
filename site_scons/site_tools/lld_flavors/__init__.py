"""LLD's flavors: for each object format, which LLD links it and with which command line.

A flavor is one small file named for its object format (`elf.py`), with a word behind where a
format has a second one for other forms of LLD (`coff_link.py`). Adding the file is all it takes to
add the flavor, here and as a SCons tool (`env.Tool('lld_flavors.elf')`). `env.Tool('lld_flavors')`
takes the one that fits `$PKGIMAGEPLATFORM` and the LLD that there is.

This package is imported under three names: `lld_flavors` by SCons, `site_tools.lld_flavors` in a
checkout, `packageimage.site_tools.lld_flavors` from the wheel. So imports among its modules are
relative, and at a module's top: SCons removes the tool path once a tool's file has run.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from packageimage.model.errors import PackageImageError

from .flavor import Flavor
from .linker import Kind, Linker, unfit

_NOT_FLAVORS = frozenset({"detect", "flavor", "linker", "scons_tool"})


@functools.cache
def known_flavors() -> tuple[str, ...]:
    """The names of the flavors, sorted: a format's first one comes before its others."""
    names = {module.name for module in pkgutil.iter_modules(__path__)}
    return tuple(sorted(names - _NOT_FLAVORS))


def flavor_named(name: str) -> Flavor:
    """The flavor in that file, one of `known_flavors`."""
    flavor = importlib.import_module(f".{name}", __name__).FLAVOR
    assert isinstance(flavor, Flavor)
    return flavor


def object_formats() -> tuple[str, ...]:
    """The object formats that can be linked, sorted."""
    return tuple(sorted({_format_of(name) for name in known_flavors()}))


def _format_of(name: str) -> str:
    return name.partition("_")[0]


@functools.cache
def flavors_for(object_format: str) -> Mapping[str, Flavor]:
    """The flavors for `object_format` ('elf', ...) by name, in order of preference.

    Raises PackageImageError that lists the known formats when there is none.
    """
    # By their names: the others need not be imported in a build that changes nothing.
    fitting = [name for name in known_flavors() if _format_of(name) == object_format]
    if not fitting:
        raise PackageImageError(
            f"linking needs an LLD flavor for the object format, found none for "
            f"{object_format!r}; this version links {', '.join(object_formats())}"
        )
    return {name: flavor_named(name) for name in fitting}


def kinds_for(object_format: str) -> tuple[Kind, ...]:
    """The forms of LLD that can link that format. Raises PackageImageError for an unknown one."""
    return tuple(kind for known in flavors_for(object_format).values() for kind in known.forms)


def flavor_for(object_format: str, linker: Linker) -> tuple[str, Flavor]:
    """The flavor with which `linker` links that format, and its name.

    Raises PackageImageError when that form of LLD cannot link the format.
    """
    fitting = flavors_for(object_format)
    for name, flavor in fitting.items():
        if linker.kind in flavor.forms:
            return name, flavor
    raise unfit(object_format, kinds_for(object_format), linker)


def generate(env: Any) -> None:
    """The SCons tool: set the variables of the flavor that fits (`scons_tool`)."""
    from .scons_tool import generate_for_platform

    generate_for_platform(env)


def exists(env: Any) -> bool:
    """Whether there is an LLD for the platform."""
    from .scons_tool import exists_for_platform

    return exists_for_platform(env)
