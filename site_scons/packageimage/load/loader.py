"""How modules that an image may restore are found, and where imports find packages."""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from collections.abc import Callable
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    BuiltinImporter,
    FileFinder,
    FrozenImporter,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
)
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from . import garbage_collection_paused

if TYPE_CHECKING:
    from .protocols import Restoring


class ImageLoader(SourceFileLoader):
    """A source file's loader that takes what the module holds from an image.

    All else is the source file's: `inspect.getsource`, resources, the code for `python -m`. Raises
    of a module what its `__pkgimage_init__` raises.
    """

    def __init__(self, name: str, path: str, session: Restoring) -> None:
        super().__init__(name, path)
        self._session = session

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """importlib's protocol. A function may have been restored before its module is imported."""
        if spec.name != self.name:
            return None
        objects = sys.modules.get(f"{__package__}.objects")  # which would have restored it
        # Another thread may be in the midst of importing it, and has restored nothing yet.
        early_module = getattr(objects, "early_module", None)
        module: ModuleType | None = None if early_module is None else early_module(spec.name)
        if spec.submodule_search_locations is not None or not spec.has_location:
            return module
        if module is None:
            module = ModuleType(spec.name)
        # As importlib would do it next, which asks a new module for both first; that fails, and at
        # such length that it takes as long as restoring a function.
        module.__file__ = spec.origin
        if spec.cached is not None:
            module.__cached__ = spec.cached  # type: ignore[attr-defined]
        return module

    def exec_module(self, module: ModuleType) -> None:
        """importlib's protocol. A module that is reloaded runs its source, which may be edited."""
        thread = get_ident()
        if thread not in _with_room:
            _with_room.add(thread)
            try:
                error = _call_with_room(self.exec_module, module)
            finally:
                _with_room.discard(thread)
            if error is not None:
                try:
                    raise error
                finally:
                    del error  # its traceback leads here
            return
        # Here, not in a method of its own: that would be a frame more for each module of a chain.
        name = module.__name__
        package = self._session.restored_package(name) if name == self.name else None
        if package is not None and name not in package.values:
            from .restored import CannotRestore

            try:
                with garbage_collection_paused():
                    package.run(module)
            except CannotRestore as error:
                self._session.ran_from_source(name, str(error))
            else:
                return
        super().exec_module(module)


_with_room: set[int] = set()  # threads that have it


def _call_with_room(call: Callable[[ModuleType], None], module: ModuleType) -> BaseException | None:
    """Call something in a frame that is as large as all frames above it will be.

    CPython keeps frames in chunks of 16 kB, which it takes from the system and gives back as they
    come and go: a loop that calls across the end of one maps and unmaps memory each time. Importing
    a package from as deep as a restored one is takes up to a third longer when it meets such an
    end: NumPy 47 ms, not 39. A chunk is made as large as the frame that it is made for needs, so
    what comes after this one has the rest, 120 kB, to itself.

    Returns what was raised: who keeps an exception keeps the frames that it has passed.
    """
    try:
        call(module)
    except BaseException as error:
        # No variable for the traceback, which leads to this frame.
        return error.with_traceback(error.__traceback__.tb_next)  # type: ignore[union-attr]
    return None


_call_with_room.__code__ = _call_with_room.__code__.replace(co_stacksize=1 << 14)


def spec_of(name: str, path: Any, session: Restoring) -> ModuleSpec | None:
    """The spec of a module that may be restored; None where no other finder finds it.

    A module that is no source file runs as its loader runs it, after its image was loaded.
    """
    beside = _source_beside(name, path, session)
    if beside is not None:
        found = ModuleSpec(name, ImageLoader(name, beside, session), origin=beside)
        found.has_location = True
        return found
    spec = found_by_others(name, path, session)
    if spec is None or spec.loader is None:
        return spec
    if type(spec.loader) is SourceFileLoader:
        spec.loader = ImageLoader(name, spec.loader.path, session)
        return spec
    from .running import around_run

    around_run(spec, before=lambda: session.restored_package(name))
    return spec


def _source_beside(name: str, path: Any, session: Restoring) -> str | None:
    """The source file that Python's own finders would find for a module of a package, where that
    is plain: a package in one folder, in which nothing else goes by that name. None elsewhere.

    They look for each kind of file in turn and make all that others could ask for, which for the
    hundred modules of a package takes a millisecond. Here it is what Python's finder knows of the
    folder that is looked at.
    """
    if type(path) is not list or len(path) != 1:
        return None
    folder, own = path[0], cast(Any, session)
    known: Any = sys.path_importer_cache.get(folder)
    if type(known) is not FileFinder or not os.path.isabs(folder):
        return None
    if _SOURCES not in getattr(known, "_loaders", ()):
        return None  # a program has Python's finder make loaders of its own
    for finder in list(sys.meta_path):
        if finder is PathFinder:
            break
        if finder is own or finder in _OF_NO_FILES:
            continue
        if not hasattr(finder, "find_spec") or finder.find_spec(name, path) is not None:
            return None
    else:
        return None
    # CPython's own business; where it has no such attributes, others look.
    looked, names = getattr(known, "_path_mtime", None), getattr(known, "_path_cache", ())
    try:
        if looked != os.stat(folder).st_mtime:
            return None  # it has not looked since, or was told to look again
    except OSError:
        return None
    last = name.rpartition(".")[2]
    source = f"{last}.py"
    if source not in names or last in names:
        return None
    for end in _OF_EXTENSIONS:
        if last + end in names:
            return None
    return os.path.join(folder, source)


_OF_NO_FILES = (BuiltinImporter, FrozenImporter)  # whose modules are in no package
_OF_EXTENSIONS = tuple(EXTENSION_SUFFIXES)
_SOURCES = (".py", SourceFileLoader)


def found_by_others(name: str, path: Any, session: Restoring) -> ModuleSpec | None:
    """What importlib would find without `session`: editable installs have finders of their own."""
    own: Any = session
    for finder in list(sys.meta_path):
        if finder is not own and hasattr(finder, "find_spec"):  # as importlib since Python 3.12
            spec = finder.find_spec(name, path)
            if spec is not None:
                return spec
    return None


def import_place(package: str) -> str | None:
    """Where an import finds a top-level package: its first folder, or the file of a module."""
    spec = getattr(sys.modules.get(package), "__spec__", None)
    if spec is None:
        spec = PathFinder.find_spec(package)
    if spec is None:
        return None
    locations = list(spec.submodule_search_locations or ())
    if locations:
        return str(locations[0])
    return spec.origin if spec.has_location else None


_VERSION_FILES = {"numba": "_version.py", "llvmlite": "_version.py", "numpy": "version.py"}


def version_file(package: str) -> str | None:
    """The file with the version of numba, llvmlite or numpy that an import would find, or None."""
    spec = PathFinder.find_spec(package)
    if spec is None or not spec.has_location or not spec.submodule_search_locations:
        return None
    return os.path.join(spec.submodule_search_locations[0], _VERSION_FILES[package])
