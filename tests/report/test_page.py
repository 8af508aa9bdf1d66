"""The page: whole in itself, the same each time, safe whatever names hold, drawn by a browser."""

from __future__ import annotations

import html.parser
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from image_samples import SLOTS, linked
from packageimage.cli import main
from packageimage.model import header as headers
from packageimage.model.base_image import BaseImage
from packageimage.model.cpu_selection import TargetRecord
from packageimage.model.flags import CacheFlags
from packageimage.report.dependencies import Graph, Package
from packageimage.report.page import ImagePart, Report, page
from packageimage.report.sizes import Node
from packageimage.report.timeline import Step, encode

# A name that would end an element, an attribute or the script, were it not escaped.
HOSTILE = "</script><!--\"'&<b onclick=x>"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def step(stage, start, seconds, about=""):
    return Step("k for linux-x86_64", stage, about, "run", start, seconds)


STEPS = (
    step("serialize", 0, 4),
    step("codegen", 4, 2, "p0 generic"),
    step("codegen", 4, 1, HOSTILE),
    step("link", 6, 0.05),
)
GRAPH = Graph(
    (
        Package("k", "image", 0, "3 methods"),
        Package("a" * 30, "missing", 1, "no image of it here"),
        Package("numba", "source", 1, HOSTILE),
    ),
    (("k", "a" * 30), ("k", "numba")),
)
BENCH = {
    "format": 1,
    "command": "bench",
    "package": "k",
    "workload": "/home/someone/work.py",
    "machine": {"cpu": HOSTILE, "cpus": 2, "system": "Linux", "numba": "0.68.1"},
    "compiled": {"no cache": 7, "image": 0},
    "sides": [
        {"side": "import numba", "median": 0.2, "ratio": 0.5},
        {"side": "no cache", "median": 8.0, "ratio": 20.0},
        {"side": "image", "median": 0.4, "ratio": 1.0},
    ],
}


def code(name, *sizes):
    functions = tuple(Node(f"f{at}{HOSTILE}", size) for at, size in enumerate(sizes))
    return Node(name, sum(sizes), (Node("k.mod", sum(sizes), functions),))


TREE = Node(
    "k",
    1000,
    (
        code("code for haswell", 300, 200),
        code("code for generic", 100, 50, 1),
        Node("symbols", 349),
    ),
)
OTHER = Node("k", 10, (Node("headers", 10),))
IMAGES = (
    ImagePart("k for linux-x86_64", TREE, (("size", "1 KB"), ("flags", HOSTILE))),
    ImagePart("k for macos-arm64", OTHER, (("size", "10 B"),)),
)
REPORT = Report("k", IMAGES, STEPS, GRAPH, (BENCH,))


