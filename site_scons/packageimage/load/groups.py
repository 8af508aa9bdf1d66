"""Whose a group is."""

from __future__ import annotations

import os


def is_private(path: str, owner: int, group: int) -> bool:
    """Whether the group that can write a file is its owner's alone, as far as the system tells.

    Not all accounts are gone through, as Debian's sshd does: a directory service lists none or
    takes seconds. An access list (POSIX 1003.1e) shows as the group's permissions and may name
    anybody.
    """
    import grp
    import pwd

    try:
        account = pwd.getpwuid(owner)
        found = grp.getgrgid(group)
    except KeyError:
        return False
    if account.pw_gid != group or account.pw_name != found.gr_name:
        return False
    return set(found.gr_mem) <= {account.pw_name} and not _has_access_list(path)


def _has_access_list(path: str) -> bool:
    if not hasattr(os, "getxattr"):
        return False
    try:
        return bool(os.getxattr(path, "system.posix_acl_access"))
    except OSError:
        return False
