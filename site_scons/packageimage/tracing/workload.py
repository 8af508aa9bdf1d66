"""A trace as a workload: a Python file that compiles what a program compiled. Pure.

A process writes one line of JSON for each specialisation; here the lines of all processes become
one readable file that depends on what was compiled and not on the order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from packageimage.model.record import Record

_WIDTH = 100
DECLARED = "its signatures are declared: importing its package compiles it"


class Traced(Record):
    """One specialisation.

    module, qualname: the function's own. name: by which a workload can reach it, with its module
    (`tiny.squared`); empty when it has none. method: "compile" of a dispatcher or "add" of a
    ufunc. arguments: an expression for each argument's type. imports: the modules that these and
    the name need. shown: the types for a person. why: when it cannot be written, the reason.
    """

    module: str
    qualname: str
    name: str
    method: str
    arguments: tuple[str, ...]
    imports: tuple[str, ...]
    shown: str
    why: str

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]

    @property
    def written(self) -> bool:
        return not self.why


def line_of(traced: Traced) -> str:
    """The line of JSON, without its end."""
    return json.dumps(traced.as_dict(), sort_keys=True)


def read_lines(texts: Iterable[str]) -> list[Traced]:
    """What the processes wrote. A last line that a killed process left half written is skipped."""
    found: dict[tuple[str, ...], Traced] = {}
    for text in texts:
        for line in text.splitlines():
            try:
                fields = json.loads(line)
                for name in ("arguments", "imports"):
                    fields[name] = tuple(fields[name])
                traced = Traced(**fields)
            except (ValueError, TypeError, KeyError):
                continue
            key = (traced.module, traced.qualname, traced.method, traced.shown)
            # A function may get its name after it was compiled (explicit signatures), and another
            # process may see it before that.
            if key not in found or (traced.written, traced.name) > (
                found[key].written,
                found[key].name,
            ):
                found[key] = traced
    return sorted(found.values(), key=_order)


def _order(traced: Traced) -> tuple[object, ...]:
    return (traced.package, traced.name or f"{traced.module}.{traced.qualname}", traced.shown,
            traced.method, traced.arguments, traced.imports, traced.why)  # fmt: skip


def chosen(traced: Iterable[Traced], packages: Iterable[str]) -> list[Traced]:
    """Those of the packages named; of all but the program itself when none is."""
    wanted = set(packages)
    return [each for each in traced if not wanted or each.package in wanted]


def workload_text(traced: Iterable[Traced], command: str) -> str:
    """The file. command: what was traced, for the reader."""
    listed = list(traced)
    lines = [
        '"""Specialisations that a program compiled, recorded by `pkgimage trace`:',
        "",
        f"    {_safe(command)}",
        "",
        "Give it to `pkgimage build PACKAGE --workload` or to a Builder's `workload`, and edit",
        "it as you like: each line below compiles one function for one set of argument types.",
        '"""',
        "",
    ]
    written = [each for each in listed if each.written]
    calls = [_call(each) for each in written]
    for module in sorted({module for each in written for module in each.imports}):
        lines.append(f"import {module}")
    if any("types." in call for call in calls):
        lines.append("from numba import types")
    groups = sorted({each.package for each in listed})
    texts = dict(zip(map(id, written), calls, strict=True))
    for package in groups:
        lines += ["", f"# {package}"]
        for each in listed:
            if each.package != package:
                continue
            if each.written:
                lines.append(texts[id(each)])
            else:
                called = _safe(f"{each.name or f'{each.module}.{each.qualname}'}{each.shown}")
                if each.why == DECLARED:
                    lines.append(f"# compiled when it is imported: {called}")
                else:
                    lines.append(f"# not recorded: {called}: {_safe(each.why)}")
    return "\n".join([*lines, ""])


def _call(traced: Traced) -> str:
    """The call, on several lines where one would be too long."""
    start = f"{traced.name}.{traced.method}("
    comma = "," * (len(traced.arguments) == 1)
    line = f"{start}({', '.join(traced.arguments)}{comma}))"
    if len(line) <= _WIDTH:
        return line
    lines = [f"{start}(", "   "]
    for argument in traced.arguments:
        if len(lines[-1]) + len(argument) + 2 > _WIDTH and lines[-1].strip():
            lines.append("   ")
        lines[-1] += f" {argument},"
    return "\n".join([*lines, "))"])


def _safe(text: str) -> str:
    """Text for a comment or a docstring: one line that ends neither."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return shown.replace("\\", "\\\\").replace('"""', "'''")
