"""A restored module's namespace, built from the data that the image holds of it.

`capture/data.py` wrote the data: a pickle that names what is made here by short words, so that it
depends on no module's name. Nothing of the package's source runs, but for what its classes say
about copying their instances (`__reduce__`, `__setstate__`) and about hashing them.

Every process that restores a module imports this one, so it imports next to nothing: `_pickle`
and not `pickle`, which compiles regular expressions.
"""

from __future__ import annotations

import _imp
import builtins
import marshal
import sys
from _pickle import Unpickler
from _thread import get_ident
from collections.abc import Callable, Sequence
from io import BytesIO
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

_EARLY: dict[str, ModuleType] = {}


def rebuild(
    namespace: dict[str, Any],
    name: str,
    data: bytes | memoryview,
    buffers: Sequence[object],
    special: Callable[..., object],
    shared_of: Callable[[str], list[Any]],
) -> list[Any]:
    """Fill the namespace of the module `name`; the objects that later modules share with it.

    `namespace` is the new module's own, with what the import system sets. What it holds under a
    name of the data already (submodules) is replaced, and takes the place that it had at build.
    `buffers`: the memory of the module's arrays, in the order of `ModuleData.buffers`, used in
    place; writable where the array is. `special(*args)` makes what was reduced to `SPECIAL`.
    `shared_of(module)`: what `rebuild` returned for a module restored earlier; imports it if need
    be. Data of another version or damaged raises whatever the pickle raises.
    """
    restorer = _Restorer(namespace, name, data, buffers, special, shared_of)
    shared: list[Any] = restorer.load()
    # It holds methods of its own, and would wait for the garbage collector, the data with it.
    restorer.memo.clear()
    return shared


def early_module(name: str) -> ModuleType | None:
    """The module object that functions restored before their module were given, once.

    For a loader's `create_module`: a function may be restored before the module in whose
    namespace it runs, when an earlier module holds it. None when nobody asked for it.
    """
    return _EARLY.pop(name, None)


def module_named(name: str) -> ModuleType:
    """A module, imported if need be."""
    module = sys.modules.get(name)
    if module is None:
        __import__(name)
        module = sys.modules[name]
    return module


def namespace_of(name: str) -> dict[str, Any]:
    """The namespace in which a module runs or will run: of a restored one that is not imported
    yet, that of the module object which `early_module` will hand out."""
    module = sys.modules.get(name)
    if module is None:
        module = _EARLY.get(name)
    if module is None:
        module = _EARLY[name] = ModuleType(name)
        _add_builtins(vars(module))
    return vars(module)


def _add_builtins(namespace: dict[str, Any]) -> None:
    """What running a module's source does to its namespace first; its functions need it."""
    namespace.setdefault("__builtins__", vars(builtins))


