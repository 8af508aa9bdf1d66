"""Finding the present file and line of a place, wherever a module comes from."""

import importlib
import py_compile
import sys
import zipfile

import pytest
from packageimage.load import location
from packageimage.model.code_place import find

SOURCE = "import os\n\n\ndef f(x):\n    y = x\n    return y\n"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A folder on sys.path; what is imported from it is forgotten afterwards."""
    known = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(location, "_codes", {})
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


def place():
    return find(compile(SOURCE, "x", "exec"), 6)


def write(root, *parts):
    folder = root.joinpath(*parts[:-1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / parts[-1]).write_text(SOURCE)
    return str(folder / parts[-1])


def test_imported_module(root):
    file = write(root, "placed.py")
    importlib.import_module("placed")
    assert location.where("f", "placed", *place()) == ("f", file, 6)
    text = location.text_at(("a on ", " (", ")!"), "placed", *place())
    assert text == f"a on {file} (6)!"


def test_module_that_nobody_imported_runs_no_code(root):
    (root / "outer").mkdir()
    (root / "outer" / "__init__.py").write_text("raise SystemExit(1)\n")
    file = write(root, "outer", "inner.py")
    assert location.where("f", "outer.inner", *place()) == ("f", file, 6)
    assert "outer" not in sys.modules


def test_package(root):
    file = write(root, "pack", "__init__.py")
    importlib.import_module("pack")
    assert location.where("f", "pack", *place()) == ("f", file, 6)
    assert location.folders_of("pack") == [str(root / "pack")]


def test_zip(root, monkeypatch):
    archive = root / "zipped.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("inzip/__init__.py", "")
        file.writestr("inzip/part.py", SOURCE)
    monkeypatch.syspath_prepend(archive)
    module = importlib.import_module("inzip.part")
    expected = ("f", module.f.__code__.co_filename, 6)
    assert location.where("f", "inzip.part", *place()) == expected
    assert str(archive) in expected[1]


def test_bytecode_only(root):
    file = write(root, "nosource.py")
    py_compile.compile(file, cfile=str(root / "nosource.pyc"))
    (root / "nosource.py").unlink()
    module = importlib.import_module("nosource")
    assert location.where("f", "nosource", *place()) == ("f", module.f.__code__.co_filename, 6)


def test_line_follows_the_source(root):
    file = write(root, "moved.py")
    (root / "moved.py").write_text("# a\n# b\n" + SOURCE.replace("    y =", "    # c\n    y ="))
    assert location.where("f", "moved", *place()) == ("f", file, 9)


def test_fixed_package_keeps_its_line():
    function, file, line = location.where("f", "numba.typed.listobject", None, 0, 605)
    assert (function, line) == ("f", 605)
    assert file.endswith("numba/typed/listobject.py")


@pytest.mark.parametrize("name", ["gone", "gone.away"])
def test_what_is_gone_still_has_a_name(name):
    file = name.replace(".", "/") + ".py"
    assert location.where("f", name, "f", 2, 0) == ("f", file, location.UNKNOWN_LINE)


def test_loader_that_fails_is_no_second_exception(root):
    write(root, "broken.py")
    module = importlib.import_module("broken")

    class Loader:
        def get_code(self, name):
            raise RuntimeError(name)

    module.__spec__.loader = Loader()
    function, file, line = location.where("f", "broken", *place())
    assert (function, file, line) == ("f", module.__file__, location.UNKNOWN_LINE)


def test_code_of_a_function(root):
    write(root, "coded.py")
    module = importlib.import_module("coded")
    assert location.function_code("coded", "f") == module.f.__code__
    with pytest.raises(LookupError, match="expected g in the source of module coded"):
        location.function_code("coded", "g")
