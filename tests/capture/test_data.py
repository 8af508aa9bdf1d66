"""What of a package is serialised, what is refused, and that it is the same bytes each time."""

import os
import pickle
import pickletools
import shutil
import subprocess
import sys
import types
from importlib.machinery import ModuleSpec

import pytest
from image_build import PACKAGES, TESTS
from packageimage.capture.data import SPECIAL, CannotRestore, Note, serialise, summarise
from packageimage.capture.data_imports import imports_of

PROCESS = PACKAGES / "data_process.py"
REFUSED = sorted(path.stem for path in (PACKAGES / "data_refused").glob("[a-z]*.py"))
RESTORED = {"driver", "fine", "late"}


def serialise_in_process(out, *packages, folder=PACKAGES, **settings):
    subprocess.run(
        [sys.executable, folder / PROCESS.name, "build", folder, out, *packages],
        check=True,
        cwd=out.parent,
        env={
            **os.environ,
            "PYTHONPATH": str(TESTS.parent / "site_scons"),
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            **settings,
        },
    )
    return pickle.loads(out.read_bytes())


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    return serialise_in_process(tmp_path_factory.mktemp("data") / "refused", "data_refused")


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    return serialise_in_process(tmp_path_factory.mktemp("data") / "user", "data_user")


@pytest.mark.parametrize("name", [name for name in REFUSED if name not in RESTORED | {"registry"}])
def test_refusal_says_where_and_why(refused, name):
    source = (PACKAGES / "data_refused" / f"{name}.py").read_text()
    scope = {}
    exec(source[source.index("expected = ") :], scope)
    path, reason = scope["expected"]
    found = {module: (path, reason) for module, path, reason in refused["refused"]}
    module = f"data_refused.{name}"
    where, why = found[module]
    assert where == (f"{module}.{path}" if path else module)
    assert reason in why


def test_refuses_what_holds_objects_of_a_module_it_does_not_import(refused):
    found = {module: (path, reason) for module, path, reason in refused["refused"]}
    assert found["data_refused.registry"] == (
        'data_refused.registry.HANDLERS["handle"].__globals__',
        "it needs the module data_refused.late, which data_refused.registry does not import",
    )


def test_refuses_one_module_and_not_its_neighbours(refused):
    restored = {name.rpartition(".")[2] for name in refused["modules"]}
    assert restored == {*RESTORED, "data_refused"}
    named = names_in(refused["modules"]["data_refused.fine"]["pickle"])
    assert {("data_refused.laden", "NAMED"), ("data_refused.laden", "function")} <= named


def test_what_says_that_it_is_of_another_module_is_still_its_own(refused):
    named = names_in(refused["modules"]["data_refused.fine"]["pickle"])
    assert not {name for _, name in named} & {"Moved", "moved"}


def test_refuses_a_package_that_a_source_takes_from_while_it_is_imported(refused):
    assert (
        "data_refused.circle",
        "data_refused.circle",
        "data_refused.circle.taker, which is not restored, may use its names while it is imported",
    ) in refused["refused"]


def names_in(data):
    """The globals that a pickle names."""
    texts, memo, found = [], [], set()
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == "STACK_GLOBAL":
            found.add(tuple(texts[-2:]))
        elif opcode.name in ("SHORT_BINUNICODE", "BINUNICODE"):
            texts.append(argument)
        if opcode.name == "MEMOIZE":
            memo.append(texts[-1] if texts else None)
        elif opcode.name in ("BINGET", "LONG_BINGET"):
            texts.append(memo[argument])
    return found


def test_lazy_packages_are_not_needed_for_direct_globals(user):
    module = user["modules"]["data_user"]
    assert module["lazy"] == (
        ("Kind", "data_lazy", "Kind"),
        ("data_lazy", "data_lazy", ""),
        ("helper", "data_lazy.inner", "helper"),
        ("inner", "data_lazy.inner", ""),
        ("int64", "data_lazy", "int64"),
        ("jit", "data_lazy", "jit"),
    )
    assert module["imports"] == ()
    assert module["absent"] == ("data_no_such_thing",)
    assert user["notes"] == [
        ("data_user", "data_user.own.__class__", "loading it imports data_lazy"),
        ("data_user", "data_user.function.__defaults__[0]", "loading it imports data_lazy"),
        ("data_user", 'data_user.table["helper"]', "loading it imports data_lazy.inner"),
    ]


def test_what_is_worth_saying_is_said_once_for_a_module():
    notes = [
        Note("one", "one.a", "loading it imports x"),
        Note("one", "one.b", "loading it imports y"),
        Note("one", "one.c", "loading it imports x"),
        Note("two", "two.a", "loading it imports x"),
        Note("one", "one.a", "loading it imports x"),
        Note("one", "one.d", "loading it imports x"),
    ]
    assert summarise(notes) == [
        "one: loading it imports x (one.a and 2 more)",
        "one: loading it imports y (one.b)",
        "two: loading it imports x (two.a)",
    ]
    assert summarise([]) == []


def test_same_bytes_in_another_folder_and_process(tmp_path):
    found = []
    for folder in ("a", "a much longer folder ü"):
        copied = tmp_path / folder / "packages"
        shutil.copytree(PACKAGES, copied, ignore=shutil.ignore_patterns("__pycache__"))
        for times in range(2):
            # The second process reads what the first one compiled.
            out = tmp_path / folder / f"out{times}"
            found.append(
                serialise_in_process(out, "data_values", folder=copied, PYTHONDONTWRITEBYTECODE="")
            )
    first = found[0]
    assert not first["refused"]
    for other in found[1:]:
        for name, module in first["modules"].items():
            assert other["modules"][name] == module, name
        assert other == first
    for module in first["modules"].values():
        assert str(tmp_path).encode() not in module["pickle"]


