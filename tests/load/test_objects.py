"""Restored packages behave as imported ones: the same checks run in processes of both kinds."""

import ast
import json
import os
import subprocess
import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_build import PACKAGES, TESTS
from packageimage.capture.data import SPECIAL, serialise
from packageimage.load import objects

PROCESS = PACKAGES / "data_process.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(TESTS.parent / "site_scons"), "PYTHONHASHSEED": "0"}


def checks_of(package):
    tree = ast.parse((PACKAGES / f"{package}_checks.py").read_text())
    return [node.name for node in tree.body if getattr(node, "name", "").startswith("check_")]


def process(*arguments):
    return subprocess.run(
        [sys.executable, PROCESS, *arguments],
        check=True,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What the checks of a package said, by package and kind of process."""
    found = {}

    def of(package, kind):
        if (package, kind) not in found:
            data = tmp_path_factory.getbasetemp() / f"{package}.data"
            if kind == "restored":
                process("build", PACKAGES, data, package)
            given = data if kind == "restored" else "plain"
            found[package, kind] = json.loads(
                process("check", PACKAGES, given, f"{package}_checks")
            )
        return found[package, kind]

    return of


CASES = [
    (package, check) for package in ("data_values", "data_user") for check in checks_of(package)
]


@pytest.mark.parametrize("kind", ["plain", "restored"])
@pytest.mark.parametrize(("package", "check"), CASES)
def test_package_is_as_imported(results, package, check, kind):
    failure = results(package, kind)["results"][check]
    assert failure is None, failure


def test_all_modules_of_the_package_were_restored(results):
    modules = {f"data_values.{path.stem}" for path in (PACKAGES / "data_values").glob("[a-z]*.py")}
    assert set(results("data_values", "restored")["restored"]) == {"data_values", *modules}


def test_imports_next_to_nothing():
    program = (
        "import sys\nbefore = set(sys.modules)\nimport packageimage.load.objects\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    run = subprocess.run(
        [sys.executable, "-S", "-c", program],
        check=True, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    imported = set(run.stdout.split())
    assert not imported & {"pickle", "dataclasses", "inspect", "numpy", "importlib.metadata"}


def round_trip(monkeypatch, special=lambda obj: None, made=None, **values):
    """What a module's globals are once they were serialised and restored in this process."""
    module = types.ModuleType("data_round_trip")
    vars(module).update(values)
    monkeypatch.setitem(sys.modules, "data_round_trip", module)
    data = serialise([module], special)
    assert data.refused == ()
    namespace = {"__name__": "data_round_trip"}
    buffers = [memoryview(bytearray(buffer.data)) for buffer in data.buffers]
    own = [buffers[index] for index in data.modules[0].buffers]
    objects.rebuild(
        namespace, "data_round_trip", data.modules[0].pickle, own, made, lambda name: []
    )
    return namespace


ATOMS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers()
    | st.text(st.characters()) | st.binary()
)  # fmt: skip
KEYS = (
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.tuples(st.integers())
)
VALUES = st.recursive(
    ATOMS | st.sets(KEYS) | st.frozensets(KEYS),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(KEYS, inner),
    max_leaves=30,
)


@given(VALUES)
def test_any_value_survives(value):
    with pytest.MonkeyPatch.context() as monkeypatch:
        restored = round_trip(monkeypatch, value=value, again=value)
    assert repr(sorted_sets(restored["value"])) == repr(sorted_sets(value))
    if type(value) in (list, dict, set):
        assert restored["value"] is restored["again"]


def sorted_sets(value):
    if type(value) in (set, frozenset):
        return type(value).__name__, sorted(map(repr, value))
    if type(value) in (list, tuple):
        return type(value)(map(sorted_sets, value))
    if type(value) is dict:
        return [(repr(key), sorted_sets(inner)) for key, inner in value.items()]
    return value


@pytest.mark.slow
@given(st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=10, max_size=10))
def test_any_graph_of_lists_survives(edges):
    nodes = [[index] for index in range(10)]
    for node, targets in zip(nodes, edges, strict=True):
        node.extend(nodes[target] for target in targets)
    with pytest.MonkeyPatch.context() as monkeypatch:
        found = round_trip(monkeypatch, nodes=nodes)["nodes"]
    for node, targets in zip(found, edges, strict=True):
        assert len(node) == len(targets) + 1
        assert all(inner is found[target] for inner, target in zip(node[1:], targets, strict=True))


def test_special_objects_are_made_by_the_callers_function(monkeypatch):
    class Odd:
        pass

    odd = Odd()
    restored = round_trip(
        monkeypatch,
        lambda obj: (SPECIAL, ("odd", [odd])) if obj is odd else (SPECIAL, ("part",)) if obj is Odd
        else None,
        lambda *args: ["made", *args],
        one=(odd,),
        other=odd,
    )  # fmt: skip
    assert restored["one"][0] is restored["other"]
    assert restored["other"][:2] == ["made", "odd"]


def test_namespace_of_a_module_that_is_imported_later(monkeypatch):
    namespace = objects.namespace_of("data_not_there_yet")
    module = objects.early_module("data_not_there_yet")
    assert vars(module) is namespace and namespace["__builtins__"]["len"] is len
    assert objects.early_module("data_not_there_yet") is None


def test_other_threads_subclasses_are_heard_of_while_a_class_is_made():
    import threading

    heard = []

    class Base:
        def __init_subclass__(cls):
            heard.append(cls.__name__)

    hook = vars(Base)["__init_subclass__"]
    with objects._Unheard([Base]):
        type("Ours", (Base,), {})
        thread = threading.Thread(target=type, args=("Theirs", (Base,), {}))
        thread.start()
        thread.join()
    assert heard == ["Theirs"]
    assert vars(Base)["__init_subclass__"] is hook


@given(st.data())
def test_hostile_bytes_raise_and_do_not_hang(data):
    """Damage is found by the image's checksum; here nothing may crash the interpreter."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        module = types.ModuleType("data_round_trip")
        module.value = {"a": [1, (2, "b")]}
        monkeypatch.setitem(sys.modules, "data_round_trip", module)
        (one,) = serialise([module], lambda obj: None).modules
        cut = data.draw(st.integers(0, len(one.pickle) - 1))
        with pytest.raises(Exception):  # noqa: B017
            objects.rebuild({}, "data_round_trip", one.pickle[:cut], [], None, lambda name: [])
