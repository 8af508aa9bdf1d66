"""What stands for a function's source: which edits change it."""

import importlib
import importlib.util
import sys
import textwrap

import pytest
from packageimage.capture.origins import Sources, is_fixed, outermost, package_digest

MODULE = """
import functools

LIMIT = 3

def plain(x):
    return x + LIMIT

def outer(kind):
    def inner(x):
        return x * WEIGHT
    return inner

class Thing:
    def method(self):
        return 1

wrapped = functools.wraps(plain)(lambda x: x)
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load a text as the module `m`; gives its `Sources` and the module."""

    def load(text, name="m"):
        path = tmp_path / f"{name}.py"
        path.write_text(textwrap.dedent(text))
        importlib.invalidate_caches()
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        spec.loader.exec_module(module)
        return Sources({name: module}, [name]), module

    return load


EDITS = {
    "a comment": ("def plain", "# new\ndef plain", set()),
    "blank lines": ("\nclass", "\n\n\nclass", set()),
    "a body": ("x + LIMIT", "x - LIMIT", {"plain"}),
    "a nested body": ("x * WEIGHT", "x / WEIGHT", {"outer", "outer.<locals>.inner"}),
    "a body around another": (
        "def outer(kind):\n", "def outer(kind):\n    kind += 1\n", {"outer"},
    ),
    "a method": ("return 1", "return 2", {"Thing.method"}),
    "a constant": ("LIMIT = 3", "LIMIT = 4", set()),
    "a call over two lines": ("x + LIMIT", "(x +\n            LIMIT)", {"plain"}),
    "a second one of that name": (
        "class Thing", "def plain(x):\n    return x\n\nclass Thing", {"plain"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_the_functions_it_is_in(load, name):
    old, new, changed = EDITS[name]
    names = ("plain", "outer", "outer.<locals>.inner", "Thing.method")
    sources, _ = load(MODULE)
    before = {name: sources.origin("m", name) for name in names}
    assert all(origin.digest for origin in before.values())
    sources, _ = load(MODULE.replace(old, new, 1))
    after = {name: sources.origin("m", name) for name in names}
    assert {name for name in names if before[name] != after[name]} == changed


def test_functions_are_found_by_their_code(load):
    sources, module = load(MODULE)
    assert sources.origin_of(module.outer(1)) == sources.origin("m", "outer.<locals>.inner")
    assert sources.origin_of(module.wrapped) == sources.origin("m", "<lambda>")
    namespace = {"__name__": "m"}
    exec("def made(x):\n    return x\n", namespace)
    # Nothing but the whole module can tell how exec() made it.
    made = sources.origin_of(namespace["made"])
    assert made.digest == sources.origin("m", "<module>").digest != ""
    exec("def made(x):\n    return x\n", namespace := {})
    assert sources.origin_of(namespace["made"]) is None


PART_EDITS = {
    "a comment": ("def plain", "# new\ndef plain", False),
    "a body that is compiled": ("x + LIMIT", "x - LIMIT", False),
    "a nested one": ("x * WEIGHT", "x / WEIGHT", False),
    "what runs as Python around it": ("return inner", "return [inner][0]", True),
    "a method": ("return 1", "return 2", True),
    "a constant": ("LIMIT = 3", "LIMIT = 4", True),
    "a default value": ("def plain(x)", "def plain(x=1)", True),
    "a decorator": ("def plain", "@functools.cache\ndef plain", True),
    "another function": ("class Thing", "def more(x):\n    return x\n\nclass Thing", True),
    "an import": ("import functools", "import functools, json", True),
}


@pytest.mark.parametrize("name", PART_EDITS)
def test_a_part_is_all_but_the_bodies_that_are_compiled(load, name):
    old, new, changes = PART_EDITS[name]
    compiled_in = ["plain", "outer.<locals>.inner"]
    before = load(MODULE)[0].part("m", compiled_in)
    after = load(MODULE.replace(old, new, 1))[0].part("m", compiled_in)
    assert (before != after) == changes
    assert before != ""


def test_modules_reach_what_they_import(tmp_path, monkeypatch):
    files = {
        "p/__init__.py": "from . import a\nimport p.b\n",
        "p/a.py": "import json\nfrom .c import ONE\n",
        "p/b.py": "def later():\n    from p import d\n",
        "p/c.py": "ONE = 1\n",
        "p/d.py": "import importlib\nimportlib.import_module('p.' + 'c')\n",
        "p/e.py": "from p.c import *\nfrom . import b as other\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    modules = {}
    for name in ("p", "p.a", "p.b", "p.c", "p.d", "p.e"):
        modules[name] = importlib.import_module(name)
        monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, name, modules[name])
    sources = Sources(modules, ["p"])
    assert sources.reached("p.a") == {"p.a", "p.c"}
    assert sources.reached("p.c") == {"p.c"}
    # d imports by a name that it computes: anything.
    assert sources.reached("p.b") == sources.reached("p.e") == set(modules)


def test_lines_count_where_code_holds_them(load):
    sources, module = load(MODULE)
    before = sources.origin_of(module.plain), sources.origin_of(module.plain, with_line=True)
    sources, module = load(MODULE.replace("def plain", "# new\ndef plain"))
    after = sources.origin_of(module.plain), sources.origin_of(module.plain, with_line=True)
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False]


def test_what_has_no_source_is_never_the_same():
    assert Sources({}, []).origin("gone", "f").digest == ""
    assert Sources(sys.modules, []).origin("__main__", "f").digest == ""
    assert Sources({}, ["gone"]).part("gone", []) == ""


def test_what_versions_fix_has_no_origin():
    import json

    import numba

    assert Sources(sys.modules, []).origin_of(json.dumps) is None
    assert Sources(sys.modules, []).origin_of(numba.jit) is None
    assert is_fixed("numpy.linalg") and is_fixed("packageimage.load") and not is_fixed("scipy")
    assert outermost("f.<locals>.g.<locals>.h") == "f"


@pytest.mark.parametrize(
    ("text", "extends"),
    [
        ("import numba\nf = numba.njit(lambda x: x)", False),
        ("from numba import njit, types, vectorize\nfrom numba.typed import List", False),
        ("from numba.core import types\nfrom numba.experimental import jitclass", False),
        ("from numba.extending import overload", True),
        ("from numba.extending import overload as o", True),
        ("from numba import extending", True),
        ("import numba\n@numba.extending.register_jitable\ndef f(x):\n    return x", True),
        ("from numba.core import cgutils", True),
        ("from llvmlite import ir", True),
        ("import json", False),
    ],
)
def test_modules_that_extend_the_compiler(load, text, extends):
    sources, _ = load(text)
    assert sorted(sources.extensions()) == ["m"] * extends


def test_a_package_is_told_by_its_code():
    before = package_digest([("a.py", b"x = 1\n"), ("b.py", b"y = 2\n")])
    assert package_digest([("b.py", b"# c\ny = 2\n"), ("a.py", b"x = 1\n")]) == before
    assert package_digest([("a.py", b"x = 2\n"), ("b.py", b"y = 2\n")]) != before
    assert package_digest([("a.py", b"x = 1\n"), ("c.py", b"y = 2\n")]) != before
    broken = package_digest([("a.py", b"{{ template }\n")])
    assert broken != package_digest([("a.py", b"{{ other }\n")])