def test_sets_do_not_depend_on_the_hash_seed(tmp_path):
    one, other = (
        serialise_in_process(tmp_path / f"out{seed}", "data_values", PYTHONHASHSEED=str(seed))
        for seed in (1, 2)
    )
    name = "data_values.standard"
    assert one["modules"][name]["pickle"] == other["modules"][name]["pickle"]


@pytest.fixture
def make_module(tmp_path, monkeypatch):
    """Makes a module from source, as if it had been imported."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name, source):
        (tmp_path / f"{name}.py").write_text(source)
        module = __import__(name)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return make


def test_special_objects_are_the_callers(make_module):
    module = make_module("data_made_special", "class Odd: pass\nodd = [Odd()]\nrest = odd[0]\n")
    asked = []

    def special(obj):
        asked.append(obj)
        return (SPECIAL, ("odd", 1)) if type(obj) is module.Odd else None

    data = serialise([module], special)
    assert data.refused == () and len(data.modules) == 1
    assert sum(one is module.rest for one in asked) == 1

    def refuse(obj):
        if type(obj) is module.Odd:
            raise CannotRestore("odd")

    (refusal,) = serialise([module], refuse).refused
    assert (refusal.path, refusal.reason) == ("data_made_special.odd[0]", "odd")


def test_big_arrays_are_not_copied(make_module):
    numpy = pytest.importorskip("numpy")
    module = make_module(
        "data_made_big",
        "import numpy as np\nbig = np.zeros(1 << 20)\nview = big[5:]\nsame = big\n"
        "read = np.arange(3)\nread.flags.writeable = False\n",
    )
    data = serialise([module], lambda obj: None)
    big, read = data.buffers
    assert numpy.shares_memory(numpy.frombuffer(big.data, "u1"), module.big)
    assert (big.readonly, read.readonly) == (False, True)
    assert big.data.nbytes == module.big.nbytes
    assert data.modules[0].buffers == (0, 1)
    assert len(data.modules[0].pickle) < 1000


def test_sizes_are_those_of_globals(make_module):
    first = make_module(
        "data_made_first",
        "import numpy as np\nword = 'w' * 300\narray = np.arange(1000.0)\nview = array[10:]\n"
        "number = 1\ndef function():\n    return 'some text'\n",
    )
    second = make_module(
        "data_made_second", "from data_made_first import array\nown = bytes(2000)\n"
    )
    found = serialise([first, second], lambda obj: None)
    sizes = {module.name: dict(module.sizes) for module in found.modules}
    assert list(sizes["data_made_first"]) == [
        "(Python code)", "__doc__", "np", "word", "array", "view", "number", "function",
    ]  # fmt: skip
    assert 300 < sizes["data_made_first"]["word"] < 320
    assert 8000 < sizes["data_made_first"]["array"] < 8500
    assert sizes["data_made_first"]["view"] < 200
    assert sizes["data_made_first"]["number"] == 2
    assert sizes["data_made_second"]["array"] < 100
    assert 2000 < sizes["data_made_second"]["own"] < 2020
    for module in found.modules:
        own = [found.buffers[index].data.nbytes for index in module.buffers]
        assert sum(dict(module.sizes).values()) <= len(module.pickle) + sum(own)


def test_a_small_view_does_not_keep_a_huge_array(make_module):
    module = make_module(
        "data_made_view",
        "import numpy as np\nbase = np.arange(100_000)\npart = base[7:9]\ndel base\n",
    )
    (buffer,) = serialise([module], lambda obj: None).buffers
    assert bytes(buffer.data) == module.part.tobytes()


IMPORTS = """
import json.decoder, os as system
from xml import dom, nothing_there
from . import sibling
from .sibling import value
from . import value as made
try:
    import data_made_absent_module.inner
except ImportError:
    pass
if True:
    with open(__file__):
        from email.mime import text
if TYPE_CHECKING:
    import wave
class Class:
    import string
    def method(self):
        import wave
def function():
    import this
lambda: None
import data_made_loaded_later
"""


def test_imports_are_those_of_the_running_source(tmp_path, monkeypatch):
    path = tmp_path / "core.py"
    path.write_text(IMPORTS)
    module = types.ModuleType("pkg.core")
    module.__file__, module.__package__ = str(path), "pkg"
    names = ["json", "json.decoder", "os", "xml", "xml.dom", "pkg", "pkg.sibling", "email",
             "email.mime", "email.mime.text", "string"]  # fmt: skip
    loaded = {name: types.ModuleType(name) for name in [*names, "pkg.core", "this", "wave"]}
    for name, found in loaded.items():
        found.__spec__ = ModuleSpec(name, None)
    loaded["pkg.value"] = types.ModuleType("pkg.value")  # of no file, made by another module
    imports, absent = imports_of(module, loaded)
    assert imports == tuple(names)
    assert absent == ("data_made_absent_module", "data_made_loaded_later")


def test_imports_without_a_source_are_the_namespaces_modules():
    module = types.ModuleType("made")
    module.one = types.ModuleType("one")
    module.unknown = types.ModuleType("unknown")
    assert imports_of(module, {"one": module.one, "made": module}) == (("one",), ())
