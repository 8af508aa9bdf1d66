"""Modules of packages with images run with room for their frames."""

import contextlib
import gc
import importlib
import sys
import threading
import traceback
import types
from types import FrameType

import pytest
from packageimage.load import loader

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
