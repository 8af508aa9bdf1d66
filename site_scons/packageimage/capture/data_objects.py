"""What each object of a package is made of, so that another process can make it again."""

from __future__ import annotations

import codecs
import copyreg
import enum
import functools
import gc
import io
import itertools
import random
import sys
import types
import typing
import weakref
from collections.abc import Callable, Collection, Mapping
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from .data_arrays import Arrays
from .data_classes import class_node, is_loaded_instance, solid_base
from .data_functions import CACHED, cached_node, cached_property_node, cell_node, function_node
from .data_names import Names, is_value
from .data_nodes import (
    CannotRestore,
    Constructor,
    Items,
    Made,
    Named,
    Node,
    Persistent,
    Step,
    attributes,
    inline,
    unnamed,
)
from .data_reach import Reach

_CONTAINERS = (tuple, list, dict, set, frozenset)
_WEAK = (weakref.WeakKeyDictionary, weakref.WeakValueDictionary)
_TYPE_VARIABLES: tuple[type, ...] = (typing.TypeVar, typing.ParamSpec, typing.TypeVarTuple)
# Not even a copy would be the same, or one copy for all processes would be wrong.
_REFUSED: tuple[tuple[str, str, str], ...] = (
    ("_thread", "LockType", "a lock"),
    ("_thread", "RLock", "a lock"),
    ("_thread", "_local", "data of a thread"),
    ("threading", "Thread", "a thread"),
    ("_io", "_IOBase", "an open file"),
    ("socket", "socket", "a socket"),
    ("_socket", "socket", "a socket"),
    ("mmap", "mmap", "a file in memory"),
    ("ctypes", "CDLL", "a library that is open"),
    ("_ctypes", "CFuncPtr", "a C function's address"),
    ("_ctypes", "_Pointer", "a C pointer"),
    ("numpy.random", "Generator", "a random generator, which would be the same in every process"),
    (
        "numpy.random",
        "BitGenerator",
        "a random generator, which would be the same in every process",
    ),
    ("numpy.random", "RandomState", "a random generator, which would be the same in every process"),
    ("numpy", "memmap", "an array whose memory is a file"),
)
_EXACT: dict[type, Callable[[Any], object]] = {
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    complex: complex.__complex__,
    bytes: lambda obj: b"".join([memoryview(obj)]),
    tuple: lambda obj: tuple(tuple.__iter__(obj)),
    frozenset: lambda obj: frozenset(frozenset.__iter__(obj)),
}  # fmt: skip


