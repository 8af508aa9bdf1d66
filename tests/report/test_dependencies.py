"""Which images an image needs."""

from __future__ import annotations

from packageimage.model.base_image import BaseImage
from packageimage.model.flags import CacheFlags
from packageimage.model.header import Header, Include, Require, Sidecar
from packageimage.report.dependencies import Package, graph_of

BASE = BaseImage("cpython-311", "0.68.1", "0.50.0", "", "2.4.6")


def image(name, requires=(), roots=()):
    header = Header(
        package=name, build_id="1", capture=f"of {name}", base=BASE, platform="linux-x86_64",
        flags=CacheFlags(), targets=(), partitions=(), slots=(), methods=3,
        requires=tuple(Require(each, f"of {each}") for each in requires),
    )  # fmt: skip
    includes = tuple(Include(root, "x.py", 1, "0") for root in (name, *requires, *roots))
    return Sidecar(header, b"", 1, "0", includes)


def graph(root, *others):
    known = {each.header.package: each for each in others}

    def find(package, capture):
        assert capture == f"of {package}"
        return known.get(package)

    return graph_of([root], find)


def test_alone():
    assert graph(image("a")).packages == (Package("a", "image", 0, "3 methods"),)


def test_images_sources_and_what_is_missing():
    found = graph(image("a", ["b", "c"], ["s"]), image("b", ["d"]), image("d"))
    assert [(each.name, each.kind, each.layer) for each in found.packages] == [
        ("a", "image", 0), ("b", "image", 1), ("c", "missing", 1), ("s", "source", 1),
        ("d", "image", 2),
    ]  # fmt: skip
    assert found.needs == (("a", "b"), ("a", "c"), ("a", "s"), ("b", "d"))


def test_a_package_lies_below_all_that_need_it():
    found = graph(image("a", ["b", "c"]), image("b", ["c"]), image("c"))
    assert [(each.name, each.layer) for each in found.packages] == [("a", 0), ("b", 1), ("c", 2)]


def test_a_circle_ends():
    found = graph(image("a", ["b"]), image("b", ["a"]), image("a", ["b"]))
    assert {each.name for each in found.packages} == {"a", "b"}


def test_two_images_of_one_package():
    found = graph_of([image("a"), image("a")], lambda package, capture: None)
    assert len(found.packages) == 1
