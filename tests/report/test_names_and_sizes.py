"""Whose the bytes of an image are: names of symbols, and trees that add up for every format."""

from __future__ import annotations

import pytest
from image_samples import linked
from numba.core import itanium_mangler
from packageimage.inspect.facts import ImageFacts, Part, Section, Table
from packageimage.inspect.images import image_facts
from packageimage.model.platform import PLATFORMS
from packageimage.report.names import Name, name_of
from packageimage.report.sizes import Node, size_tree
from packageimage.report.symbols import Symbol, code_symbols

mangled = itanium_mangler.mangle


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        (mangled("pkg.mod.f", (), abi_tags=("v1",)), Name("pkg.mod", "f", None)),
        (f"{mangled('pkg.mod.f', ())}.t2", Name("pkg.mod", "f", 2)),
        (f"cfunc.{mangled('pkg.f', ())}.t0", Name("pkg", "f", 0)),
        (mangled("cpython.pkg.f", ()), Name("pkg", "f", None)),
        (mangled("pkg.make.<locals>.inner", ()), Name("pkg", "make.<locals>.inner", None)),
        (mangled("pkg.a_1d", ()), Name("pkg", "a_1d", None)),
        ("NRT_Free", Name("", "NRT_Free", None)),
        ("_ZN", Name("", "_ZN", None)),
        ("_ZN99999x", Name("", "x", None)),
        ("", Name("", "", None)),
    ],
)
def test_names(symbol, name):
    assert name_of(symbol) == name


def leaves(node: Node) -> list[Node]:
    return [leaf for child in node.children for leaf in leaves(child)] or [node]


def adds_up(node: Node) -> bool:
    return not node.children or (
        sum(child.size for child in node.children) == node.size
        and all(map(adds_up, node.children))
        and [child.size for child in node.children]
        == sorted((child.size for child in node.children), reverse=True)
    )


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_sizes_of_an_image_of_each_format_are_the_files(platform):
    data = linked(platform)
    facts = image_facts(data)
    tree = size_tree("k", facts, code_symbols(data, facts), ["generic"], {"twice": "k.twice(int)"})
    assert tree.size == len(data) and adds_up(tree)
    assert all(leaf.size > 0 for leaf in leaves(tree))
    found = {leaf.name: leaf for leaf in leaves(tree)}
    assert found["LLVM bitcode"].size == len(b"bitcode!")
    assert found["method table"].size == len(b"methods")
    code = [node for node in tree.children if node.name.startswith("code for")]
    if code_symbols(data, facts):
        assert [node.name for node in code] == ["code for generic"]
        assert "k.twice(int)" in found


def test_every_platforms_symbols_are_read_but_of_pe_images_that_have_none():
    with_symbols = [p for p in PLATFORMS if code_symbols(linked(p), image_facts(linked(p)))]
    assert set(PLATFORMS) - set(with_symbols) <= {"windows-x86_64", "windows-arm64"}


def facts(sections: list[Section], parts: list[Part], size: int) -> ImageFacts:
    table = Table(b"PKGIMAGE", 1, 1, 1, 0, tuple(parts))
    return ImageFacts(
        "elf", "x86_64", True, (), (), (), (), (), (), tuple(sections), False, False, table,
        b"", "", size,
    )  # fmt: skip


def test_where_each_byte_goes():
    sections = [
        Section(".rodata", 100, 300),
        Section(".text", 1000, 200),
        Section(".bss", 2000, 999),
        Section(".symtab", 0, 50),
        Section(".debug_info", 0, 7),
    ]
    parts = [
        Part("bitcode", 100, 120, True, False),
        Part("slots", 2000, 16, True, True),
        Part("new part", 220, 30, True, False),
        Part("methods", 0, 0, False, False),
    ]
    symbols = [
        Symbol("NRT_Free", 1000, 10),
        Symbol("_ZN3pkg1fE.t0", 1010, 40),
        Symbol("_ZN3pkg6helperE", 1050, 20),
        Symbol("cfunc._ZN3pkg1fE.t0", 1070, 5),
        Symbol("_ZN3pkg1fE.t1", 1080, 60),
        Symbol("_ZN3pkg6helperE.x", 1140, 30),
    ]
    owners = {"_ZN3pkg1fE": "pkg.f(int64)", "cfunc._ZN3pkg1fE": "pkg.f(int64)"}
    tree = size_tree("k", facts(sections, parts, 600), symbols, ["generic", "haswell"], owners)
    assert adds_up(tree) and tree.size == 600
    by_name = {node.name: node for node in tree.children}
    assert {name: node.size for name, node in by_name.items()} == {
        "data": 150, "constants": 150, "code for haswell": 90, "code for generic": 65,
        "calls out of the image": 10, "symbols": 50, "code between functions": 35,
        "debug information": 7, "headers and padding": 43,
    }  # fmt: skip
    (module,) = by_name["code for generic"].children
    assert [(node.name, node.size) for node in module.children] == [("f(int64)", 45),
                                                                   ("helper", 20)]  # fmt: skip
    assert [node.name for node in by_name["data"].children] == ["LLVM bitcode", "new part"]


def test_without_symbols_code_is_one_piece():
    tree = size_tree("k", facts([Section(".text", 10, 20)], [], 40), [], ["generic"], {})
    assert [(node.name, node.size) for node in tree.children] == [
        ("code", 20), ("headers and padding", 20),
    ]  # fmt: skip


@pytest.mark.parametrize("cut", [0x3C, 0x80, 200, 400])
def test_a_cut_pe_file_has_no_symbols(cut):
    data = linked("windows-x86_64")
    assert code_symbols(data[:cut], image_facts(data)) == []


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({}, []),
        (
            {"k.TABLE": 60, "k.OTHER": 25, "k.in.OTHER": 5, "k.NONE": 0},
            ["k 85", "TABLE 60", "OTHER 25", "all else 10", "k.in 5", "OTHER 5"],
        ),
        ({"k.TABLE": 100}, ["k 100", "TABLE 100"]),
        ({"k.TABLE": 101}, []),  # of another build
    ],
)
def test_data_by_global(values, shown):
    of = facts([Section(".rodata", 100, 100)], [Part("data", 100, 100, True, False)], 100)
    (data,) = size_tree("k", of, [], [], {}, values).children
    (part,) = data.children
    assert part.name == "package data"
    nodes = [each for module in part.children for each in (module, *module.children)]
    assert [f"{node.name} {node.size}" for node in nodes] == shown
