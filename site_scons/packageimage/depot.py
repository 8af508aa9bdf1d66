"""Depots: folders of published images.

    <depot>/<first 16 digits of the base image's id>/<package>/<slug><image suffix>
    <depot>/<first 16 digits of the base image's id>/<package>/<slug>.pki

The slug names what tells images of one package apart: platform, base image, flags, CPU targets
(Julia's `compilecache_path` in base/loading.jl hashes the same). The header is published last, so
whoever finds a header finds its library; the header's checksum of the library tells a reader who
comes between the two of a replacement.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from packageimage.model.base_image import BaseImage
from packageimage.model.errors import PackageImageError, one_line
from packageimage.model.flags import CacheFlags
from packageimage.model.platform import Platform

HEADER_SUFFIX = ".pki"
DEPOT_VARIABLE = "PKGIMAGE_DEPOT_PATH"

_ID_DIGITS = 16
_COPY_SIZE = 1 << 20


def user_cache_folder(environ: Mapping[str, str], sys_platform: str = sys.platform) -> Path:
    """The folder of this project in the user's cache.

    XDG_CACHE_HOME (only where it is absolute, as the XDG Base Directory Specification has it) or
    ~/.cache; ~/Library/Caches on macOS; %LOCALAPPDATA% on Windows. PackageImageError where there
    is no home folder.
    """
    if sys_platform == "win32" and environ.get("LOCALAPPDATA"):
        return Path(environ["LOCALAPPDATA"], "pkgimage")
    if sys_platform not in ("win32", "darwin"):
        cache = environ.get("XDG_CACHE_HOME", "")
        if os.path.isabs(cache):
            return Path(cache, "pkgimage")
    home = environ.get("USERPROFILE" if sys_platform == "win32" else "HOME")
    home = home or os.path.expanduser("~")
    if not os.path.isabs(home):
        raise PackageImageError(
            f"expected a home folder for the cache, found none; set {DEPOT_VARIABLE}"
        )
    if sys_platform == "win32":
        return Path(home, "AppData", "Local", "pkgimage")
    if sys_platform == "darwin":
        return Path(home, "Library", "Caches", "pkgimage")
    return Path(home, ".cache", "pkgimage")


def depot_path(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The depots to look in, nearest first; new images go to the first.

    PKGIMAGE_DEPOT_PATH, separated like PATH; an empty entry stands for the user's cache folder, as
    in Julia's JULIA_DEPOT_PATH. Unset or empty: that folder alone. The path is empty where it is
    needed and there is no home folder: loading goes on without images. Every path is absolute and
    stands in the result once.
    """
    found: dict[Path, None] = {}
    for entry in environ.get(DEPOT_VARIABLE, "").split(os.pathsep):
        if entry:
            found[Path(os.path.abspath(os.path.expanduser(entry)))] = None
        else:
            with contextlib.suppress(PackageImageError):
                found[user_cache_folder(environ)] = None
    return tuple(found)


def _folder(base: BaseImage, package: str) -> PurePosixPath:
    if not all(part.isidentifier() for part in package.split(".")):
        raise PackageImageError(
            f"package must be the name of an importable package, found {package!r}"
        )
    return PurePosixPath(base.id[:_ID_DIGITS], package)


def image_stem(
    base: BaseImage, package: str, platform: Platform | str, flags: CacheFlags, cpu_targets: str
) -> PurePosixPath:
    """The image's path below a depot, without suffix.

    cpu_targets: canonical text. PackageImageError for a name that no package can have.
    """
    text = "\n".join((str(platform), base.id, str(flags), cpu_targets))
    slug = hashlib.sha256(text.encode("utf-8")).hexdigest()[:_ID_DIGITS]
    return _folder(base, package) / slug


def candidates(depot: Path, base: BaseImage, package: str) -> tuple[Path, ...]:
    """The headers of a package's images for `base` in one depot, sorted; none without a depot.

    A folder that cannot be read counts as empty: loading goes on without it.
    """
    folder = depot / _folder(base, package)
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return ()
    return tuple(
        folder / name for name in names if name.endswith(HEADER_SUFFIX) and not name.startswith(".")
    )


def publish(linked: Path, sidecar: bytes, image: Path, header: Path) -> None:
    """Put a verified library and its header where sessions find them.

    linked: the library, which stays. sidecar: what `model.header.encode_sidecar` gave. image and
    header: where they go. Both are whole on disk under temporary names before the first of them
    gets its name, the library first.

    Raises PackageImageError when a file cannot be written (full disk, no permission, a library in
    use on Windows); then neither a temporary file nor a new folder is left. What was published
    before is then as it was, unless its library was replaced and just its header could not be.
    """
    try:
        with _new_folders(image.parent, header.parent), contextlib.ExitStack() as cleanup:
            new_image = _write(cleanup, image, _chunks(linked), 0o777)
            new_header = _write(cleanup, header, iter((sidecar,)), 0o666)
            is_new = not os.path.lexists(image)
            os.replace(new_image, image)
            try:
                os.replace(new_header, header)
            except OSError:
                # A library without a header serves nobody. One that replaced another stays:
                # the header's checksum keeps it from being used.
                if is_new:
                    image.unlink()
                raise
    except OSError as error:
        where = one_line(error.filename2 or error.filename or image)
        raise PackageImageError(
            f"cannot publish {one_line(image)}: {error.strerror or error} ({where}); "
            "make room or choose another depot"
        ) from error


def _chunks(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as source:
        while chunk := source.read(_COPY_SIZE):
            yield chunk


def _write(cleanup: contextlib.ExitStack, target: Path, chunks: Iterator[bytes], mode: int) -> Path:
    """A new file beside `target` with that content on disk; `cleanup` removes what is left."""
    # Not mkstemp, which lets nobody else read the file; depots are shared. The leading dot and
    # the suffix keep it from being taken for a header. It is short, because slug and suffix are.
    temporary = target.with_name(f".{target.name}.{os.urandom(8).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, mode)
    cleanup.callback(temporary.unlink, missing_ok=True)
    with open(descriptor, "wb") as output:
        for chunk in chunks:
            output.write(chunk)
        output.flush()
        # Or a crash of the machine could leave names without content.
        os.fsync(output.fileno())
    return temporary


@contextlib.contextmanager
def _new_folders(*folders: Path) -> Iterator[None]:
    """Make folders; on an exception remove those that were not there and are empty."""
    missing: list[Path] = []
    for folder in folders:
        # Nearest first, so that a folder is removed before its parent.
        missing += [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in missing:
            with contextlib.suppress(OSError):  # not empty: another build uses it
                folder.rmdir()
        raise
