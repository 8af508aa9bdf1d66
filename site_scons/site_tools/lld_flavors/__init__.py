"""LLD's flavors: for each object format, which LLD links it and with which command line.

A flavor is one small file named for its object format (`elf.py`); adding the file is all it takes
to add the flavor, here and as a SCons tool (`env.Tool('lld_flavors.elf')`).

This package is imported under three names: `lld_flavors` by SCons, `site_tools.lld_flavors` in a
checkout, `packageimage.site_tools.lld_flavors` from the wheel. So imports among its modules are
relative, and at a module's top: SCons removes the tool path once a tool's file has run.
"""

from __future__ import annotations

import importlib
import pkgutil

from packageimage.model.errors import PackageImageError

from .flavor import Flavor

_NOT_FLAVORS = frozenset({"detect", "flavor", "linker", "scons_tool"})


def known_flavors() -> tuple[str, ...]:
    """The object formats that can be linked, sorted."""
    names = {module.name for module in pkgutil.iter_modules(__path__)}
    return tuple(sorted(names - _NOT_FLAVORS))


def flavor_for(object_format: str) -> Flavor:
    """The flavor for `object_format` ('elf', ...).

    Raises PackageImageError that names the known ones when there is none.
    """
    known = known_flavors()
    if object_format not in known:
        raise PackageImageError(
            f"linking needs an LLD flavor for the object format, found none for "
            f"{object_format!r}; this version links {', '.join(known)}"
        )
    flavor = importlib.import_module(f".{object_format}", __name__).FLAVOR
    assert isinstance(flavor, Flavor)
    return flavor
