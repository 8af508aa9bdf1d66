"""Publishing: how a verified library and its header come into a depot.

Readers hold no lock and see whole files only. Both files are complete on disk under temporary
names before the first gets its own; the header comes last, so whoever finds a header finds its
library. Who reads the one before and the other after a replacement sees it by the header's checksum
of the library. Two publishers of one image take turns (`lock_of`, `locks.held`): else each could
leave one of the files.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from packageimage.depot import HEADER_SUFFIX, SIGNATURE_SUFFIX
from packageimage.locks import held
from packageimage.model.errors import PackageImageError, one_line

TEMPORARY_SUFFIX = ".tmp"
LOCK_SUFFIX = ".lock"

# Not writable by the group, whatever the umask: an image that others may write is not used.
_LIBRARY_MODE, _FILE_MODE = 0o755, 0o644
_COPY_SIZE = 1 << 20
_SYSTEM_COPY_SIZE = 1 << 30
_LARGE = 1 << 24  # bytes; from here on a library is published without copying
# Between file systems, on one that can't, where a sandbox forbids it (errno of Linux).
_NO_COPY_HERE = frozenset(
    {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF, errno.EPERM}
)
_MOST_VARIANTS = 9


def lock_of(header: Path) -> Path:
    """The lock that a publisher of an image holds: beside it, for builders on other machines."""
    return header.with_name(f".{header.name.removesuffix(HEADER_SUFFIX)}{LOCK_SUFFIX}")


def publish(linked: Path, sidecar: bytes, image: Path, header: Path) -> Path:
    """Put a verified library and its header where sessions find them; the library's place.

    linked: the library, which stays; a large one becomes the same file as the published one where
    it can. sidecar: what `model.header.encode_sidecar` gave. image and header: where they go. What
    is there already stays as it is, with its signatures.

    Where a library cannot be replaced because a process uses it (Windows) it is moved aside; where
    that cannot be either, both files are published beside it, as `<slug>-1` and so on, where
    sessions find them as well.

    Raises PackageImageError when a file cannot be written (full disk, no permission); then neither
    a temporary file nor a new folder is left. What was published before is then as it was, unless
    its library was replaced and just its header could not be.
    """
    try:
        with _new_folders(image.parent, header.parent), contextlib.ExitStack() as cleanup:
            if _is_there(linked, sidecar, image, header):
                with contextlib.suppress(OSError):
                    os.utime(header)  # published now, for `pkgimage gc`
                return image
            new_image = _linked(cleanup, image, linked) or _write(
                cleanup, image, linked, _LIBRARY_MODE
            )
            new_header = _write(cleanup, header, sidecar, _FILE_MODE)
            try:
                _replace_both(new_image, new_header, image, header)
            except PermissionError as error:
                return _publish_variant(new_image, new_header, image, header, error)
            for variant in _variants(image, header):
                if os.path.lexists(variant[1]):
                    remove_files(*variant)
            return image
    except OSError as error:
        raise _cannot_publish(image, error) from error


def publish_alone(
    linked: Path,
    sidecar: bytes,
    image: Path,
    header: Path,
    about: str,
    check: Callable[[], None] = lambda: None,
) -> Path:
    """As `publish`, while no other process publishes this image.

    about: what is published, for who waits. check: raises where it must not be, because of what
    has happened meanwhile. Raises as that, `publish` and `locks.held` do.
    """
    try:
        with _new_folders(image.parent, header.parent), held(lock_of(header), about):
            check()
            return publish(linked, sidecar, image, header)
    except OSError as error:
        raise _cannot_publish(image, error) from error


def replace_file(target: Path, data: bytes) -> None:
    """Write a whole file in one step, as an image's header is. Raises OSError."""
    with contextlib.ExitStack() as cleanup:
        os.replace(_write(cleanup, target, data, _FILE_MODE), target)
        _sync_folder(target.parent)


def remove_files(image: Path, header: Path) -> None:
    """Remove what can be removed of an image, the header first: nobody finds the rest then."""
    for path in (header, header.with_suffix(SIGNATURE_SUFFIX), image):
        with contextlib.suppress(OSError):
            path.unlink()


def _cannot_publish(image: Path, error: OSError) -> PackageImageError:
    where = one_line(error.filename2 or error.filename or image)
    return PackageImageError(
        f"cannot publish {one_line(image)}: {error.strerror or error} ({where}); "
        "make room or choose another depot"
    )


def _replace_both(new_image: Path, new_header: Path, image: Path, header: Path) -> None:
    """Give both new files their names. PermissionError: those that are there cannot be replaced."""
    is_new = not os.path.lexists(image)
    _replace(new_image, image)
    # Or a crash of the machine could leave the header's name without the library's.
    _sync_folder(image.parent)
    try:
        _replace(new_header, header)
    except OSError:
        # A library without a header serves nobody. One that replaced another stays: the header's
        # checksum keeps it from being used.
        if is_new:
            image.unlink()
        raise
    with contextlib.suppress(OSError):  # signatures of other bytes
        header.with_suffix(SIGNATURE_SUFFIX).unlink()
    _sync_folder(header.parent)


