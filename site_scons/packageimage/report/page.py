"""The page: one HTML text with all it needs in it. Pure; the same report gives the same bytes."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from packageimage.model.record import Record
from packageimage.report.dependencies import Graph, Package
from packageimage.report.script import SCRIPT
from packageimage.report.sizes import Node
from packageimage.report.style import STYLE
from packageimage.report.timeline import Step, lanes, total

_STAGES = ("serialize", "entries", "codegen", "data", "link", "verify")
_BIGGEST = 25


class ImagePart(Record):
    """One image of the report. facts: what to show of it, a name and a text each. wide: the names
    of those that are long."""

    name: str
    tree: Node
    facts: tuple[tuple[str, str], ...]


class Report(Record):
    """title: the package. images: at least one. benches: documents of `pkgimage bench --json`."""

    title: str
    images: tuple[ImagePart, ...]
    steps: tuple[Step, ...]
    graph: Graph
    benches: tuple[Mapping[str, Any], ...] = ()


_LONG = frozenset({"flags", "CPU targets", "build id", "base image", "file"})


def page(report: Report) -> str:
    """The HTML document."""
    trees = json.dumps([part.tree.as_json() for part in report.images], separators=(",", ":"))
    body = [
        f"<h1>{_text(report.title)}</h1>",
        '<p class="soft">a package image, as it is on disk</p>',
        *_images(report.images),
        *_first_result(report.benches),
        *_build(report.steps),
        *_graph(report.graph),
        '<footer class="soft">Made by <code>pkgimage report</code>. Sizes are bytes of the file; '
        "1 KB is 1000 bytes.</footer>",
    ]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            # Whatever a name in an image holds, the page loads nothing and sends nothing.
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">",
            f"<title>{_text(report.title)}: package image</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            "<main>",
            *body,
            "</main>",
            # `<` alone could end the script element or begin a comment in it.
            f'<script type="application/json" id="trees">{trees.replace("<", chr(92) + "u003c")}'
            "</script>",
            f"<script>{SCRIPT}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _text(text: object) -> str:
    return html.escape(str(text), quote=True)


def _images(images: Sequence[ImagePart]) -> list[str]:
    lines = []
    if len(images) > 1:
        lines.append('<nav class="tabs" id="images" aria-label="images">')
        for index, part in enumerate(images):
            pressed = "true" if index == 0 else "false"
            name = _text(part.name)
            lines.append(f'<button type="button" aria-pressed="{pressed}">{name}</button>')
        lines.append("</nav>")
    for index, part in enumerate(images):
        hidden = " hidden" if index else ""
        lines.append(f'<section class="card" data-image="{index}"{hidden}>')
        lines.append(f'<h2>{_text(part.name)}</h2><dl class="facts">')
        for name, value in part.facts:
            wide = ' class="wide"' if name in _LONG else ""
            lines.append(f"<div{wide}><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>")
        lines.append("</dl></section>")
    lines += [
        '<section class="card">',
        "<h2>Where the bytes are</h2>",
        '<p class="soft">A group opens when it is chosen; the names above lead back.</p>',
        '<div class="path" id="path"></div>',
        '<div class="map" id="map"></div>',
        '<p class="said soft" id="said" aria-live="polite"></p>',
    ]
    for index, part in enumerate(images):
        hidden = " hidden" if index else ""
        lines.append(f'<div data-image="{index}"{hidden}>')
        lines += _tables(part.tree)
        lines.append("</div>")
    return [*lines, "</section>"]


def _tables(tree: Node) -> list[str]:
    rows = [(node.name, node.size) for node in tree.children]
    biggest = sorted(_functions(tree), key=lambda row: (-row[2], row[:2]))[:_BIGGEST]
    lines = ["<details><summary>as a table</summary>"]
    lines += _table(
        ("part", "bytes", "share"),
        [(name, f"{size:,}", _share(size, tree.size)) for name, size in rows],
    )
    if biggest:
        lines.append(f"<h2>The {len(biggest)} largest functions</h2>")
        lines += _table(
            ("function", "part", "bytes"),
            [(function, part, f"{size:,}") for function, part, size in biggest],
        )
    return [*lines, "</details>"]


def _functions(tree: Node) -> Iterable[tuple[str, str, int]]:
    for part in tree.children:
        if not part.name.startswith("code for "):
            continue
        for module in part.children:
            for function in module.children:
                yield f"{module.name}.{function.name}", part.name, function.size


def _share(size: int, whole: int) -> str:
    return f"{100 * size / whole:.1f} %" if whole else ""


_NUMERIC = frozenset({"bytes", "share", "seconds", "start"})


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    classes = [' class="num"' if head in _NUMERIC else "" for head in heads]
    lines = ['<div class="scroll"><table><thead><tr>']
    pairs = zip(heads, classes, strict=True)
    lines.append("".join(f"<th{cls}>{_text(head)}</th>" for head, cls in pairs))
    lines.append("</tr></thead><tbody>")
    for row in rows:
        cells = zip(row, classes, strict=True)
        lines.append(f"<tr>{''.join(f'<td{c}>{_text(cell)}</td>' for cell, c in cells)}</tr>")
    return [*lines, "</tbody></table></div>"]


def _build(steps: Sequence[Step]) -> list[str]:
    if not steps:
        return []
    rows = lanes(steps)
    lines = ['<section class="card">', "<h2>The build</h2>"]
    if not rows:
        return [*lines, "<p>Nothing had to be made.</p></section>"]
    start = min(step.start for row in rows for step in row)
    whole = total(steps)
    work = sum(step.seconds for row in rows for step in row)
    count = sum(map(len, rows))
    lines.append(
        f'<p class="soft">{count} steps, {_seconds(work)} of work in {_seconds(whole)}; a row for '
        "each process that ran at the same time</p>"
    )
    for row in rows:
        lines.append('<div class="lane">')
        for step in row:
            left, width = 100 * (step.start - start) / whole, 100 * step.seconds / whole
            about = f"{step.image}: {step.stage} {step.about}".strip()
            # What is too narrow for its label has it in the title and the table.
            shown = (step.about or step.stage) if width >= 6 else ""
            small = ' class="small"' if width < 20 else ""
            lines.append(
                f'<span{small} style="left:{left:.3f}%;width:{width:.3f}%;'
                f'background:{_fill(step.stage)}" '
                f'title="{_text(about)}, {_seconds(step.seconds)}">'
                f"{_text(shown)}</span>"
            )
        lines.append("</div>")
    lines.append('<div class="axis"><span style="left:0">0 s</span>')
    lines.append(f'<span style="right:0">{_seconds(whole)}</span></div>')
    stages = list(dict.fromkeys(step.stage for row in rows for step in row))
    lines.append('<div class="key">')
    for stage in sorted(stages, key=_position):
        seconds = sum(s.seconds for row in rows for s in row if s.stage == stage)
        lines.append(
            f'<span><i style="background:{_fill(stage)}"></i>{_text(stage)} '
            f"{_seconds(seconds)}</span>"
        )
    lines.append("</div><details><summary>as a table</summary>")
    ran = sorted((s for row in rows for s in row), key=lambda s: (s.start, s.stage, s.about))
    lines += _table(
        ("stage", "of", "start", "seconds"),
        [
            (s.stage, f"{s.image} {s.about}".strip(), f"{s.start - start:.2f}", f"{s.seconds:.2f}")
            for s in ran
        ],
    )
    return [*lines, "</details></section>"]


def _position(stage: str) -> tuple[int, str]:
    return (_STAGES.index(stage) if stage in _STAGES else len(_STAGES), stage)


def _fill(stage: str) -> str:
    return f"var(--c{_position(stage)[0] % 8})"


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 100 else f"{seconds:.3g} s"


def _first_result(benches: Sequence[Mapping[str, Any]]) -> list[str]:
    lines: list[str] = []
    for bench in benches:
        sides = [side for side in bench["sides"] if side["side"] != "import numba"]
        slowest = max(side["median"] for side in sides)
        on = bench["machine"]
        what = bench["workload"] or f"import {bench['package']}"
        lines += [
            '<section class="card">',
            "<h2>Time to the first result</h2>",
            f'<p class="soft">{_text(_file_name(what))}, a fresh process from start to exit, '
            f"median; {_text(on['cpu'])}, {_text(on['cpus'])} CPUs, {_text(on['system'])}, "
            f"Numba {_text(on['numba'])}</p>",
            '<div class="bars">',
        ]
        for side in sides:
            best = ' class="best"' if side["side"] == "image" else ""
            times = f", {side['ratio']:.1f} times the image" if side["side"] != "image" else ""
            lines.append(
                f"<p><span>{_text(side['side'])}</span>"
                f"<span>{_seconds(side['median'])}{times}</span></p>"
                f'<i{best} style="width:{100 * side["median"] / slowest:.2f}%"></i>'
            )
        compiled = bench["compiled"]
        lines.append("</div>")
        lines.append(
            f'<p class="soft">Numba compiled {compiled["no cache"]} functions without, '
            f"{compiled['image']} with the image</p></section>"
        )
    return lines


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


_WIDTH, _HEIGHT, _GAP, _DROP = 150, 50, 18, 44
# The picture is drawn twice: a phone shows the one with few packages in a row.
_IN_ROW = {"wide": 6, "narrow": 2}


def _graph(graph: Graph) -> list[str]:
    if len(graph.packages) < 2:
        return []
    return [
        '<section class="card">',
        "<h2>What it is made with</h2>",
        '<p class="soft">Packages whose functions were compiled in. With an image of their own '
        "they must be what they were then.</p>",
        *(line for name in _IN_ROW for line in _drawn(graph, name)),
        "</section>",
    ]


def _drawn(graph: Graph, name: str) -> list[str]:
    places, width, height = _places(graph.packages, _IN_ROW[name])
    lines = [
        f'<div class="scroll {name}"><svg width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="dependencies of the image">',
        f'<defs><marker id="tip-{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>',
    ]
    for needing, needed in graph.needs:
        (x0, y0), (x1, y1) = places[needing], places[needed]
        start, end = (x0 + _WIDTH / 2, y0 + _HEIGHT), (x1 + _WIDTH / 2, y1)
        bend = (start[1] + end[1]) / 2
        lines.append(
            f'<path d="M{start[0]:g} {start[1]:g}C{start[0]:g} {bend:g} {end[0]:g} {bend:g} '
            f'{end[0]:g} {end[1] - 1:g}" marker-end="url(#tip-{name})"/>'
        )
    for package in graph.packages:
        x, y = places[package.name]
        lines.append(
            f'<g class="{package.kind}"><title>{_text(package.name)}: {_text(package.about)}'
            f'</title><rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>'
            f'<text x="{x + 12}" y="{y + 21}">{_text(_short(package.name, 15))}</text>'
            f'<text class="about" x="{x + 12}" y="{y + 39}">{_text(_short(package.about, 21))}'
            "</text></g>"
        )
    return [*lines, "</svg></div>"]


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


def _places(
    packages: Sequence[Package], in_row: int
) -> tuple[dict[str, tuple[int, int]], int, int]:
    """Where each package is drawn, layers from top to bottom, and the picture's size."""
    rows: list[list[str]] = []
    for layer in sorted({package.layer for package in packages}):
        names = [package.name for package in packages if package.layer == layer]
        rows += [names[at : at + in_row] for at in range(0, len(names), in_row)]
    width = max(len(row) for row in rows) * (_WIDTH + _GAP) - _GAP + 4
    places = {}
    for number, row in enumerate(rows):
        inset = (width - (len(row) * (_WIDTH + _GAP) - _GAP)) // 2
        for column, name in enumerate(row):
            places[name] = (inset + column * (_WIDTH + _GAP), 2 + number * (_HEIGHT + _DROP))
    return places, width, len(rows) * (_HEIGHT + _DROP) - _DROP + 4
