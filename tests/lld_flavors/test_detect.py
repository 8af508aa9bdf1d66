"""Which LLD is taken: fake ones on a temporary PATH."""

from __future__ import annotations

import os
import sys

import pytest
from packageimage.model.errors import PackageImageError
from site_tools.lld_flavors import kinds_for
from site_tools.lld_flavors.detect import find_linker, ranked_names
from site_tools.lld_flavors.linker import Linker, parse_version

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the fakes are shell scripts")


ELF = kinds_for("elf")


class Fakes:
    """A PATH of folders with fake linkers, and a fake Python with or without ziglang."""

    def __init__(self, root):
        self.root = root
        self.folders = []
        self.python = str(self.script("py", "python", 'echo "No module named ziglang" >&2; exit 1'))

    def script(self, folder, name, body):
        path = self.root / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    def generic(self, name, version, folder="bin"):
        return self._on_path(
            folder,
            name,
            f'[ "$1 $2 $3" = "-flavor gnu --version" ] && echo "LLD {version} (compatible with GNU '
            'linkers)" || { echo "lld is a generic driver." >&2; exit 1; }',
        )

    def gnu(self, name, version, folder="bin"):
        return self._on_path(
            folder,
            name,
            f'[ "$1" = "--version" ] && echo "Debian LLD {version} (compatible with GNU linkers)"',
        )

    def other(self, name, body, folder="bin"):
        return self._on_path(folder, name, body)

    def wheel(self, version):
        self.script(
            "py",
            "python",
            f'[ "$*" = "-m ziglang ld.lld --version" ] && '
            f'echo "LLD {version} (compatible with GNU linkers)"',
        )

    def plain(self, name, version, folder="bin"):
        return self._on_path(folder, name, f'[ "$1" = "--version" ] && echo "Debian LLD {version}"')

    def find(self, named="", kinds=ELF):
        environ = {"PATH": os.pathsep.join([*self.folders, str(self.root / "absent")])}
        if named:
            environ["PKGIMAGE_LLD"] = str(named)
        return find_linker(environ, kinds, self.python)

    def _on_path(self, folder, name, body):
        path = self.script(folder, name, body)
        if str(path.parent) not in self.folders:
            self.folders.append(str(path.parent))
        return str(path)


@pytest.fixture
def fakes(tmp_path):
    return Fakes(tmp_path)


def test_the_generic_driver(fakes):
    path = fakes.generic("lld", "19.1.7")
    assert fakes.find() == Linker("lld", (path,), (19, 1, 7))


def test_the_oldest_version_is_taken(fakes):
    path = fakes.generic("lld", "14.0.0")
    assert fakes.find() == Linker("lld", (path,), (14, 0, 0))


def test_an_unversioned_lld_comes_before_newer_ones(fakes):
    path = fakes.generic("lld", "14.0.6")
    fakes.generic("lld-19", "19.1.7")
    assert fakes.find().command == (path,)


def test_the_highest_versioned_name_wins_also_in_a_later_folder(fakes):
    fakes.generic("lld-9", "9.0.0", "first")
    fakes.generic("lld-15", "15.0.7", "first")
    path = fakes.generic("lld-20", "20.1.0", "second")
    assert fakes.find().command == (path,)


def test_the_first_folder_wins_for_one_name(fakes):
    path = fakes.gnu("ld.lld", "15.0.7", "first")
    fakes.gnu("ld.lld", "20.1.0", "second")
    assert fakes.find() == Linker("ld.lld", (path,), (15, 0, 7))


def test_one_that_is_too_old_is_passed_over(fakes):
    fakes.generic("lld", "13.0.1")
    path = fakes.gnu("ld.lld-16", "16.0.6")
    assert fakes.find() == Linker("ld.lld", (path,), (16, 0, 6))


def test_what_is_not_executable_is_passed_over(fakes):
    os.chmod(fakes.generic("lld", "19.1.7"), 0o644)
    path = fakes.generic("lld-18", "18.1.8")
    assert fakes.find().command == (path,)


def test_the_wheel_comes_last(fakes):
    fakes.wheel("22.1.8")
    assert fakes.find() == Linker("zig", (fakes.python, "-m", "ziglang"), (22, 1, 8))
    path = fakes.gnu("ld.lld-14", "14.0.6")
    assert fakes.find().command == (path,)


def test_the_wheel_can_be_asked_for_by_name(fakes):
    fakes.wheel("22.1.8")
    fakes.generic("lld", "19.1.7")
    assert fakes.find("ziglang").kind == "zig"


def test_the_variable_comes_first_and_takes_a_path_or_a_name(fakes):
    fakes.generic("lld", "19.1.7")
    path = fakes.gnu("my-linker", "17.0.6")
    assert fakes.find(path) == Linker("ld.lld", (path,), (17, 0, 6))
    assert fakes.find("my-linker") == Linker("ld.lld", (path,), (17, 0, 6))