def _replace(new: Path, target: Path) -> None:
    try:
        os.replace(new, target)
    except PermissionError:
        if not os.path.lexists(target):
            raise
        # Windows replaces no library that a process uses, but gives it another name. As a
        # temporary file it waits for `pkgimage gc`.
        aside = _temporary(target)
        os.rename(target, aside)
        try:
            os.replace(new, target)
        except OSError:
            os.rename(aside, target)
            raise
        with contextlib.suppress(OSError):
            aside.unlink()


def _publish_variant(
    new_image: Path, new_header: Path, image: Path, header: Path, error: PermissionError
) -> Path:
    """Publish beside what cannot be replaced; raises `error` when that cannot be done either.

    Readers find any stem, and the image that stays is rejected for its sources or is as good.
    """
    for variant in _variants(image, header):
        try:
            _replace_both(new_image, new_header, *variant)
        except PermissionError:
            continue
        return variant[0]
    raise error


def _variants(image: Path, header: Path) -> Iterator[tuple[Path, Path]]:
    stem = header.name.removesuffix(HEADER_SUFFIX)
    suffix = image.name.removeprefix(stem)
    for number in range(1, _MOST_VARIANTS + 1):
        name = f"{stem}-{number}"
        yield image.with_name(name + suffix), header.with_name(name + HEADER_SUFFIX)


def _is_there(linked: Path, sidecar: bytes, image: Path, header: Path) -> bool:
    """Whether these very bytes are published: then no reader need notice."""
    try:
        if header.read_bytes() != sidecar or image.stat().st_size != linked.stat().st_size:
            return False
        if os.path.samefile(linked, image):
            return True
        pairs = zip(_chunks(linked), _chunks(image), strict=True)
        return all(one == other for one, other in pairs)
    except (OSError, ValueError):
        return False


def _chunks(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as source:
        while chunk := source.read(_COPY_SIZE):
            yield chunk


def _temporary(target: Path) -> Path:
    # Not mkstemp's, which nobody else can read; depots are shared. The leading dot and the suffix
    # keep it from being taken for a header. It is short, because slug and suffix are.
    return target.with_name(f".{target.name}.{os.urandom(8).hex()}{TEMPORARY_SUFFIX}")


def _linked(cleanup: contextlib.ExitStack, target: Path, path: Path) -> Path | None:
    """A large file under a second name beside `target`, on disk; None where it must be copied.

    The build replaces the file, as everybody else does, and writes to none that has a name. One
    that others may have opened to write to it is copied.
    """
    if sys.platform == "win32":  # which replaces no name of a library that a process uses
        return None
    if not _is_ours(path.lstat()):
        return None
    temporary = _temporary(target)
    try:
        os.link(path, temporary)
    except OSError:  # another file system, or one without such names
        return None
    cleanup.callback(temporary.unlink, missing_ok=True)
    # The linked file's name may have become another file's since.
    if not _is_ours(temporary.lstat()):
        return None
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    return temporary


def _is_ours(found: os.stat_result) -> bool:
    """Whether a file is a large one that nobody else can write to."""
    return (
        stat.S_ISREG(found.st_mode)
        and found.st_size >= _LARGE
        and found.st_uid == os.geteuid()
        and not found.st_mode & ~_LIBRARY_MODE & 0o7777
    )


def _write(cleanup: contextlib.ExitStack, target: Path, content: bytes | Path, mode: int) -> Path:
    """A new file beside `target` on disk, with bytes or those of a file; `cleanup` removes what is
    left."""
    temporary = _temporary(target)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, mode)
    cleanup.callback(temporary.unlink, missing_ok=True)
    with open(descriptor, "wb") as output:
        if isinstance(content, Path):
            _copy(content, output)
        else:
            output.write(content)
        output.flush()
        # Or a crash of the machine could leave names without content.
        os.fsync(output.fileno())
    return temporary


def _copy(path: Path, output: BinaryIO) -> None:
    """Write a file's bytes: by the system, where it can, which takes a third of the time."""
    with open(path, "rb") as source:
        by_system = getattr(os, "copy_file_range", None)
        try:
            while by_system and by_system(source.fileno(), output.fileno(), _SYSTEM_COPY_SIZE):
                pass
        except OSError as error:
            if error.errno not in _NO_COPY_HERE:
                raise
        # What is left, or all; nothing where the system has copied.
        source.seek(output.seek(0, os.SEEK_END))
        while chunk := source.read(_COPY_SIZE):
            output.write(chunk)


def _sync_folder(folder: Path) -> None:
    """Bring a folder's names to disk, as far as its file system and the system can."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


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
    for folder in dict.fromkeys(missing):
        _sync_folder(folder.parent)
