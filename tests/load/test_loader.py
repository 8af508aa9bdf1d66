"""Modules of packages with images run with room for their frames."""

import contextlib
import gc
import importlib
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import threading
import traceback
import types
import weakref
from types import FrameType

import pytest
from packageimage.load import garbage_collection_paused, loader

SOURCE = """
import sys
frame, rooms, files = sys._getframe(), 0, []
while frame is not None:
    files.append(frame.f_code.co_filename)
    rooms += frame.f_code.co_name == "_call_with_room"
    frame = frame.f_back
"""


class Session:
    """One that knows packages and restores none of their modules."""

    def restored_package(self, name):
        return None

    def find_spec(self, name, path=None, target=None):
        return loader.spec_of(name, path, self) if name.startswith("roomy") else None


@pytest.fixture
def packages(tmp_path, monkeypatch):
    (tmp_path / "roomy").mkdir()
    (tmp_path / "roomy" / "__init__.py").write_text("from . import inner\n" + SOURCE)
    (tmp_path / "roomy" / "inner.py").write_text(SOURCE)
    (tmp_path / "roomy_broken.py").write_text("import roomy\nraise LookupError('its own')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [Session(), *sys.meta_path])
    yield
    for name in [name for name in sys.modules if name.startswith("roomy")]:
        del sys.modules[name]


def test_there_is_one_room_for_all_that_is_imported(packages):
    module = importlib.import_module("roomy")
    assert (module.rooms, module.inner.rooms) == (1, 1)
    assert loader._with_room == set()


def test_an_exception_leaves_the_room(packages):
    with pytest.raises(LookupError, match="its own") as raised:
        importlib.import_module("roomy_broken")
    names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(raised.tb)]
    assert "_call_with_room" not in names  # whose frame has 130 kB
    assert names[-1] == "<module>"
    assert loader._with_room == set()
    assert importlib.import_module("roomy").rooms == 1  # of the import that failed


def test_an_exception_goes_with_the_last_reference(packages):
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(LookupError):
            importlib.import_module("roomy_broken")
        names = {frame.f_code.co_name for frame in gc.get_objects() if type(frame) is FrameType}
    finally:
        gc.enable()
    assert not names & {"_call_with_room", "exec_module"}


def test_each_thread_has_its_own(packages):
    found = []
    thread = threading.Thread(target=lambda: found.append(importlib.import_module("roomy").rooms))
    loader._with_room.add(threading.get_ident())
    try:
        thread.start()
        thread.join()
    finally:
        loader._with_room.clear()
    assert found == [1]


def test_a_chain_of_imports_is_no_deeper_for_it(packages):
    """One frame of ours for each module, and two for the first."""
    module = importlib.import_module("roomy")
    ours = [module.files.count(loader.__file__), module.inner.files.count(loader.__file__)]
    assert ours == [3, 4]


def test_a_thread_in_the_midst_of_importing_what_restores(packages, monkeypatch):
    partial = types.ModuleType("packageimage.load.objects")
    monkeypatch.setitem(sys.modules, "packageimage.load.objects", partial)
    assert importlib.import_module("roomy").rooms == 1


