"""Print the completion script of a shell, made from the commands' own parsers.

    eval "$(pkgimage completion bash)"            # in ~/.bashrc
    pkgimage completion zsh > ~/.zfunc/_pkgimage  # with ~/.zfunc in fpath before compinit
    pkgimage completion fish > ~/.config/fish/completions/pkgimage.fish

The script is complete: it starts no Python while it completes. Print it anew after an update.
"""

from __future__ import annotations

import argparse
import importlib
import shlex

from ..model.record import Record

SHELLS = ("bash", "zsh", "fish")


class Option(Record):
    """An option of a command. words: its spellings. value: "", "file", "folder", "text", or its
    choices separated by spaces."""

    words: tuple[str, ...]
    help: str
    value: str


class Command(Record):
    """A command with its options. value: what its positional arguments are, as in Option."""

    name: str
    help: str
    options: tuple[Option, ...]
    value: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS)


def run(args: argparse.Namespace) -> int:
    """Always 0."""
    script = {"bash": bash, "zsh": zsh, "fish": fish}[args.shell]
    print(script(commands()), end="")
    return 0


def commands() -> tuple[Command, ...]:
    """All commands, as their parsers describe them."""
    from ..cli import COMMANDS, parser_for

    found = []
    for name, summary in COMMANDS.items():
        parser = parser_for(name, importlib.import_module(f"packageimage.commands.{name}"))
        actions = parser._actions
        options = [_option(action) for action in actions if action.option_strings]
        places = [action for action in actions if not action.option_strings]
        value = _value(places[0]) if places else ""
        found.append(Command(name, summary, tuple(options), value))
    return tuple(found)


def _option(action: argparse.Action) -> Option:
    text = "" if action.help in (None, argparse.SUPPRESS) else str(action.help)
    return Option(tuple(action.option_strings), text.partition(";")[0], _value(action))


_FILES = ("FILE", "PROGRAM", "PROGRAM", "IMAGE|PACKAGE", "IMAGE|BUILD_FOLDER", "IMAGE")
_FOLDERS = ("DIR", "FOLDER")


def _value(action: argparse.Action) -> str:
    if action.choices:
        return " ".join(map(str, action.choices))
    if action.nargs == 0:
        return ""
    name = str(action.metavar or action.dest)
    if name in _FILES or name.upper() in _FILES:
        return "file"
    return "folder" if name in _FOLDERS else "text"


def bash(listed: tuple[Command, ...]) -> str:
    """For bash 4 and newer, also without the package bash-completion."""
    names = " ".join(command.name for command in listed)
    lines = [
        "# pkgimage's completion for bash, made by `pkgimage completion bash`",
        "_pkgimage() {",
        '    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words="" kind=""',
        "    COMPREPLY=()",
        "    if ((COMP_CWORD == 1)); then",
        f'        COMPREPLY=($(compgen -W "{names} help --help --version" -- "$cur"))',
        "        return",
        "    fi",
        '    case "${COMP_WORDS[1]} $prev" in',
    ]
    for command in listed:
        for option in command.options:
            if option.value:
                cases = "|".join(shlex.quote(f"{command.name} {word}") for word in option.words)
                lines.append(f"        {cases}) kind={shlex.quote(option.value)} ;;")
    lines += ["    esac", "    if [[ -z $kind ]]; then", '        case "${COMP_WORDS[1]}" in']
    for command in listed:
        words = " ".join(word for option in command.options for word in option.words)
        kind = shlex.quote(command.value)
        lines.append(f"            {command.name}) words={shlex.quote(words)} kind={kind} ;;")
    lines += [
        f'            help) words="{names}" ;;',
        "        esac",
        "    fi",
        "    if [[ $cur == -* && -n $words ]]; then",
        '        COMPREPLY=($(compgen -W "$words" -- "$cur"))',
        "        return",
        "    fi",
        "    case $kind in",
        '        file) COMPREPLY=($(compgen -f -- "$cur")) ;;',
        '        folder) COMPREPLY=($(compgen -d -- "$cur")) ;;',
        '        text | "") [[ -n $words && -z $kind ]] && '
        'COMPREPLY=($(compgen -W "$words" -- "$cur")) ;;',
        '        *) COMPREPLY=($(compgen -W "$kind" -- "$cur")) ;;',
        "    esac",
        "}",
        "complete -o filenames -F _pkgimage pkgimage",
    ]
    return "\n".join([*lines, ""])


def zsh(listed: tuple[Command, ...]) -> str:
    """For zsh's completion system; serves both from fpath and through eval."""
    lines = ["#compdef pkgimage", "# made by `pkgimage completion zsh`", "_pkgimage() {"]
    lines += ["    local -a commands=("]
    lines += [f"        {_zsh(f'{each.name}:{each.help}')}" for each in listed]
    lines += [
        "    )",
        "    if ((CURRENT == 2)); then",
        "        _describe command commands",
        "        return",
        "    fi",
        "    local command=$words[2]",
        "    words=($words[1] $words[3,-1])",
        "    ((CURRENT--))",
        "    case $command in",
    ]
    for command in listed:
        lines.append(f"        {command.name})")
        lines.append("            _arguments -s \\")
        for option in command.options:
            for word in option.words:
                about = option.help.replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
                action = _ZSH_ACTIONS.get(option.value, f"({option.value})")
                value = f":value:{action}" if option.value else ""
                lines.append(f"                {_zsh(f'*{word}[{about}]{value}')} \\")
        action = _ZSH_ACTIONS.get(command.value, f"({command.value})")
        lines.append(f"                {_zsh(f'*:argument:{action}')}")
        lines.append("            ;;")
    lines += [
        "    esac",
        "}",
        # Found through fpath, the file is itself the function's body when it first runs.
        'if [ "$funcstack[1]" = "_pkgimage" ]; then',
        '    _pkgimage "$@"',
        "else",
        "    compdef _pkgimage pkgimage",
        "fi",
    ]
    return "\n".join([*lines, ""])


_ZSH_ACTIONS = {"": "", "text": "", "file": "_files", "folder": "_files -/"}


def _zsh(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def fish(listed: tuple[Command, ...]) -> str:
    """For fish 3 and newer."""
    lines = [
        "# pkgimage's completion for fish, made by `pkgimage completion fish`",
        "complete -c pkgimage -f",
    ]
    for command in listed:
        first = f"complete -c pkgimage -n __fish_use_subcommand -a {command.name}"
        lines.append(f"{first} -d {_fish(command.help)}")
    for command in listed:
        start = f"complete -c pkgimage -n '__fish_seen_subcommand_from {command.name}'"
        if command.value == "file":
            lines.append(f"{start} -F")
        elif command.value not in ("", "text", "folder"):
            lines.append(f"{start} -a {_fish(command.value)}")
        for option in command.options:
            words = [
                f"-l {word[2:]}" if word.startswith("--") else f"-s {word[1:]}"
                for word in option.words
            ]
            value = {
                "": "",
                "text": " -x",
                "file": " -r -F",
                "folder": " -x -a '(__fish_complete_directories)'",
            }.get(option.value, f" -x -a {_fish(option.value)}")
            lines.append(f"{start} {' '.join(words)}{value} -d {_fish(option.help)}")
    return "\n".join([*lines, ""])


def _fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