class _Restorer(Unpickler):
    """The unpickler of one module's data; its methods are what the pickle calls."""

    def __init__(
        self,
        namespace: dict[str, Any],
        name: str,
        data: bytes | memoryview,
        buffers: Sequence[object],
        special: Callable[..., object],
        shared_of: Callable[[str], list[Any]],
    ) -> None:
        super().__init__(BytesIO(data), buffers=buffers)
        _add_builtins(namespace)
        self._namespace = namespace
        self._name = name
        self._shared_of = shared_of
        self._codes: list[CodeType] = []
        self.special = special

    def persistent_load(self, pid: Any) -> Any:
        if type(pid) is str:
            return getattr(self, pid)
        kind, name = pid[0], pid[1]
        if kind == "shared":
            return self._shared_of(name)[pid[2]]
        if kind == "module":
            return module_named(name)
        if name == self._name:
            return self._namespace
        return vars(module_named(name)) if kind == "outer" else namespace_of(name)

    # -- namespace and functions ---------------------------------------------------------------

    def put(self, names: tuple[str, ...], *values: object) -> None:
        """Bind the next names of the namespace."""
        namespace = self._namespace
        for name, value in zip(names, values, strict=True):
            if name in namespace and name != "__doc__":
                del namespace[name]
            namespace[sys.intern(name)] = value

    def submodules(self, names: tuple[str, ...]) -> None:
        """Give the submodules that were imported already their places among the names."""
        for name in names:
            module = sys.modules.get(f"{self._name}.{name}")
            if module is not None:
                self.put((name,), module)

    def codes(self, *tables: tuple[str, bytes]) -> None:
        """Read the code objects: for each module whose file they came from ("": this module's,
        None: from no file of a module) all of its codes, marshalled."""
        for module, marshalled in tables:
            found: tuple[CodeType, ...] = marshal.loads(marshalled)
            if module is not None:
                file = self._file_of(module)
                if file is not None:
                    for code in found:
                        _imp._fix_co_filename(code, file)  # type: ignore[attr-defined]
            self._codes.extend(found)

    def _file_of(self, module: str) -> str | None:
        if not module:
            return self._namespace.get("__file__")
        loaded = sys.modules.get(module)
        if loaded is None or getattr(loaded, "__file__", None) is None:
            # A module restored later; it lies where its package says.
            return _file_beside(module)
        return loaded.__file__

    def code(self, index: int) -> CodeType:
        return self._codes[index]

    def function(self, index: int) -> FunctionType:
        return FunctionType(self._codes[index], self._namespace)

    def closure(
        self, index: int, namespace: dict[str, Any] | None, *cells: CellType
    ) -> FunctionType:
        return FunctionType(
            self._codes[index],
            self._namespace if namespace is None else namespace,
            None,
            None,
            cells,
        )

    cell = CellType
    method = MethodType

    # -- classes -------------------------------------------------------------------------------

    @staticmethod
    def class_(
        meta: type,
        name: str,
        qualname: str,
        bases: tuple[type, ...],
        module: object,
        names: tuple[str, ...],
        slots: tuple[str, ...] | None,
        original_bases: tuple[object, ...] | None,
    ) -> type:
        """A class without its attributes' values. Their names are there, in order.

        `type.__new__` makes it, whatever its metaclass does: no `__init_subclass__`, no
        `__set_name__`, no registration runs again.
        """
        body: dict[str, Any] = dict.fromkeys(names)
        body["__qualname__"] = qualname
        if module is not None:
            body["__module__"] = module
        if slots is not None:
            body["__slots__"] = slots
        if original_bases is not None:
            body["__orig_bases__"] = original_bases
        made: type
        hearing = _hearing(bases)
        if hearing:
            with _Unheard(hearing):
                made = type.__new__(meta, name, bases, body)
        else:
            made = type.__new__(meta, name, bases, body)
        if "_abc_impl" in body:
            import _abc  # type: ignore[import-not-found]

            _abc._abc_init(made)
        return made

    @staticmethod
    def of_class(cls: type, name: str) -> object:
        """What a class has under a name, without asking it."""
        return type.__getattribute__(cls, "__dict__")[name]

    @staticmethod
    def members(made: type, names: tuple[str, ...], *values: object) -> None:
        """Set attributes of a class, past its metaclass."""
        put = type.__setattr__
        for name, value in zip(names, values, strict=True):
            put(made, name, value)

    @staticmethod
    def register(made: type, *classes: type) -> None:
        """Register virtual subclasses of an ABC."""
        import _abc

        for registered in classes:
            _abc._abc_register(made, registered)

    # -- instances -----------------------------------------------------------------------------

    new = object.__new__

    @staticmethod
    def new_of(base: Any, cls: type, *args: object) -> object:
        """An instance as the built-in type `base` makes it, past the class's own `__new__`."""
        return base.__new__(cls, *args)

    @staticmethod
    def exception(base: Any, cls: type, *args: object) -> object:
        made = base.__new__(cls, *args)
        base.__init__(made, *args)
        return made

    @staticmethod
    def state(made: object, attributes: dict[str, object] | None, slots: dict[str, object]) -> None:
        """Set an instance's attributes, past its class."""
        if attributes:
            object.__getattribute__(made, "__dict__").update(attributes)
        for name, value in slots.items():
            object.__setattr__(made, name, value)

    @staticmethod
    def extend(made: list[Any], *items: object) -> None:
        list.extend(made, items)

    @staticmethod
    def add(made: set[Any], *items: object) -> None:
        set.update(made, items)

    @staticmethod
    def extend_bytes(made: bytearray, data: bytes) -> None:
        bytearray.extend(made, data)

    @staticmethod
    def update(made: dict[Any, Any], *pairs: object) -> None:
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            dict.__setitem__(made, key, value)

    @staticmethod
    def weak_pairs(made: Any, *pairs: object) -> None:
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            made[key] = value

    @staticmethod
    def globals_of_exec(builtins: object) -> dict[str, Any]:
        """The namespace of functions that `exec` made; functions need its builtins at once."""
        return {"__builtins__": builtins}

    # -- the standard library's ----------------------------------------------------------------

    @staticmethod
    def cached(function: Any, maxsize: int | None, typed: bool) -> object:
        """What `functools.lru_cache` makes, empty."""
        import functools

        return functools.lru_cache(maxsize, typed)(function)

    @staticmethod
    def cached_property(cls: Any, function: Any) -> object:
        return cls(function)

    @staticmethod
    def type_variable(
        kind: Any, name: str, module: str | None, args: tuple[Any, ...], options: dict[str, Any]
    ) -> object:
        made = kind(name, *args, **options)
        made.__module__ = module
        return made

    @staticmethod
    def type_alias(name: str, module: str, value: object, parameters: tuple[Any, ...]) -> object:
        """What a `type` statement makes; its module is that of the function that makes it."""
        import typing

        namespace = {"__name__": module, "kind": typing.TypeAliasType}  # type: ignore[attr-defined]
        return FunctionType(_new_alias.__code__, namespace)(name, value, parameters)

    @staticmethod
    def closed_file(mode: str, encoding: str | None) -> object:
        """A file that was closed; it is nowhere now."""
        import os

        made = open(os.devnull, mode, encoding=encoding)  # noqa: SIM115
        made.close()
        return made

    # -- arrays --------------------------------------------------------------------------------

    @staticmethod
    def region(buffer: object) -> object:
        """Memory that several arrays look into."""
        return buffer

    @staticmethod
    def array(
        buffer: Any,
        dtype: Any,
        shape: tuple[int, ...],
        writable: bool,
        offset: int = 0,
        strides: tuple[int, ...] | None = None,
    ) -> object:
        """An array in memory that is there: an image's, or another object's."""
        from numpy import ndarray

        made = ndarray(shape, dtype, buffer, offset, strides)
        if not writable:
            made.flags.writeable = False
        return made

    @staticmethod
    def view(
        owner: Any,
        dtype: Any,
        shape: tuple[int, ...],
        writable: bool,
        offset: int,
        strides: tuple[int, ...],
    ) -> object:
        """A view into an array whose elements no buffer describes, such as dates."""
        from numpy import ndarray, uint8

        made = ndarray(shape, dtype, owner.reshape(-1, order="A").view(uint8), offset, strides)
        if not writable:
            made.flags.writeable = False
        return made

    @staticmethod
    def object_array(shape: tuple[int, ...], order: str) -> Any:
        from numpy import empty

        return empty(shape, object, order)  # type: ignore[call-overload]

    @staticmethod
    def fill(made: Any, writable: bool, *items: object) -> None:
        """Set an object array's elements, in its own order."""
        flat = made.reshape(-1, order="A")
        for index, item in enumerate(items):
            flat[index] = item
        if not writable:
            made.flags.writeable = False