def test_the_variable_may_name_zig_itself(fakes):
    path = fakes.other(
        "zig",
        '[ "$*" = "ld.lld --version" ] && echo "LLD 21.1.0 (compatible with GNU linkers)" '
        '|| { echo "error: unknown command: $1" >&2; exit 1; }',
    )
    assert fakes.find("zig") == Linker("zig", (path,), (21, 1, 0))


@pytest.mark.parametrize(
    ("name", "object_format"),
    [("ld64.lld", "macho"), ("lld-link", "coff"), ("lld-link-19", "coff")],
)
def test_forms_for_one_format_are_found_for_it_alone(fakes, name, object_format):
    path = fakes.plain(name, "19.1.7")
    linker = fakes.find(kinds=kinds_for(object_format))
    assert linker == Linker(name.removesuffix("-19"), (path,), (19, 1, 7))
    with pytest.raises(PackageImageError, match="linking needs LLD 14 or newer"):
        fakes.find()


INSTALL = (
    "; install LLD 14 or newer (Debian: apt install lld; macOS: brew install lld), "
    "or run: pip install ziglang; or set PKGIMAGE_LLD to its path"
)


def _message(fakes, named=""):
    with pytest.raises(PackageImageError) as caught:
        fakes.find(named)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(INSTALL)
    return message.removesuffix(INSTALL)


def test_nothing_at_all(fakes):
    assert _message(fakes) == (
        f"linking needs LLD 14 or newer, found {fakes.python} -m ziglang is a program that says "
        "'No module named ziglang'"
    )


def test_every_candidate_is_named(fakes):
    old = fakes.generic("lld", "13.0.1")
    gnu = fakes.other("ld.lld", "echo 'GNU ld (GNU Binutils) 2.40'")
    broken = fakes.other("ld.lld-15", "")
    message = _message(fakes)
    assert f"{old} is LLD 13.0.1, which is too old; " in message
    assert f"{gnu} is a program that says 'GNU ld (GNU Binutils) 2.40'; " in message
    assert f"{broken} is a program that is not LLD; " in message


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda fakes: fakes.generic("l", "13.0.1"), "found LLD 13.0.1, which is too old"),
        (lambda fakes: fakes.other("l", "echo hello; echo more"), "a program that says 'hello'"),
        (lambda fakes: fakes.other("l", "exit 3"), "found a program that is not LLD"),
        (lambda fakes: fakes.root / "absent", "found nothing"),
        (lambda fakes: fakes.root, "found a folder"),
        (lambda fakes: "absent", "PKGIMAGE_LLD is 'absent': expected an executable LLD"),
    ],
)
def test_what_the_variable_names_is_never_passed_over(fakes, make, found):
    fakes.generic("lld", "19.1.7")
    assert found in _message(fakes, make(fakes))


def test_the_variable_names_a_file_that_cannot_be_executed(fakes):
    path = fakes.generic("l", "19.1.7")
    os.chmod(path, 0o644)
    assert "found a file that is not executable" in _message(fakes, path)


def test_the_variable_names_another_machines_program(fakes):
    path = fakes.root / "bin" / "alien"
    fakes.script("bin", "alien", "")
    path.write_bytes(b"\x7fELF garbage")
    assert "a program that does not start (" in _message(fakes, path)


def test_ranking_is_by_name_alone_and_knows_its_names():
    names = ["ld.lld-9", "lld-14", "ld.lld", "lld-link", "lld-19", "lld", "ld", "lldb", "lld-x"]
    names += ["ld64.lld-19", "lld-link-19"]
    assert ranked_names(names) == [
        "lld",
        "lld-19",
        "lld-14",
        "ld.lld",
        "ld.lld-9",
        "ld64.lld-19",
        "lld-link",
        "lld-link-19",
    ]
    assert ranked_names(["ld.lld.exe", "lld-19.exe", "lld.exe"]) == [
        "lld.exe",
        "lld-19.exe",
        "ld.lld.exe",
    ]


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ("Debian LLD 14.0.6 (compatible with GNU linkers)\n", (14, 0, 6)),
        ("LLD 22.1.8 (compatible with GNU linkers)", (22, 1, 8)),
        ("LLD 20.0.0git (compatible with GNU linkers)", (20, 0, 0)),
        ("Ubuntu LLD 18.1.3 (compatible with GNU linkers)", (18, 1, 3)),
        ("LLD 15.0.0 (https://x/llvm.git 1a2b) (compatible with GNU linkers)", (15, 0, 0)),
        ("LLD 17 (compatible with GNU linkers)", None),
        ("LLD 19.1.7", None),  # lld-link, ld64.lld, wasm-ld
        ("mold 2.30.0 (compatible with GNU ld)", None),
        ("GNU ld (GNU Binutils for Debian) 2.40", None),
        ("lld is a generic driver.", None),
        ("", None),
    ],
)
def test_versions(output, version):
    assert parse_version(output) == version


def test_this_interpreters_wheel_is_found():
    pytest.importorskip("ziglang")
    linker = find_linker({"PATH": "", "PKGIMAGE_LLD": "ziglang"}, ELF)
    assert linker.kind == "zig"
    assert linker.command[0] == sys.executable