class Objects:
    """The nodes of all objects that the modules walked so far are made of."""

    def __init__(
        self,
        restored: Mapping[str, ModuleType],
        names: Names,
        special: Callable[[object], tuple[Any, ...] | None],
        reach: Reach,
    ) -> None:
        self.nodes: dict[int, Node] = {}
        self.codes: dict[str, dict[int, tuple[int, CodeType]]] = {}
        self.arrays = Arrays(self.constructor)
        self._restored = restored
        self._names = names
        self._special = special
        self._may_use = reach.may_use
        self._will_be = reach.will_be
        self._may_name = reach.may_name
        self._constructors: dict[str, Constructor] = {}
        self._namespaces = {id(vars(module)): name for name, module in restored.items()}
        self._keys: dict[int, object] = {}

    def constructor(self, name: str) -> Constructor:
        return self._constructors.setdefault(name, Constructor(name))

    def node(self, obj: object, owner: str) -> Node:
        """An object's node, made when `owner` is the first module to reach it.

        CannotRestore with the reason when no other process can be given the object.
        """
        if isinstance(obj, Node):
            self.nodes.setdefault(id(obj), obj)
            return obj
        node = self.nodes.get(id(obj))
        if node is not None and isinstance(node, Made | Items) and self._is_claimed(node):
            # What has no name for one module may have one for a later one.
            node = self._reference(obj, owner) or node
        if node is None:
            node = self._make(obj, owner)
        if id(obj) not in self.nodes or self.nodes[id(obj)] is not node:
            node.obj = obj
            node.owner = owner
            self.nodes[id(obj)] = node
        return node

    def _is_claimed(self, node: Node) -> bool:
        return node.owner != "" and node.owner not in self._restored

    def find(self, obj: object) -> Node:
        """The node of an object that was walked, or of a constructor."""
        if isinstance(obj, Constructor):
            return self.node(obj, "")
        return obj if isinstance(obj, Node) else self.nodes[id(obj)]

    def is_of_restored(self, obj: Any) -> bool:
        """Whether a function or class is a restored module's own."""
        if type(obj) is FunctionType:
            return id(obj.__globals__) in self._namespaces
        if not isinstance(obj, type):
            return False
        # A class may say that it is of another module: its methods know where they are from.
        for name, value in vars(obj).items():
            if type(value) is FunctionType and (
                value.__code__.co_qualname == f"{obj.__qualname__}.{name}"
            ):
                return id(value.__globals__) in self._namespaces
        return obj.__module__ in self._restored

    # -- kinds of objects ----------------------------------------------------------------------

    def _make(self, obj: Any, owner: str) -> Node:
        if isinstance(obj, Constructor):
            return Persistent(obj=obj, word=obj.name)
        kind = type(obj)
        if kind is dict:
            namespace = self._namespace(obj, owner)
            if namespace is not None:
                return namespace
        if isinstance(obj, ModuleType):
            return self._module(obj, owner)
        if kind not in _CONTAINERS and kind is not CellType and kind is not CodeType:
            try:
                reduced = self._special(obj)
            except CannotRestore:
                # A module that runs from source may have it under a name.
                named = self._global(obj, owner)
                if named is None:
                    raise
                return named
            if reduced is not None:
                return self._reduced(obj, reduced)
        return self._reference(obj, owner) or self.content(obj, owner)

    def _reference(self, obj: Any, owner: str) -> Named | None:
        """An object by a name that it has in a module that is not restored."""
        if type(obj) is FunctionType or isinstance(obj, type):
            return None if self.is_of_restored(obj) else self._named(obj, owner)
        return None if is_value(obj) else self._global(obj, owner)

    def content(self, obj: Any, owner: str) -> Node:
        """The node that an object would have if it had no name."""
        if type(obj) is FunctionType or isinstance(obj, type):
            return self._by_value(obj, owner)
        return self._content(obj, owner)

    def _content(self, obj: Any, owner: str) -> Node:
        kind = type(obj)
        if kind in _CONTAINERS:
            return self._container(obj)
        if isinstance(obj, io.IOBase) and obj.closed and kind.__module__ == "_io":
            return self._closed_file(obj)
        for module, name, what in _REFUSED:
            if is_loaded_instance(obj, module, name):
                raise CannotRestore(what)
        if isinstance(obj, random.Random):
            raise CannotRestore("a random generator, which would be the same in every process")
        made = self._known(obj, kind, owner)
        return made if made is not None else self._other(obj, owner)

    def _closed_file(self, obj: Any) -> Made:
        """What a `with` leaves behind: a file that is closed, and no other's either."""
        text = isinstance(obj, io.TextIOBase)
        mode = "r" if obj.__class__.__name__ != "BufferedWriter" else "w"
        encoding = getattr(obj, "encoding", None)
        if encoding is not None:
            encoding = codecs.lookup(encoding).name  # the locale's way to write it is not its name
        args = unnamed(mode if text else f"{mode}b", encoding)
        return Made(obj=obj, function=self.constructor("closed_file"), args=args)

    def _namespace(self, obj: dict[str, object], owner: str) -> Node | None:
        name = self._namespaces.get(id(obj))
        if name is not None:
            if not self._will_be(owner, name):
                raise _not_imported(owner, name)
            return Persistent(obj=obj, word=("namespace", name))
        name = self._names.namespace(obj)
        if name is not None:
            self._check_use(owner, name)
            return Persistent(obj=obj, word=("outer", name))
        return None

    def _module(self, obj: ModuleType, owner: str) -> Node:
        name = obj.__name__
        if self._restored.get(name) is not obj:
            found = self._names.module(obj)
            if found is None:
                raise CannotRestore("a module that its name does not find")
            name = found
        self._check_use(owner, name)
        return Persistent(obj=obj, word=("module", name))

    def _check_use(self, owner: str, other: str) -> None:
        if other != owner and not self._may_use(owner, other):
            raise _not_imported(owner, other)

    def _named(self, obj: object, owner: str) -> Named | None:
        """A function or class of a module that is not restored, by its own or another name."""
        own = self._names.own_name(obj)
        if own is not None and self._may_name(owner, *own):
            return Named(obj=obj, module=own[0], qualname=own[1])
        return self._global(obj, owner)

    def _global(self, obj: object, owner: str) -> Named | None:
        for module, name in self._names.globals_of(obj):
            if self._may_name(owner, module, name):
                return Named(obj=obj, module=module, qualname=name)
        return None

    def _by_value(self, obj: Any, owner: str) -> Node:
        if isinstance(obj, type):
            if obj is type(None) or obj is type(...) or obj is type(NotImplemented):
                value = {type(None): None, type(...): ..., type(NotImplemented): NotImplemented}
                return Made(obj=obj, function=type, args=unnamed(value[obj]))
            return class_node(obj, self.constructor)
        index = self._code(obj.__code__, owner)
        namespace = obj.__globals__
        own = self._namespaces.get(id(namespace)) == owner
        return function_node(obj, index, None if own else namespace, self.constructor)

    def _code(self, code: CodeType, owner: str) -> int:
        # Functions of modules that are not restored are claimed, never written.
        codes = self.codes.setdefault(owner, {})
        return codes.setdefault(id(code), (len(codes), code))[0]

    def _container(self, obj: Any) -> Node:
        if type(obj) is dict:
            namespace = obj.get("__builtins__")
            parts = [part for pair in obj.items() for part in pair]
            if namespace is not None and type(namespace) in (dict, ModuleType):
                rest = [part for key, value in obj.items() if key != "__builtins__"
                        for part in (key, value)]  # fmt: skip
                items = Items(obj=None, kind="dict", parts=rest)
                return Made(
                    obj=obj,
                    function=self.constructor("globals_of_exec"),
                    args=[('["__builtins__"]', namespace)],
                    steps=[Step("set", list(items.edges()))],
                )
            return Items(obj=obj, kind="dict", parts=parts)
        if type(obj) in (set, frozenset):
            return Items(obj=obj, kind=type(obj).__name__, parts=self._in_order(obj))
        return Items(obj=obj, kind=type(obj).__name__, parts=list(obj))

    def _known(self, obj: Any, kind: type, owner: str) -> Node | None:
        """Objects of the language's and the standard library's types that have their own way."""
        if obj is ... or obj is NotImplemented:
            return Named(
                obj=obj, module="builtins", qualname="Ellipsis" if obj is ... else "NotImplemented"
            )
        if kind is CellType:
            return cell_node(obj, self.constructor)
        if kind is CodeType:
            return Made(obj=obj, function=self.constructor("code"),
                        args=unnamed(self._code(obj, owner)))  # fmt: skip
        if kind is MethodType:
            return Made(
                obj=obj,
                function=self.constructor("method"),
                args=[(".__func__", obj.__func__), (".__self__", obj.__self__)],
            )
        if kind in (types.GetSetDescriptorType, types.MemberDescriptorType):
            # Its class has it; what decorates a class may hold it too.
            args = [(".__objclass__", obj.__objclass__), ("", obj.__name__)]
            return Made(obj=obj, function=self.constructor("of_class"), args=args)
        if kind is property:
            args = [(f".{name}", getattr(obj, name)) for name in ("fget", "fset", "fdel")]
            return Made(obj=obj, function=property, args=[*args, ("", obj.__doc__)])
        if kind in (classmethod, staticmethod):
            return Made(obj=obj, function=kind, args=[(".__func__", obj.__func__)])
        if kind is types.MappingProxyType:
            return Made(obj=obj, function=kind, args=unnamed(gc.get_referents(obj)[0]))
        if kind is memoryview:
            return self._memoryview(obj)
        if kind is CACHED:
            return cached_node(obj, self.constructor)
        if kind is functools.cached_property:
            return cached_property_node(obj, self.constructor)
        if kind in _WEAK or kind is weakref.WeakSet:
            return self._weak(obj, kind)
        if isinstance(obj, weakref.ReferenceType):
            raise CannotRestore("a weak reference")
        if kind in _TYPE_VARIABLES:
            return self._type_variable(obj, kind)
        if kind is getattr(typing, "TypeAliasType", None):
            return self._type_alias(obj)
        if kind is typing.NewType:
            return Made(
                obj=obj,
                function=kind,
                args=[("", obj.__name__), (".__supertype__", obj.__supertype__)],
                steps=[
                    Step(
                        "build",
                        unnamed(
                            attributes(
                                (name, getattr(obj, name))
                                for name in ("__qualname__", "__module__")
                            )
                        ),
                    )
                ],
            )
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            if kind is numpy.ndarray:
                return self.arrays.node(obj)
            if isinstance(obj, numpy.dtype) and obj.names is None and _is_plain(obj, numpy):
                return Made(obj=obj, function=numpy.dtype, args=unnamed(obj.str))
        return None

    def _memoryview(self, obj: memoryview) -> Node:
        owner = obj.obj
        whole = memoryview(owner)
        if not isinstance(owner, bytes | bytearray) or (
            (obj.nbytes, obj.format, obj.shape) != (whole.nbytes, whole.format, whole.shape)
        ):
            raise CannotRestore("a memoryview of a part of something or of no bytes")
        if obj.readonly and not whole.readonly:
            raise CannotRestore("a read-only memoryview of what can be written")
        return Made(obj=obj, function=memoryview, args=[(".obj", owner)])

    def _weak(self, obj: Any, kind: type) -> Node:
        made = Made(obj=obj, function=kind, args=())
        if kind is weakref.WeakSet:
            if len(obj):
                raise CannotRestore("a set of weak references")
            return made
        items = list(obj.items())
        if items:
            pairs = Items(obj=None, kind="dict", parts=[part for pair in items for part in pair])
            made.steps.append(Step("call", [("", self.constructor("weak_pairs")), *pairs.edges()]))
        return made

    def _type_variable(self, obj: Any, kind: type) -> Node:
        options: dict[str, object] = {}
        args: tuple[object, ...] = ()
        if kind is not typing.TypeVarTuple:
            options = {"covariant": obj.__covariant__, "contravariant": obj.__contravariant__}
            if getattr(obj, "__infer_variance__", False):
                options["infer_variance"] = True
            if obj.__bound__ is not None:
                options["bound"] = obj.__bound__
        if kind is typing.TypeVar:
            args = obj.__constraints__
        if hasattr(obj, "has_default") and obj.has_default():
            options["default"] = obj.__default__
        given = attributes(options.items())
        values = [("", kind), ("", obj.__name__), ("", obj.__module__), ("", inline(*args))]
        return Made(
            obj=obj, function=self.constructor("type_variable"), args=[*values, ("", given)]
        )

    def _type_alias(self, obj: Any) -> Node:
        """Of a `type` statement. What it computes when it is asked for stands in no attribute."""
        try:
            value = obj.__value__
        except Exception as error:  # names that only type checkers import
            raise CannotRestore(f"a type alias whose value is a {type(error).__name__}") from None
        values = [("", obj.__name__), ("", obj.__module__), (".__value__", value)]
        return Made(
            obj=obj,
            function=self.constructor("type_alias"),
            args=[*values, (".__type_params__", obj.__type_params__)],
        )

    # -- all other objects ---------------------------------------------------------------------

    def _other(self, obj: Any, owner: str) -> Node:
        """By what the object's class says about copying it."""
        cls = type(obj)
        if isinstance(obj, enum.Enum) and self._is_by_value(cls, owner):
            return self._instance(obj, cls, vars(obj), {})
        if (
            isinstance(obj, BaseException)
            and self._is_by_value(cls, owner)
            and (
                cls.__reduce__
                in (BaseException.__reduce__, OSError.__reduce__, ImportError.__reduce__)
            )
        ):
            base = solid_base(cls)
            made = Made(
                obj=obj,
                function=self.constructor("exception"),
                args=[*unnamed(base, cls), *((".args", arg) for arg in obj.args)],
            )
            self._add_state(made, vars(obj), {})
            return made
        reducer = copyreg.dispatch_table.get(cls)
        try:
            reduced: Any = reducer(obj) if reducer is not None else obj.__reduce_ex__(5)
        except CannotRestore:
            raise
        except Exception as error:
            raise CannotRestore(f"{type(error).__name__}: {error}") from None
        if isinstance(reduced, str):
            raise CannotRestore(f"a {cls.__qualname__} that the name {reduced} should find, and "
                                "does not")  # fmt: skip
        if not isinstance(reduced, tuple) or not 2 <= len(reduced) <= 6:
            raise CannotRestore("its __reduce_ex__ returns no tuple of 2 to 6")
        if reduced[0] is copyreg.__newobj__ and not _has_own_state(cls):  # type: ignore[attr-defined]
            return self._default(obj, cls, reduced)
        return self._reduced(obj, reduced)

    def _is_by_value(self, cls: type, owner: str) -> bool:
        return isinstance(self.node(cls, owner), Made)

    def _default(self, obj: Any, cls: type, reduced: tuple[Any, ...]) -> Node:
        """An instance whose class leaves copying to `object`: made past its `__new__`."""
        base = solid_base(cls)
        if len(reduced[1]) > 1 and base not in _EXACT:
            return self._reduced(obj, reduced)
        state = reduced[2] if len(reduced) > 2 else None
        own, slots = state if isinstance(state, tuple) else (state, None)
        return self._instance(obj, cls, own or {}, slots or {})

    def _instance(
        self, obj: Any, cls: type, own: Mapping[str, object], slots: Mapping[str, object]
    ) -> Made:
        base = solid_base(cls)
        if base is object:
            made = Made(obj=obj, function=self.constructor("new"), args=[(".__class__", cls)])
        elif base in _EXACT or base in (list, dict, set, bytearray):
            args: list[tuple[str, object]] = [("", base), (".__class__", cls)]
            if base in _EXACT:
                args.append(("", _EXACT[base](obj)))
            made = Made(obj=obj, function=self.constructor("new_of"), args=args)
        elif isinstance(obj, enum.Enum):
            raise CannotRestore(f"a member of an Enum of {base.__qualname__}")
        else:
            return self._reduced(obj, obj.__reduce_ex__(5))
        if base is list:
            made.steps.append(
                self._call("extend", [(f"[{index}]", item)
                                      for index, item in enumerate(list.__iter__(obj))])
            )  # fmt: skip
        elif base is dict:
            parts = [part for pair in dict.items(obj) for part in pair]
            made.steps.append(
                self._call("update", Items(obj=None, kind="dict", parts=parts).edges())
            )
        elif base is set:
            items = self._in_order(set.__iter__(obj))
            made.steps.append(self._call("add", [("{}", item) for item in items]))
        elif base is bytearray:
            made.steps.append(self._call("extend_bytes", unnamed(bytes(obj))))
        self._add_state(made, own, slots)
        return made

    def _add_state(
        self, made: Made, own: Mapping[str, object], slots: Mapping[str, object]
    ) -> None:
        if own or slots:
            parts = [attributes(own.items()) if own else None, attributes(slots.items())]
            if not slots and _plain_attributes(type(made.obj)):
                made.steps.append(Step("build", unnamed(parts[0])))
            else:
                made.steps.append(self._call("state", unnamed(*parts)))

    def _call(self, name: str, parts: Collection[tuple[str, object]]) -> Step:
        return Step("call", [("", self.constructor(name)), *parts])

    def _reduced(self, obj: object, reduced: tuple[Any, ...]) -> Made:
        """What a reduce tuple says: callable, arguments, state, list items, pairs, setter."""
        missing: tuple[Any, ...] = (None,) * (6 - len(reduced))
        function, args, state, items, pairs, setter = reduced + missing
        made = Made(
            obj=obj,
            function=function,
            args=[(f".<argument {index}>", part) for index, part in enumerate(args)],
        )
        if items is not None:
            edges = [(f"[{index}]", item) for index, item in enumerate(items)]
            made.steps.append(Step("append", edges))
        if pairs is not None:
            parts = [part for pair in pairs for part in pair]
            made.steps.append(Step("set", Items(obj=None, kind="dict", parts=parts).edges()))
        if state is not None:
            part = state
            if type(state) is dict and all(type(key) is str for key in state):
                part = attributes(state.items())
            elif type(state) is tuple and len(state) == 2 and type(state[0]) is dict:
                part = inline(attributes(state[0].items()), state[1])
            if setter is not None:
                made.steps.append(Step("call", [("", setter), ("", part)]))
            else:
                made.steps.append(Step("build", unnamed(part)))
        return made

    # -- the order of sets ---------------------------------------------------------------------

    def _in_order(self, items: Any) -> list[Any]:
        """A set's elements in an order that neither addresses nor the hash seed decide."""
        elements = list(items)
        if len(elements) < 2:
            return elements
        keyed = sorted(((self._key(element, 0), element) for element in elements),
                       key=lambda pair: pair[0])  # fmt: skip
        for (one, _), (other, _) in itertools.pairwise(keyed):
            if one == other:
                raise CannotRestore(
                    "a set with elements that nothing but their address tells apart"
                )
        return [element for _, element in keyed]

    def _key(self, obj: Any, depth: int) -> str:
        if depth > 8:
            raise CannotRestore("a set with elements that are nested deeply")
        kind = type(obj)
        if is_value(obj) and kind not in (tuple, frozenset):
            return f"{kind.__name__} {obj!r}"
        if kind is tuple:
            return f"({', '.join(self._key(part, depth + 1) for part in obj)})"
        if kind is frozenset:
            return f"{{{', '.join(sorted(self._key(part, depth + 1) for part in obj))}}}"
        if isinstance(obj, type | FunctionType | types.BuiltinFunctionType):
            return f"{obj.__module__}.{obj.__qualname__}"
        if isinstance(obj, ModuleType):
            return obj.__name__
        if isinstance(obj, enum.Enum):
            return f"{kind.__module__}.{kind.__qualname__}.{obj.name}"
        named = self._names.globals_of(obj)
        if named:
            return f"{named[0][0]}.{named[0][1]}"
        if kind.__hash__ is object.__hash__:
            raise CannotRestore("a set in an order that addresses decide")
        try:
            reduced = obj.__reduce_ex__(4)
        except Exception as error:
            raise CannotRestore(f"{type(error).__name__}: {error}") from None
        parts = [self._key(part, depth + 1) for part in reduced[1]]
        state = reduced[2] if len(reduced) > 2 else None
        parts.append(self._state_key(state, depth + 1))
        return f"{kind.__module__}.{kind.__qualname__}({', '.join(parts)})"

    def _state_key(self, state: Any, depth: int) -> str:
        if type(state) is dict:
            pairs = (f"{name}={self._key(value, depth)}" for name, value in state.items())
            return f"{{{', '.join(pairs)}}}"
        if type(state) in (tuple, list):
            return f"({', '.join(self._state_key(part, depth + 1) for part in state)})"
        return self._key(state, depth)


def _not_imported(owner: str, other: str) -> CannotRestore:
    return CannotRestore(f"it needs the module {other}, which {owner} does not import")


def _has_own_state(cls: type) -> bool:
    """Whether a class says itself what of an instance is copied and how it is put back."""
    return cls.__getstate__ is not object.__getstate__ or any(
        name in base.__dict__
        for base in cls.__mro__
        for name in ("__setstate__", "__getnewargs__", "__getnewargs_ex__")
        if not (name == "__getnewargs__" and (base in _EXACT or issubclass(cls, tuple)))
    )


def _plain_attributes(cls: type) -> bool:
    """Whether looking for attributes of an instance runs none of the package's code."""
    return cls.__getattribute__ is object.__getattribute__ and not hasattr(cls, "__getattr__")


def _is_plain(dtype: Any, numpy: Any) -> bool:
    """Whether its short text makes the very dtype again."""
    try:
        return numpy.dtype(dtype.str) is dtype
    except TypeError:
        return False
