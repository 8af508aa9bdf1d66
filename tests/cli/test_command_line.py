"""The command line as people and programs use it: help, codes, colour, JSON, completion."""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import shutil
import subprocess
import sys

import pytest
from image_build import environment
from packageimage import cli
from packageimage.cli import COMMANDS, main
from packageimage.commands import completion
from packageimage.commands.output import Paint, document, size_text, table, wants_colour

# Their output is another program's, or for a shell.
NO_JSON = {"run", "completion"}


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_help_names_every_command_and_the_exit_codes(words, capsys):
    assert main(words) == 0
    shown = capsys.readouterr().out
    for name, summary in COMMANDS.items():
        assert f"  {name} " in shown and summary in shown
    for code in (0, 1, 2, 130):
        assert f"\n  {code} " in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["help", name])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: pkgimage {name}")
    assert "exit codes:" in shown and "in one line" in shown
    assert ("--json" in shown) == (name not in NO_JSON)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "expected a command, found none; see pkgimage --help"),
        (["bild"], "expected a command, found 'bild' (did you mean build?); see pkgimage --help"),
        (["x\ny"], "expected a command, found 'x\\ny'; see pkgimage --help"),
        (["--fast"], "expected a command, found none; see pkgimage --help"),
        (["list", "--fast"], "unrecognized arguments: --fast; see pkgimage list --help"),
    ],
)
def test_mistakes_of_the_command_line(words, error, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"pkgimage: error: {error}\n"


def test_a_mistake_as_json(tmp_path, capsys):
    absent = str(tmp_path / "absent.so")
    assert main(["inspect", "--json", absent]) == 2
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found["format"], found["command"]) == (1, "inspect")
    assert said.err == f"pkgimage: error: {found['error']}\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "colour"),
    [
        (io.StringIO, {}, False),
        (Terminal, {}, True),
        (Terminal, {"TERM": "dumb"}, False),
        (Terminal, {"NO_COLOR": "1"}, False),
        (Terminal, {"NO_COLOR": ""}, True),
        (io.StringIO, {"FORCE_COLOR": "1"}, True),
        (io.StringIO, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour(stream, environ, colour):
    assert wants_colour(stream(), environ) is colour
    shown = Paint.of(environ, stream())("text", "red", "bold")
    assert shown == ("\x1b[31;1mtext\x1b[0m" if colour else "text")


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    done = subprocess.run(
        f"{sys.executable} -m packageimage inspect {tmp_path}/absent.so | true; "
        f"{sys.executable} -m packageimage doctor | head -n 0; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable=shutil.which("bash") or "/bin/sh",
        env=environment(tmp_path),
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
    assert done.stdout.strip() in ("0", "1", "141")  # it may have ended before head did


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 KB"), (9995, "10.0 KB"), (27_340, "27.3 KB"),
     (999_600, "1.00 MB"), (1_210_000, "1.21 MB"), (5 * 10**12, "5.00 TB")],
)  # fmt: skip
def test_sizes(size, text):
    assert size_text(size) == text


def test_tables_align():
    rows = [["a", "size"], ["longer", "1"]]
    assert table(rows, frozenset({1})) == ["a       size", "longer     1"]
    assert table([]) == []


def test_documents_say_what_they_are():
    assert json.loads(document("x", b=1)) == {"format": 1, "command": "x", "b": 1}


def test_keyboard_interrupt(monkeypatch):
    class Interrupted:
        __doc__ = ""

        @staticmethod
        def add_arguments(parser: argparse.ArgumentParser) -> None:
            parser.add_argument("words", nargs="*")

        @staticmethod
        def run(args):
            raise KeyboardInterrupt

    monkeypatch.setattr(cli.importlib, "import_module", lambda name: Interrupted)
    assert main(["doctor"]) == 130
    with pytest.raises(KeyboardInterrupt):  # the program's own
        main(["run"])


def test_completion_knows_every_option(capsys):
    listed = {command.name: command for command in completion.commands()}
    assert list(listed) == list(COMMANDS)
    options = {word: option for option in listed["build"].options for word in option.words}
    assert options["--depot"].value == "folder"
    assert options["--workload"].value == "file"
    assert options["--summary"].value == ""
    assert listed["completion"].value == "bash zsh fish"
    for shell in completion.SHELLS:
        assert main(["completion", shell]) == 0
        script = capsys.readouterr().out
        for name in COMMANDS:
            assert name in script
        assert "cpu-targets" in script


def complete(shell: str, line: list[str], tmp_path) -> list[str]:
    script = getattr(completion, shell)(completion.commands())
    file = tmp_path / "script"
    file.write_text(script)
    words = " ".join(f"'{word}'" for word in line)
    asked = (
        f"source {file}; COMP_WORDS=({words}); COMP_CWORD={len(line) - 1}; _pkgimage; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        [shutil.which(shell), "--norc", "-c", asked], capture_output=True, text=True, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["pkgimage", "ex"], ["explain"]),
        (["pkgimage", "explain", "--de"], ["--depot"]),
        (["pkgimage", "explain", "--depot", "fol"], ["folder"]),
        (["pkgimage", "build", "--workload", "fi"], ["file.py"]),
        (["pkgimage", "completion", "z"], ["zsh"]),
        (["pkgimage", "trace", "--images", ""], ["use", "skip", "no"]),
    ],
)
def test_completion_in_bash(line, expected, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.py").touch()
    assert complete("bash", line, tmp_path) == expected


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_scripts_are_understood(shell, tmp_path):
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"needs {shell}")
    file = tmp_path / "script"
    file.write_text(getattr(completion, shell)(completion.commands()))
    done = subprocess.run([program, "-n", str(file)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_module_keeps_the_form(name):
    module = importlib.import_module(f"packageimage.commands.{name}")
    assert module.__doc__ and callable(module.run) and callable(module.add_arguments)
    assert all(isinstance(code, int) for code in getattr(module, "EXIT_CODES", {}))


def test_general_help_is_quick():
    """Help must not import what commands need."""
    code = "import sys; from packageimage.cli import main; main(['--help']); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.rpartition("\n\n")[2].split())
    assert not loaded & {"numba", "llvmlite", "numpy", "SCons", "elftools"}