class Restores(Session):
    """One that could restore all modules of a package."""

    def find_spec(self, name, path=None, target=None):
        return loader.spec_of(name, path, self) if name.startswith("plainly.") else None


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A package whose modules are looked for as importlib does and as `loader` does."""
    folder = tmp_path / "plainly"
    folder.mkdir()
    for name in ("__init__", "one", "two", "three"):
        (folder / f"{name}.py").write_text("")
    (folder / "inner").mkdir()
    (folder / "inner" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("plainly")
    importlib.import_module("plainly.three")  # by which Python knows the folder
    yield folder
    for name in [name for name in sys.modules if name.startswith("plainly")]:
        del sys.modules[name]


def looked_up(monkeypatch, name):
    """(spec of `loader`, importlib's spec, whether its finders were asked for the first)."""
    path = sys.modules["plainly"].__path__
    asked = []
    found_by_others = loader.found_by_others

    def note(*arguments):
        asked.append(arguments)
        return found_by_others(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(loader, "found_by_others", note)
        session = Restores()
        patched.setattr(sys, "meta_path", [session, *sys.meta_path])
        found = session.find_spec(f"plainly.{name}", path)
    return found, importlib.machinery.PathFinder.find_spec(f"plainly.{name}", path), bool(asked)


SHOWN = ("name", "origin", "cached", "has_location", "parent", "submodule_search_locations")


def test_a_module_beside_others_is_found_as_importlib_finds_it(folder, monkeypatch):
    found, expected, asked = looked_up(monkeypatch, "one")
    assert [getattr(found, name) for name in SHOWN] == [getattr(expected, name) for name in SHOWN]
    assert found.loader.path == expected.loader.path
    assert not asked


@pytest.mark.parametrize("name", ["one", "inner"])
def test_a_new_module_has_what_importlib_gives_it(folder, monkeypatch, name):
    found, expected, _ = looked_up(monkeypatch, name)
    both = []
    for spec in (found, expected):
        module = importlib.util.module_from_spec(spec)
        assert module.__spec__ is spec and module.__loader__ is spec.loader
        spec.loader.exec_module(module)
        both.append({**vars(module), "__spec__": 0, "__loader__": 0})
    assert list(both[0].items()) == list(both[1].items())  # in that order


@pytest.mark.parametrize("name", ["inner", "missing"])
def test_what_is_no_file_beside_others_is_looked_for(folder, monkeypatch, name):
    found, expected, asked = looked_up(monkeypatch, name)
    assert asked
    assert (found and found.origin) == (expected and expected.origin)


@pytest.mark.parametrize("other", ["two", f"two{importlib.machinery.EXTENSION_SUFFIXES[0]}"])
def test_what_comes_before_a_source_is_found_when_it_comes(folder, monkeypatch, other):
    assert not looked_up(monkeypatch, "two")[2]
    path = folder / other
    if other == "two":
        path.mkdir()
        (path / "__init__.py").write_text("")
    else:
        path.write_bytes(b"")
    importlib.invalidate_caches()
    found, expected, asked = looked_up(monkeypatch, "two")
    assert asked
    assert found.origin == expected.origin != str(folder / "two.py")


def test_a_finder_that_knows_the_module_is_asked(folder, monkeypatch):
    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            loader = importlib.machinery.SourceFileLoader(name, str(folder / "three.py"))
            return importlib.util.spec_from_loader(name, loader)

    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    found, _, asked = looked_up(monkeypatch, "one")
    assert asked
    assert found.loader.path == str(folder / "three.py")


def test_a_program_whose_sources_are_loaded_otherwise(folder, monkeypatch):
    class Instrumented(importlib.machinery.SourceFileLoader):
        pass

    hook = importlib.machinery.FileFinder.path_hook((Instrumented, [".py"]))
    monkeypatch.setattr(sys, "path_hooks", [hook, *sys.path_hooks])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    importlib.import_module("plainly.three")
    for _ in range(2):  # the first one makes Python's finder
        _, expected, asked = looked_up(monkeypatch, "one")
        assert asked and type(expected.loader) is Instrumented


def test_a_finder_of_an_older_kind_is_passed_over(folder, monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [object(), *sys.meta_path])
    found, expected, _ = looked_up(monkeypatch, "one")
    assert found.loader.path == expected.loader.path


class Kept:
    """What the garbage collector looks at."""


@pytest.fixture
def collector():
    """The garbage collector as a process begins with it: on, nothing young, nothing frozen."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.enable()
    gc.set_threshold(500, 10, 10)
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    gc.enable()


def is_old(made):
    return any(found is made[0] for found in gc.get_objects(generation=2))


def load(count):
    with garbage_collection_paused():
        return [Kept() for _ in range(count)]


@pytest.mark.parametrize(("count", "old"), [(2000, True), (20, False)])
def test_what_was_loaded_is_old_where_a_collection_would_be_due(collector, count, old):
    collections = [stage["collections"] for stage in gc.get_stats()]
    made = load(count)
    assert (gc.isenabled(), gc.get_threshold()) == (True, (500, 10, 10))
    assert [stage["collections"] for stage in gc.get_stats()] == collections
    assert is_old(made) is old
    assert not gc.get_freeze_count()


def test_garbage_of_loading_is_collected_one_day(collector):
    made = load(2000)
    made[0].self = made[0]
    gone = []
    weakref.finalize(made[0], gone.append, True)
    del made
    gc.collect()
    assert gone == [True]


def test_what_a_program_froze_stays_frozen(collector):
    gc.freeze()
    frozen = gc.get_freeze_count()
    made = load(2000)
    assert not is_old(made)
    assert frozen - 100 < gc.get_freeze_count() <= frozen  # what was thrown away is gone


def test_a_collector_that_never_collects_by_itself_is_left_alone(collector):
    gc.set_threshold(0)
    assert not is_old(load(2000))
    gc.disable()
    gc.set_threshold(500)
    made = load(2000)
    assert not gc.isenabled()
    assert not is_old(made)


def test_what_is_imported_may_decide_on_the_collector(collector):
    with garbage_collection_paused(), garbage_collection_paused():
        gc.disable()
    assert not gc.isenabled()
    gc.enable()
    with garbage_collection_paused():
        gc.set_threshold(9000, 5, 5)
        with garbage_collection_paused():
            pass
    assert gc.get_threshold() == (9000, 5, 5)


def test_pauses_of_two_threads_overlap(collector):
    entered, leave = threading.Event(), threading.Event()

    def other():
        with garbage_collection_paused():
            entered.set()
            leave.wait(60)

    with garbage_collection_paused():
        thread = threading.Thread(target=other)
        thread.start()
        entered.wait(60)
    during = gc.get_threshold()
    leave.set()
    thread.join()
    assert during == (0, 10, 10)
    assert gc.get_threshold() == (500, 10, 10)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_was_forked_meanwhile_collects():
    program = """
import gc, os, threading
from packageimage.load import garbage_collection_paused
with garbage_collection_paused():
    child = os.fork()
    if not child:
        with garbage_collection_paused():
            pass
collects = gc.get_threshold()[0] > 0
if not child:
    os._exit(0 if collects else 7)
print(os.waitpid(child, 0)[1], collects)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("0 True\n", "")