class Reader(html.parser.HTMLParser):
    """Elements that are open at the end, attributes that load something, and texts."""

    VOID = frozenset({"meta", "br", "link", "img", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "srcset", "action", "data", "poster"):
                self.loads.append(f"{name}={value}")
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def read(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


def test_it_is_whole_and_loads_nothing():
    text = page(REPORT)
    assert text == page(REPORT)
    reader = read(text)
    assert (reader.open, reader.loads, reader.handlers) == ([], [], [])
    assert not re.search(r"https?://|@import|url\((?!#)", text)
    assert "default-src 'none'" in text


def test_hostile_names_are_shown_as_they_are():
    reader = read(page(REPORT))
    assert HOSTILE in reader.texts
    (data,) = [text for text in reader.texts if text.startswith('[{"n"')]
    tree = json.loads(data)[0]
    assert tree["c"][0]["c"][0]["c"][0]["n"] == f"f0{HOSTILE}"


def test_what_there_is_nothing_of_has_no_part():
    text = page(Report("k", IMAGES[:1], (), Graph(GRAPH.packages[:1], ())))
    for title in ("The build", "Time to the first result", "What it is made with"):
        assert title in page(REPORT) and title not in text


def test_a_build_that_made_nothing():
    skipped = Step("k", "link", "", "skipped", 0, 0)
    text = page(Report("k", IMAGES[:1], (skipped,), Graph((), ())))
    assert "Nothing had to be made." in text


def image(folder: Path) -> Path:
    header = headers.Header(
        package="kernels", build_id="1" * 64, capture="2" * 64,
        base=BaseImage("cpython-311", "0.68.1", "0.50.0", "", "2.4.6"), platform="linux-x86_64",
        flags=CacheFlags(), targets=(TargetRecord("generic", "x86-64", (), 128),),
        partitions=(1,), slots=SLOTS, methods=7,
    )  # fmt: skip
    file = folder / "kernels.generic.linked.so"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(linked("linux-x86_64", header=headers.encode(header), output=file.name))
    return file


def test_of_an_image(tmp_path, capsys):
    out = tmp_path / "r.html"
    assert main(["report", str(image(tmp_path)), "-o", str(out), "--depot", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith(f"{out}: ")
    text = out.read_text(encoding="utf-8")
    assert "kernels for linux-x86_64" in text and "code for generic" in text


@pytest.mark.parametrize("named", ["kernels.pkgimage", "."])
def test_of_a_build_with_times_owners_and_bench(tmp_path, capsys, named):
    folder = tmp_path / "kernels.pkgimage"
    image(folder / "linux-x86_64")
    (folder / "kernels.build.json").write_bytes(encode("kernels", STEPS))
    owners = {"entry_owners": {"twice": "kernels.twice(int64)"}}
    (folder / "kernels.capture.json").write_text(json.dumps(owners))
    (tmp_path / "bench.json").write_text(json.dumps(BENCH))
    out = tmp_path / "r.html"
    words = [
        "report",
        str(tmp_path / named),
        "-o",
        str(out),
        "--bench",
        str(tmp_path / "bench.json"),
    ]
    assert main([*words, "--depot", str(tmp_path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["package"], len(said["images"]), len(said["steps"])) == ("kernels", 1, 4)
    text = out.read_text(encoding="utf-8")
    for shown in ("kernels.twice(int64)", "The build", "20.0 times the image", "work.py"):
        assert shown in text
    assert "/home/someone" not in text


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["absent"], "absent: no image in"),
        (["./absent.so"], "expected an image, a build's folder or a package, found none called"),
        (["."], ".: expected a build's folder with linked images, found none"),
        (["file.so"], "file.so: expected an ELF, Mach-O or COFF file"),
        (["file.pki"], "file.pki: expected a header, found"),
        (["k.so", "-o", "no/such/folder.html"], "expected to write no/such/folder.html, found No"),
        (["k.so", "--bench", "file.so"], "file.so: expected what `pkgimage bench --json` prints"),
        (["k.so", "--bench", "absent"], "absent: expected a file to read, found No such file"),
    ],
)
def test_mistakes(words, error, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PKGIMAGE_DEPOT_PATH", str(tmp_path / "depot"))
    image(tmp_path).rename("k.so")
    for name in ("file.so", "file.pki"):
        Path(name).write_text("hello")
    assert main(["report", *words]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"pkgimage: error: {error}") and said.count("\n") == 1


# -- in a browser ------------------------------------------------------------------------------

# Runs in the page after it was drawn; what it finds stands in the title.
PROBE = """<script>
addEventListener("error", event => { document.title = "error " + event.message; });
addEventListener("load", () => {
  const boxes = document.querySelectorAll("#map > *"), map = document.getElementById("map");
  const area = [...boxes].reduce((sum, box) => sum + box.offsetWidth * box.offsetHeight, 0);
  const found = {
    boxes: boxes.length,
    filled: area / (map.clientWidth * map.clientHeight),
    inner: document.querySelectorAll("#map .group .leaf").length,
    wide: document.documentElement.scrollWidth - innerWidth,
    lanes: document.querySelectorAll(".lane").length,
  };
  document.querySelector("#map .group").click();
  found.path = document.getElementById("path").innerText.replace(/\\s+/g, " ");
  found.said = document.getElementById("said").textContent;
  document.querySelectorAll("#images button")[1].click();
  found.second = document.getElementById("path").innerText.replace(/\\s+/g, " ");
  found.hidden = document.querySelector("section[data-image='0']").hidden;
  document.title = JSON.stringify(found);
});
</script>"""


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"needs one of {', '.join(BROWSERS)}")
    return found


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_browser_draws_it(browser, tmp_path, width, scheme):
    file = tmp_path / "page.html"
    file.write_text(page(REPORT).replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    done = subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-extensions",
            "--no-first-run", f"--user-data-dir={tmp_path / 'profile'}",
            f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
            f"--window-size={width},900", "--dump-dom", file.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )  # fmt: skip
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.S)
    assert title, done.stderr
    found = json.loads(title[1].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))
    assert found["boxes"] == 3 and found["inner"] >= 2
    assert 0.9 < found["filled"] <= 1.01
    assert found["wide"] <= 0  # nothing sticks out to the side
    assert found["lanes"] == 2
    assert found["path"] == "k \u203a code for haswell 500 B"
    assert found["said"].startswith("code for haswell: 500 B, 50.0 % of k")
    assert (found["second"], found["hidden"]) == ("k 10 B", True)
