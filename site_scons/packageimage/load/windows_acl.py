"""Who can write a file on Windows, from its security descriptor.

The judgement is that of OpenSSH for Windows over its keys: owner and access list must give rights
to write to none but this user, SYSTEM and the administrators (here the installer of Windows as
well). The descriptor is taken as text (SDDL, [MS-DTYP] 2.5.1), so that it can be judged anywhere.
"""

from __future__ import annotations

from typing import Any

# SDDL's short names of rights, and those that give a way to change what is read. A folder's "add a
# file" does not: each file is judged by itself.
_RIGHTS = {
    "CC": 0x1, "DC": 0x2, "LC": 0x4, "SW": 0x8, "RP": 0x10, "WP": 0x20, "DT": 0x40, "LO": 0x80,
    "CR": 0x100, "SD": 0x10000, "RC": 0x20000, "WD": 0x40000, "WO": 0x80000,
    "GA": 0x10000000, "GX": 0x20000000, "GW": 0x40000000, "GR": 0x80000000,
    "FA": 0x1F01FF, "FR": 0x120089, "FW": 0x120116, "FX": 0x1200A0,
}  # fmt: skip
_DELETE, _DELETE_CHILD, _WRITE_DAC, _WRITE_OWNER = 0x10000, 0x40, 0x40000, 0x80000
_GENERIC_ALL, _GENERIC_WRITE = 0x10000000, 0x40000000
_WRITE_DATA, _APPEND_DATA = 0x2, 0x4
_CHANGES_FOLDER = _DELETE | _DELETE_CHILD | _WRITE_DAC | _WRITE_OWNER | _GENERIC_ALL
_CHANGES_FILE = _CHANGES_FOLDER | _WRITE_DATA | _APPEND_DATA | _GENERIC_WRITE
_ALLOWS = frozenset({"A", "XA", "OA"})  # what an entry may be called that gives rights
_SYSTEM = frozenset(
    {
        "SY", "S-1-5-18", "BA", "S-1-5-32-544",
        # TrustedInstaller
        "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
    }
)  # fmt: skip
# The owner's own entries; who that is, is asked apart.
_OWNER = frozenset({"OW", "S-1-3-4", "CO", "S-1-3-0"})


def judge(descriptor: str, user: str, is_folder: bool) -> str:
    """What is wrong with a security descriptor; nothing when only `user` and the system can write.

    descriptor: SDDL with owner and access list. user: the SID of this user.
    """
    trusted = _SYSTEM | {user}
    if user.endswith("-500"):
        trusted |= {"LA"}  # SDDL's name for the administrator of this machine
    owner, has_list, entries = _parts(descriptor)
    if owner not in trusted:
        return f"owned by {owner or 'nobody'}"
    if not has_list:
        return "without an access list: anybody can write it"
    bits = _CHANGES_FOLDER if is_folder else _CHANGES_FILE
    for entry in entries:
        fields = entry.split(";")
        if len(fields) < 6:
            return f"with an access list that is not understood: {entry}"
        kind, flags, rights, who = fields[0], fields[1], fields[2], fields[5]
        only_inherited = "IO" in [flags[at : at + 2] for at in range(0, len(flags), 2)]
        if kind not in _ALLOWS or only_inherited or who in trusted or who in _OWNER:
            continue
        mask = _mask(rights)
        if mask is None or mask & bits:
            return f"that {who} can write"
    return ""


def problem(path: str) -> str:
    """The same for a file or folder of this system, path first. Raises OSError.

    A file system without access lists (FAT) lets everybody write, and Windows says so.
    """
    import os

    descriptor = _descriptor(path)
    found = judge(descriptor, _user(), os.path.isdir(path))
    return f"{path} {found}" if found else ""


def _parts(descriptor: str) -> tuple[str, bool, list[str]]:
    """Owner, whether there is an access list, and its entries. Of `O:..G:..D:..(..)(..)S:..`."""
    owner, access, has_list = "", "", False
    start, depth, letter = 0, 0, ""
    marks: list[tuple[str, int]] = []
    for at, letter in enumerate(descriptor):
        depth += (letter == "(") - (letter == ")")
        if letter == ":" and depth == 0 and at and descriptor[at - 1] in "OGDS":
            marks.append((descriptor[at - 1], at + 1))
    for number, (letter, start) in enumerate(marks):
        end = marks[number + 1][1] - 2 if number + 1 < len(marks) else len(descriptor)
        if letter == "O":
            owner = descriptor[start:end]
        elif letter == "D":
            access, has_list = descriptor[start:end], True
    if access.startswith("NO_ACCESS_CONTROL"):
        has_list = False
    entries, depth, begin = [], 0, 0
    for at, letter in enumerate(access):
        if letter == "(":
            depth += 1
            if depth == 1:
                begin = at + 1
        elif letter == ")":
            depth -= 1
            if depth == 0:
                entries.append(access[begin:at])
    return owner, has_list, entries


def _mask(rights: str) -> int | None:
    """The bits of an entry's rights; None when they are not understood."""
    try:
        if rights[:1].isdigit():
            return int(rights, 0)
        return sum({_RIGHTS[rights[at : at + 2]] for at in range(0, len(rights), 2)})
    except (KeyError, ValueError):
        return None


_known_user = ""


def _user() -> str:
    """The SID of the user of this process."""
    global _known_user
    if not _known_user:
        import ctypes
        from ctypes import wintypes

        kernel, advapi = _libraries()
        token = wintypes.HANDLE()
        process = wintypes.HANDLE(-1)
        _check(advapi.OpenProcessToken(process, 0x8, ctypes.byref(token)))  # TOKEN_QUERY
        try:
            size = wintypes.DWORD()
            advapi.GetTokenInformation(token, 1, None, 0, ctypes.byref(size))  # TokenUser
            buffer = ctypes.create_string_buffer(size.value)
            _check(advapi.GetTokenInformation(token, 1, buffer, size, ctypes.byref(size)))
            sid = ctypes.cast(buffer, ctypes.POINTER(ctypes.c_void_p))[0]
            text = ctypes.c_wchar_p()
            _check(advapi.ConvertSidToStringSidW(ctypes.c_void_p(sid), ctypes.byref(text)))
            _known_user = text.value or ""
            kernel.LocalFree(text)
        finally:
            kernel.CloseHandle(token)
    return _known_user


def _descriptor(path: str) -> str:
    import ctypes

    kernel, advapi = _libraries()
    wanted = 0x1 | 0x4  # owner and access list
    descriptor = ctypes.c_void_p()
    code = advapi.GetNamedSecurityInfoW(
        ctypes.c_wchar_p(path), 1, wanted, None, None, None, None, ctypes.byref(descriptor)
    )
    if code:
        raise _error(code)
    text = ctypes.c_wchar_p()
    try:
        _check(
            advapi.ConvertSecurityDescriptorToStringSecurityDescriptorW(
                descriptor, 1, wanted, ctypes.byref(text), None
            )
        )
        return text.value or ""
    finally:
        kernel.LocalFree(text)
        kernel.LocalFree(descriptor)


def _libraries() -> tuple[Any, Any]:
    import ctypes

    load: Any = vars(ctypes)["WinDLL"]  # type checkers elsewhere do not know it
    return load("kernel32", use_last_error=True), load("advapi32", use_last_error=True)


def _check(done: int) -> None:
    if not done:
        import ctypes

        raise _error(vars(ctypes)["get_last_error"]())


def _error(code: int) -> OSError:
    import ctypes

    error: OSError = vars(ctypes)["WinError"](code)
    return error