def _new_alias(name: str, value: object, parameters: tuple[Any, ...]) -> object:
    return kind(name, value, type_params=parameters)  # type: ignore[name-defined]  # noqa: F821


def _hearing(bases: tuple[type, ...]) -> list[type]:
    """The classes that would be told of a new subclass. Those of `typing` may: they set what the
    class's data sets again."""
    found = {
        cls: None
        for base in bases
        for cls in base.__mro__
        if "__init_subclass__" in cls.__dict__ and cls is not object and cls.__module__ != "typing"
    }
    return list(found)


class _Unheard:
    """While this is open, this thread's new subclasses of some classes are not told to them."""

    def __init__(self, hearing: list[type]) -> None:
        self._hearing = [(cls, cls.__dict__["__init_subclass__"]) for cls in hearing]

    def __enter__(self) -> None:
        thread = get_ident()
        for cls, hook in self._hearing:

            def unless_ours(made: type, /, hook: Any = hook, **options: Any) -> None:
                if get_ident() != thread:
                    hook.__get__(None, made)(**options)

            type.__setattr__(cls, "__init_subclass__", classmethod(unless_ours))

    def __exit__(self, *_: object) -> None:
        for cls, hook in self._hearing:
            type.__setattr__(cls, "__init_subclass__", hook)


def _file_beside(module: str) -> str | None:
    package, _, last = module.rpartition(".")
    paths = getattr(sys.modules.get(package), "__path__", None)
    if not paths:
        return None
    import os

    folder = os.path.join(next(iter(paths)), last)
    inner = os.path.join(folder, "__init__.py")
    return inner if os.path.isfile(inner) else folder + ".py"
