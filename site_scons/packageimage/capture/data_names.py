"""Names by which another process finds objects of modules that are not restored."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CodeType,
    GetSetDescriptorType,
    MethodDescriptorType,
    ModuleType,
    WrapperDescriptorType,
)

# Equal values do for these; identity says nothing.
_VALUES = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented))
_OF_CLASSES = (
    MethodDescriptorType, WrapperDescriptorType, ClassMethodDescriptorType, GetSetDescriptorType,
    BuiltinFunctionType,
)  # fmt: skip
_NOT_OF_PROGRAMS = frozenset({"__main__", "__mp_main__", "packageimage", "sitecustomize"})


def top_of(module: str) -> str:
    return module.partition(".")[0]


def is_value(obj: object) -> bool:
    return type(obj) in _VALUES or (type(obj) in (tuple, frozenset) and not obj)


def has_value(obj: object) -> bool:
    """Whether an object is as good as another one that is equal to it, but for its parts."""
    kind = type(obj)
    if kind in (tuple, frozenset) or kind in _OF_CLASSES:
        return True
    return (
        kind.__hash__ not in (None, object.__hash__)
        and not isinstance(obj, type | ModuleType | CodeType)
        and top_of(kind.__module__) in sys.stdlib_module_names
    )


def resolve(module: ModuleType, qualname: str) -> object:
    """What a dotted name means in a module. AttributeError where it means nothing."""
    found: object = module
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


class Names:
    """The modules of a process that are not restored, and what they call their globals."""

    def __init__(self, loaded: Mapping[str, ModuleType], restored: Collection[str]) -> None:
        self._loaded = {
            name: module
            for name, module in list(loaded.items())
            if isinstance(module, ModuleType)
            and name not in restored
            and top_of(name) not in _NOT_OF_PROGRAMS
        }
        self._globals: dict[int, list[tuple[str, str]]] = {}
        self._namespaces: dict[int, str] = {}
        for name in sorted(self._loaded):
            module = self._loaded[name]
            if (
                module.__name__ != name
                and name not in sys.builtin_module_names
                and (loaded.get(module.__name__) is module)
            ):
                continue  # another name of a module, such as os.path
            namespace = vars(module)
            self._namespaces.setdefault(id(namespace), name)
            for key, value in list(namespace.items()):
                if type(key) is str and not is_value(value) and not isinstance(value, ModuleType):
                    self._globals.setdefault(id(value), []).append((name, key))

    def has(self, module: str) -> bool:
        return module in self._loaded

    def namespace(self, obj: object) -> str | None:
        """The module whose namespace a dictionary is."""
        return self._namespaces.get(id(obj))

    def module(self, obj: ModuleType) -> str | None:
        """The name of a module as another process imports it."""
        name = obj.__name__
        if self._loaded.get(name) is obj:
            return name
        return next((name for name in sorted(self._loaded) if self._loaded[name] is obj), None)

    def own_name(self, obj: object) -> tuple[str, str] | None:
        """The module and the dotted name that a function or class says it has, if it does."""
        module = getattr(obj, "__module__", None)
        qualname = getattr(obj, "__qualname__", None)
        if not isinstance(module, str) or not isinstance(qualname, str):
            return None
        found = self._loaded.get(module)
        try:
            if found is not None and "<" not in qualname and resolve(found, qualname) is obj:
                return module, qualname
        except Exception:
            # Whatever an attribute's code raises: it is no name then.
            pass
        return None

    def globals_of(self, obj: object) -> list[tuple[str, str]]:
        """Where the object is a global, the best name first: in the module that its type or the
        object itself names, then the shortest, then in order of the alphabet."""
        places = self._globals.get(id(obj), [])
        home = {getattr(obj, "__module__", None), type(obj).__module__}
        return sorted(
            places,
            key=lambda place: (place[0] not in home, len(place[0]) + len(place[1]), place),
        )
