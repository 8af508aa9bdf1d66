"""Whose images this process uses: opening one runs its code.

Two questions, each asked before a byte of an image is interpreted. *Who can have written it?* is
always asked, `PKGIMAGE_TRUST` says who may. *Who has signed it?* is asked when
`PKGIMAGE_TRUSTED_KEYS` names keys.

The first is answered as sshd does for its keys (StrictModes; `safe_path` in OpenSSH's misc.c): the
file and each folder above it, up to the home folder or the root, must belong to this user or root
and must not be writable by anybody else. Three things go beyond sshd, each because it gives nobody
more than he has:

- A folder where only a file's owner can remove it (the sticky bit, as on /tmp) may be writable.
- A group that is the owner's alone may write, as in the sshd of Debian and others whose umask is
  002: it has the owner's name, is his primary group and has no other member.
- Who owns the folder that a package is imported from may own its images: he runs code here anyway.
  So a checkout by one user works in a container that runs as another.

In a user namespace (rootless containers) the owners outside of it all look alike; a folder of
theirs counts as root's when others cannot write it, a file does not. On Windows the owner and the
access list are judged (`windows_acl`).
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from ..depot import SIGNATURE_SUFFIX
from ..model.errors import PackageImageError, one_line
from ..model.record import Record
from ..model.rejection import RejectionKind
from . import groups, machine

TRUST_VARIABLE = "PKGIMAGE_TRUST"
KEYS_VARIABLE = "PKGIMAGE_TRUSTED_KEYS"
KEY_SIZE = 32  # bytes of a public key of Ed25519

_ROOT = 0
_MACOS_ADMINS = 80  # the group of those who may become root
_DER_PREFIX = bytes.fromhex("302a300506032b6570032100")  # an Ed25519 public key, RFC 8410
_PEM_BEGIN, _PEM_END = b"-----BEGIN PUBLIC KEY-----", b"-----END PUBLIC KEY-----"
_LARGEST_KEYS = 1 << 16
_LARGEST_SIGNATURES = 1 << 16


class Refusal(Record):
    """Why an image is not even read; the fields are those of a Rejection."""

    kind: RejectionKind
    expected: str
    found: str
    advice: str


class Place(Record):
    """A file or folder, as the system describes it. mode: type and permissions, of `stat`."""

    path: str
    owner: int
    group: int
    mode: int

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)


class Reader(Record):
    """Who wants to use an image. owners: the users it trusts, besides itself and root.

    is_private(owner, group): whether nobody but that owner is in a group. outside: the number
    that stands for all owners outside of this user namespace, None when there is none.
    """

    user: int
    owners: frozenset[int] = frozenset()
    is_private: Callable[[Place], bool] = lambda place: False
    outside: int | None = None
    sys_platform: str = "linux"


def trusted_folders(text: str) -> tuple[str, ...] | None:
    """What PKGIMAGE_TRUST says: the folders in which anybody may write; None: everywhere.

    `owner` (the default) is none, `anyone` everywhere, else folders, absolute, separated like
    PATH. Raises PackageImageError for anything else.
    """
    words = [word.strip() for word in text.split(os.pathsep) if word.strip()]
    if words == ["anyone"]:
        return None
    folders = [os.path.expanduser(word) for word in words if word != "owner"]
    for folder in folders:
        if not os.path.isabs(folder):
            raise PackageImageError(
                f"{TRUST_VARIABLE} must be owner, anyone or absolute paths of folders, found "
                f"{one_line(folder)!r}; correct or unset it"
            )
    return tuple(map(os.path.realpath, folders))


def public_keys(text: str, read: Callable[[str], bytes]) -> frozenset[bytes]:
    """What PKGIMAGE_TRUSTED_KEYS says: public keys, or files of them, separated like PATH.

    A key is base64 of its 32 bytes. A file holds such lines, comments after `#`, and PEM blocks.
    Raises PackageImageError for anything else: a key that is not understood must not count as none.
    """
    found: set[bytes] = set()
    for word in text.split(os.pathsep):
        word = word.strip()
        if not word:
            continue
        key = _key(word.encode("utf-8", "surrogatepass"))
        if key is not None:
            found.add(key)
            continue
        try:
            found |= _keys_in(read(os.path.expanduser(word)))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise PackageImageError(
                f"{KEYS_VARIABLE}: expected base64 of a public key or a file of them, found "
                f"{one_line(word)}: {reason}; correct or unset it"
            ) from None
    if text.strip() and not found:
        raise PackageImageError(
            f"{KEYS_VARIABLE}: expected at least one public key, found none; correct or unset it"
        )
    return frozenset(found)


def judge(place: Place, reader: Reader) -> str:
    """What is wrong with one file or folder; nothing when only whom `reader` trusts can write it.

    Windows has other rules (`windows_acl.judge`).
    """
    if not place.is_folder and not stat.S_ISREG(place.mode):
        return f"{place.path}, which is neither file nor folder"
    owners = {_ROOT, reader.user, *reader.owners}
    if place.is_folder and reader.outside is not None:
        owners.add(reader.outside)
    if place.owner not in owners:
        return f"{place.path} of {_user_name(place.owner)}"
    if place.is_folder and place.mode & stat.S_ISVTX:
        return ""
    if place.mode & stat.S_IWOTH:
        return f"{place.path} that anybody can write (mode {stat.S_IMODE(place.mode):o})"
    if place.mode & stat.S_IWGRP:
        if reader.sys_platform == "darwin" and place.group in (_ROOT, _MACOS_ADMINS):
            return ""
        if not reader.is_private(place):
            return f"{place.path} that group {place.group} can write"
    return ""


class Guard:
    """What this process asks of each image. Made once; remembers what it found of folders."""

    def __init__(
        self, trusted: tuple[str, ...] | None = (), keys: frozenset[bytes] = frozenset()
    ) -> None:
        """trusted: as `trusted_folders` gives it. keys: none asks for no signature."""
        self._trusted = trusted
        self.keys = keys
        self._folders: dict[tuple[str, frozenset[int]], str] = {}
        self._real: dict[str, str] = {}
        self._readers: dict[frozenset[int], Reader] = {}

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Guard:
        """By the environment. PackageImageError for a setting that can't be understood, and for a
        file of keys that others can write."""
        guard = cls(trusted_folders(environ.get(TRUST_VARIABLE, "")))
        text = environ.get(KEYS_VARIABLE, "")
        if text.strip():
            guard.keys = public_keys(text, guard._read_keys)
        return guard

    def before_reading(
        self, *files: str | os.PathLike[str], owners: frozenset[int] = frozenset()
    ) -> Refusal | None:
        """Why files must not be used: somebody else can have written them.

        owners: users that are trusted besides, as `owners_of` gives them. What is missing is
        nobody's; the caller sees that itself.
        """
        if self._trusted is None:
            return None
        for file in files:
            problem = self._problem(os.path.abspath(file), owners)
            if problem:
                return Refusal(
                    RejectionKind.UNTRUSTED,
                    "files that only this user and root can write",
                    problem,
                    f"change that, or name its folder in {TRUST_VARIABLE}",
                )
        return None

    def before_decoding(self, header: str | os.PathLike[str], data: bytes) -> Refusal | None:
        """Why the bytes of a header must not be interpreted: no trusted key has signed them.

        They hold the library's SHA-256, so a signature of them is one of the whole image.
        """
        if not self.keys:
            return None
        from .. import signing

        expected = f"a signature by a key in {KEYS_VARIABLE}"
        advice = "sign it with `pkgimage sign`"
        file = Path(header).with_suffix(SIGNATURE_SUFFIX)
        try:
            with open(file, "rb") as source:
                signatures = source.read(_LARGEST_SIGNATURES)
        except FileNotFoundError:
            return Refusal(RejectionKind.SIGNATURE, expected, "none", advice)
        except OSError as error:
            found = f"{file}: {error.strerror}"
            return Refusal(RejectionKind.SIGNATURE, expected, found, advice)
        try:
            problem = signing.problem(data, signatures, self.keys)
        except signing.NoCryptography as error:
            return Refusal(
                RejectionKind.SIGNATURE, "the package cryptography, to verify signatures",
                str(error), "run: pip install cryptography",
            )  # fmt: skip
        return Refusal(RejectionKind.SIGNATURE, expected, problem, advice) if problem else None

    def plain_places(
        self, *files: str | os.PathLike[str]
    ) -> tuple[tuple[str, int, int, int], ...] | None:
        """What `before_reading` looks at of files that it has nothing against: paths, with owner,
        group and mode of each. None where it looks at more than that and at whether groups that
        may write are private, or where more is set.
        """
        if self._trusted != () or self.keys or sys.platform == "win32":
            return None
        found: dict[str, tuple[str, int, int, int]] = {}
        for file in files:
            folder, name = os.path.split(os.path.abspath(file))
            path, above = os.path.join(os.path.realpath(folder), name), os.path.realpath(folder)
            while path not in found:
                at = os.lstat(path)
                place = Place(path, at.st_uid, at.st_gid, at.st_mode)
                if judge(place, Reader(os.geteuid(), is_private=_is_private)):
                    return None
                found[path] = (path, place.owner, place.group, place.mode)
                if path == machine.home():
                    break
                path, above = above, os.path.dirname(above)
        return tuple(found.values())

    def _problem(self, path: str, owners: frozenset[int]) -> str:
        folder, name = os.path.split(path)
        real = self._real.get(folder)
        if real is None:
            real = self._real[folder] = os.path.realpath(folder)
        file = os.path.join(real, name)
        if self._is_free(file):
            return ""
        try:
            if stat.S_ISLNK(os.lstat(file).st_mode):
                # Who can change where it leads decides what is read, so its folder counts too.
                target = os.path.realpath(file, strict=True)
                return self._folder_problem(real, owners) or self._problem(target, owners)
            return self._place_problem(file, owners) or self._folder_problem(real, owners)
        except FileNotFoundError:
            return ""
        except OSError as error:
            return f"{file}: {error.strerror}"

    def _folder_problem(self, folder: str, owners: frozenset[int]) -> str:
        """Of a folder and those above it. Those above home are the matter of who runs the machine,
        as for sshd."""
        known = self._folders.get((folder, owners))
        if known is None:
            known = self._place_problem(folder, owners)
            above = os.path.dirname(folder)
            if not known and above != folder and folder != machine.home():
                known = self._folder_problem(above, owners)
            self._folders[(folder, owners)] = known
        return known

    def _place_problem(self, path: str, owners: frozenset[int]) -> str:
        if sys.platform == "win32":
            from . import windows_acl

            return windows_acl.problem(path)
        found = os.lstat(path)
        place = Place(path, found.st_uid, found.st_gid, found.st_mode)
        reader = self._readers.get(owners)
        if reader is None:
            reader = Reader(os.geteuid(), owners, _is_private, None, sys.platform)
            self._readers[owners] = reader
        problem = judge(place, reader)
        if problem and place.is_folder and reader.outside is None:
            outside = outside_owner()
            if outside is not None:
                self._readers[owners] = reader = Reader(
                    reader.user, owners, _is_private, outside, sys.platform
                )
                problem = judge(place, reader)
        return problem

    def _is_free(self, path: str) -> bool:
        return any(
            path == folder or path.startswith(os.path.join(folder, ""))
            for folder in self._trusted or ()
        )

    def _read_keys(self, path: str) -> bytes:
        refusal = self.before_reading(path)
        if refusal is not None:
            raise ValueError(f"{refusal.expected} are needed, found {refusal.found}")
        with open(path, "rb") as file:
            return file.read(_LARGEST_KEYS)


def owners_of(folder: str | os.PathLike[str] | None) -> frozenset[int]:
    """Who runs code in this process by owning the folder that a package is imported from."""
    if folder is None or sys.platform == "win32":
        return frozenset()
    try:
        return frozenset([os.stat(folder).st_uid])
    except OSError:
        return frozenset()


def _is_private(place: Place) -> bool:
    return groups.is_private(place.path, place.owner, place.group)


def outside_owner(read: Callable[[str], str] | None = None) -> int | None:
    """The user that all owners outside of this user namespace look like; None in the first one."""
    read = _text_of if read is None else read
    try:
        ranges = read("/proc/self/uid_map").split()
        if ranges[:3] == ["0", "0", "4294967295"]:
            return None
        return int(read("/proc/sys/kernel/overflowuid"))
    except (OSError, ValueError):
        return None


def _text_of(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read(4096)


def _user_name(uid: int) -> str:
    try:
        import pwd

        return f"user {pwd.getpwuid(uid).pw_name}"
    except (ImportError, KeyError):
        return f"user {uid}"


def _key(word: bytes) -> bytes | None:
    """The key that base64 stands for, None when it is no key."""
    try:
        from binascii import a2b_base64

        data = a2b_base64(word, strict_mode=True)
    except ValueError:
        return None
    return data if len(data) == KEY_SIZE else None


def _keys_in(data: bytes) -> set[bytes]:
    """The keys of a file; ValueError when there is anything else or none."""
    found = set()
    while _PEM_BEGIN in data:
        before, _, rest = data.partition(_PEM_BEGIN)
        block, end, after = rest.partition(_PEM_END)
        from binascii import a2b_base64

        der = a2b_base64(b"".join(block.split()), strict_mode=True)
        if not end or der[:-KEY_SIZE] != _DER_PREFIX:
            raise ValueError("a PEM block that is no public key of Ed25519")
        found.add(der[-KEY_SIZE:])
        data = before + b"\n" + after
    for line in data.splitlines():
        word = line.partition(b"#")[0].strip()
        if not word:
            continue
        key = _key(word)
        if key is None:
            raise ValueError("a line that is no public key")
        found.add(key)
    if not found:
        raise ValueError("no key")
    return found
