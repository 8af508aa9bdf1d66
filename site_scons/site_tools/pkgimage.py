"""The SCons tool `pkgimage`: package images of Numba packages.

    env = Environment(tools=["pkgimage"], PKGIMAGE_CPU_TARGETS="generic;haswell;x86-64-v4")
    env.PackageImage("kernels", "src/kernels", workload="src/workload.py")

`PackageImage(target, source)` makes the image of one package and returns its two published files,
image and header. The source is a package's folder, a module's file, or the name of an installed
package; without one, what the target is called. Intermediate files go to `<target>.pkgimage/`.
Keyword arguments: workload (files that are run, so that what they compile is kept), platforms,
cpu_targets, flags, depot, partitions, path (further folders for `sys.path`), restore, preferences,
and construction variables.

restore=True, or a list of modules: what these modules hold after their import goes into the image,
and their sources do not run when they are imported. preferences: environment variables that the
sources read while they are imported; an image is for processes in which they have the same values.

platforms, flags and cpu_targets may be lists: an image is made for each combination, and the files
of all are returned. cpu_targets may also be a dictionary by platform or architecture. Calls with
one target and other platforms, flags or CPU targets share what is the same: the package is run
once. A package whose sources import another package of the same build is made after it, in whatever
order they are named.

Each stage is a Builder with construction variables in SCons' pattern: PackageImageSerialize,
-Entries, -Codegen, -Data, -Link, -Verify, and PKGIMAGESERIALIZE, PKGIMAGESERIALIZEFLAGS,
PKGIMAGESERIALIZECOM, PKGIMAGESERIALIZECOMSTR and so on; the link's command is LLDCOM, from the
flavor in `lld_flavors`. `scons --pkgimage-summary`, or PKGIMAGE_SUMMARY, tells at the end what ran
and what came of it. A user's mistake ends SCons with one line and exit code 2.
"""

from __future__ import annotations

import sys
from pathlib import Path

from packageimage.model.cpu_targets import TargetHelp
from packageimage.model.errors import PackageImageError
from packageimage.scons.images import add_images
from packageimage.scons.report import add_report
from packageimage.scons.requests import read_request
from packageimage.scons.stages import add_stages

_HERE = str(Path(__file__).resolve().parent)


def generate(env):
    """Add the Builders and the defaults of the construction variables."""
    add_stages(env)
    add_report(env)
    env.AddMethod(package_image, "PackageImage")


def exists(env):
    """The tool needs nothing but what it imports; stages say what they lack."""
    return True


def package_image(
    env,
    target,
    source=None,
    *,
    workload=(),
    cpu_targets=None,
    flags=None,
    platforms=None,
    depot=None,
    partitions=None,
    path=(),
    restore=None,
    preferences=None,
    **overrides,
):
    """The pseudo-builder PackageImage; see the module's text."""
    try:
        _check_names(overrides)
        if overrides:
            env = env.Clone(**overrides)
        request = read_request(
            env, target, source, workload, cpu_targets, flags, platforms, depot, partitions, path,
            restore, preferences,
        )  # fmt: skip
        return add_images(env, request, _HERE)
    except TargetHelp as listing:
        print(listing, flush=True)
        raise SystemExit(0) from None
    except PackageImageError as error:
        # SCons prints a UserError with the SConstruct's lines below it and a StopError with
        # words around it; this is the one line that is promised.
        sys.stdout.flush()
        print(f"pkgimage: error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def _check_names(overrides):
    """Construction variables are in capitals: what is not is a mistyped argument."""
    for name in overrides:
        if name != name.upper():
            expected = (
                "workload, platforms, cpu_targets, flags, depot, partitions, path, restore or "
                "preferences"
            )
            raise PackageImageError(
                f"PackageImage: expected the argument {expected}, or a construction variable, "
                f"found {name}"
            )
