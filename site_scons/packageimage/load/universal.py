"""Universal functions, restored without Numba's Python code.

A `DUFunc` is an object of Numba's C type of that name, a `GUFunc` holds a ufunc that the same C
module made; their loops are an image's code. Those that the source compiled, because they are
declared or were called, are there from the first use on. Others come when a call asks for them, as
in Numba: which loop NumPy takes depends on those that there are.
"""

from __future__ import annotations

import abc
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..model.type_spec import NUMBERS
from . import callables, dispatchers
from .argument_types import spec_of, spec_of_dtype
from .callables import PART, Part, dir_of, getattr_of, part_of, reduce_of
from .numba_extensions import Extensions

Items = tuple[str, ...]
"""The types of a loop's operands, inputs first, as `model.type_spec` writes them."""

_MODULE = "numba.np.ufunc._internal"
_classes: dict[str, Any] = {}


def class_for(kind: str, native: Extensions) -> Any:
    """The class of restored objects of a kind. Raises numba_extensions.Unavailable."""
    if kind not in _classes:
        module = native.ufuncs()
        _classes[kind] = _dufunc_class(module) if kind == "dufunc" else _gufunc_class()
        dispatchers.classes.add(_classes[kind])
    return _classes[kind]


def part_for(kind: str) -> Any:
    return DUFuncPart if kind == "dufunc" else GUFuncPart


def initialise(found: Any, part: Any) -> None:
    """Give a new object what it has before any loop."""
    callables.name_it(found, part.py_func)
    part.initialise(found)


def type_number(item: str) -> int:
    """NumPy's number of an operand's type."""
    import numpy

    return int(numpy.dtype(item).num)


def _identity(value: object, module: Any) -> int:
    """What the C module calls an `identity` that a decorator was given."""
    if value is None or value == "reorderable":
        return int(module.PyUFunc_ReorderableNone if value else module.PyUFunc_None)
    return int(module.PyUFunc_One if value else module.PyUFunc_Zero)


class _UniversalPart(Part):
    """loops: the types of those that the object has, in order, with keys of their methods."""

    nin: int

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.loops: list[tuple[Items, str]] = []
        self.is_ready = False
        # Whether loops may come from elsewhere than from the object's own calls.
        self.watches = False
        self.kept: list[Any] = []

    @property
    def early(self) -> Any:
        """Of each loop that the source compiled: types or None, what `ready` takes, key."""
        raise NotImplementedError

    @property
    def later(self) -> Any:
        """The same of those that calls may ask for."""
        raise NotImplementedError

    def add(self, found: Any, loops: Iterable[tuple[Items, str, int]]) -> None:
        """Add loops (types, key, address) to the object."""
        raise NotImplementedError

    def make_ready(self, found: Any) -> bool:
        """Add the source's loops; whether the object is still not Numba's then. Without Numba
        where it can be."""
        if not self.is_ready and not self._add_early(found):
            callables.become_numbas(found)
        if self.watches:
            self.catch_up(found)
        return part_of(found) is not None

    def prepare(self, found: Any) -> None:
        """See `Part`: so that it has its loops before Numba has given it any."""
        if self.is_ready or self._add_early(found):
            self.catch_up(found)

    def catch_up(self, found: Any) -> None:
        """Add what has come from elsewhere."""

    def _add_early(self, found: Any) -> bool:
        ready = []
        for items, row, key in self.early:
            address = self.address(row, key, found)
            if address is None:
                return False
            ready.append((tuple(items), key, address))
        with dispatchers._lock:
            if part_of(found) is not None and not self.is_ready:
                self.add(found, ready)
                self.is_ready = True
        return True

    def add_loop(self, found: Any, fits: Callable[[Any], bool]) -> bool:
        """Add the loop that a call asks for, where the image has it."""
        for items, row, key, *_ in self.later:
            if items is not None and fits(tuple(items)):
                address = self.address(row, key, found)
                if address is None:
                    return False
                with dispatchers._lock:
                    if part_of(found) is None:
                        return True  # reading constants has imported Numba
                    if all(known != tuple(items) for known, _ in self.loops):
                        self.add(found, [(tuple(items), key, address)])
                return True
        return False


# -- DUFunc --------------------------------------------------------------------------------------


class DUFuncPart(_UniversalPart):
    """head: (inputs, outputs, identity, whether it compiles no more); body: (options, early loops,
    pickle of their signatures, later loops)."""

    def initialise(self, found: Any) -> None:
        self._seen = 0
        self.nin, _, identity, _ = self.head
        module = sys.modules[_MODULE]
        number = _identity(identity, module)
        # Its C code takes the function's name and text from `py_func`, and keeps pointers to them.
        # It asks `inspect` for the number of arguments: given one, it writes past its variable.
        self.kept += [self.py_func.__name__, self.py_func.__doc__]
        vars(module)["_DUFunc"].__init__(found, self, identity=number)
        vars(found)["reorderable"] = number != module.PyUFunc_None

    @property
    def early(self) -> Any:
        return self.body[1]

    @property
    def later(self) -> Any:
        """With the keys of the methods for which compiling them compiles a loop."""
        return self.body[3]

    def catch_up(self, found: Any) -> None:
        """Add the loops that compiling JIT code would have added, in the order in which methods
        were given that call this function."""
        from .methods import answered

        given = answered()
        if len(given) == self._seen:
            return
        keys = list(given)
        fresh, self._seen = keys[self._seen :], len(keys)
        for key in fresh:
            for items, _, own, callers in self.later:
                if key in callers and all(known != own for _, known in self.loops):
                    self.add_loop(found, tuple(items).__eq__)

    def add(self, found: Any, loops: Iterable[tuple[Items, str, int]]) -> None:
        for items, key, address in loops:
            found._add_loop(address, list(map(type_number, items)))
            self.loops.append((items, key))
        self.watches = any(callers for *_, callers in self.later)
        if self.head[3] and not _is_frozen(found):
            _freeze(found)

    def answer(self, found: Any, args: tuple[Any, ...]) -> bool:
        """Whether there is now a loop for a call that NumPy has found none for."""
        if len(args) not in (self.nin, self.nin + self.head[1]):
            return False
        items = tuple(map(_item_of, args[: self.nin]))
        if None in items:
            return False
        if any(known[: self.nin] == items for known, _ in self.loops):
            # Another thread has added it, or the loop is there and something else is wrong.
            return len(args) == self.nin
        return self.add_loop(found, lambda loop: loop[: self.nin] == items)


def _item_of(value: Any) -> str | None:
    """The type of an operand, as a DUFunc takes it; None where only Numba can tell."""
    import numpy

    if isinstance(value, numpy.ndarray):
        spec = spec_of(value)
        return _scalar(None if spec is None else spec[1])
    if isinstance(value, numpy.generic):
        return _scalar(spec_of_dtype(value.dtype))
    if type(value) in (bool, int, float, complex):
        return _scalar(spec_of_dtype(numpy.dtype(type(value))))
    return None


def _scalar(spec: Any) -> str | None:
    return spec if isinstance(spec, str) and (spec in NUMBERS or spec[0] in "mM") else None


# Those of Numba's DUFunc that its C type has not. Tests compare with Numba.
_NUMBAS_OF_DUFUNC = frozenset(
    {
        "_DUFunc__base_kwargs", "_compile_for_argtys", "_initialize", "_install_cg",
        "_install_type", "_install_ufunc_at", "_install_ufunc_attributes",
        "_install_ufunc_methods", "_install_ufunc_reduce", "_install_ufunc_reduceat", "_lower_me",
        "_rebuild", "_reduce_class", "_reduce_states", "_type_me", "add", "build_ufunc",
        "disable_compile", "find_ewise_function", "match_signature", "targetoptions",
    }
)  # fmt: skip

_is_frozen: Any = None
_freeze: Any = None


def _dufunc_class(module: Any) -> Any:
    global _is_frozen, _freeze
    import numpy

    base: Any = module._DUFunc
    call, at = base.__call__, base.at
    frozen = vars(base)["_frozen"]
    _is_frozen = frozen.__get__

    def _set_frozen(found: Any) -> None:
        frozen.__set__(found, True)

    _freeze = _set_frozen
    usual = numpy.ndarray.__array_ufunc__

    def after_ready(name: str) -> Any:
        """A method of the C type, for when the loops are there."""
        method = getattr(base, name)

        def ready(self: Any, *args: Any, **kws: Any) -> Any:
            part = part_of(self)
            if part is not None and (part.watches or not part.is_ready):
                part.make_ready(self)
            return method(self, *args, **kws)

        ready.__name__ = name
        return ready

    def member(name: str) -> Any:
        """An attribute of the C type."""
        found = vars(base)[name]

        def get(self: Any) -> Any:
            part = part_of(self)
            if part is not None and (part.watches or not part.is_ready):
                part.make_ready(self)
            return found.__get__(self)

        return property(get, lambda self, value: found.__set__(self, value))

    def of_ufunc(name: str) -> Any:
        return property(lambda self: getattr(self.ufunc, name))

    class DUFunc(base):  # type: ignore[misc]
        """What stands for Numba's class of this name until Numba is imported."""

        _pkgimage_numbas = _NUMBAS_OF_DUFUNC
        __getattr__, __dir__, __reduce_ex__ = getattr_of, dir_of, reduce_of

        ufunc, _keepalive, _frozen = member("ufunc"), member("_keepalive"), member("_frozen")
        reduce, accumulate = after_ready("reduce"), after_ready("accumulate")
        reduceat, outer = after_ready("reduceat"), after_ready("outer")
        nin, nout, nargs = of_ufunc("nin"), of_ufunc("nout"), of_ufunc("nargs")
        ntypes, types = of_ufunc("ntypes"), of_ufunc("types")
        identity, signature = of_ufunc("identity"), of_ufunc("signature")

        @property
        def _dispatcher(self) -> Any:
            callables.become_numbas(self)
            return self._dispatcher

        def __call__(self, *args: Any, **kws: Any) -> Any:
            for value in (*args, *kws.values()) if kws else args:
                theirs = getattr(type(value), "__array_ufunc__", usual)
                if theirs is not usual:
                    output = value.__array_ufunc__(self, "__call__", *args, **kws)
                    if output is not NotImplemented:
                        return output
            part = self.__dict__.get(PART)
            if part is not None and (part.watches or not part.is_ready):
                part.make_ready(self)
            return call(self, *args, **kws)

        def _compile_for_args(self, *args: Any, **kws: Any) -> Any:
            """The C code asks for a loop, and then looks for one again."""
            part = part_of(self)
            asked = (*args, kws["out"]) if len(kws) == 1 and "out" in kws else args
            if part is not None and not (kws and asked is args) and part.answer(self, asked):
                return True
            callables.become_numbas(self)
            return self._compile_for_args(*args, **kws)

        def at(self, a: Any, indices: Any, b: Any = None) -> Any:
            part = part_of(self)
            args = (a,) if b is None else (a, b)
            if part is None or not part.make_ready(self) or not _has_loop_at(self, part, args):
                callables.become_numbas(self)
                return self.at(a, indices, b)
            return at(self, a, indices) if b is None else at(self, a, indices, b)

    DUFunc.__qualname__ = "DUFunc"
    return DUFunc


def _has_loop_at(found: Any, part: DUFuncPart, args: tuple[Any, ...]) -> bool:
    """Whether there is a loop for `at`, added where the image has it."""
    items = tuple(map(_element_of, args))
    if None in items or len(items) != part.nin:
        return False
    if part.head[3]:
        return matching_loop([loop for loop, _ in part.loops], items, part.nin) is not None
    if any(loop[: part.nin] == items for loop, _ in part.loops):
        return True
    return part.answer(found, args)


def _element_of(value: Any) -> str | None:
    """The type of a value, or of an array's elements, as Numba's `typeof` has it."""
    spec = spec_of(value)
    if isinstance(spec, tuple) and spec[0] == "array":
        spec = spec[1]
    return _scalar(spec)


def matching_loop(loops: Sequence[Items], items: Sequence[Any], nin: int) -> Items | None:
    """The first loop that Numba takes to fit operands' types, outputs included where given.

    As NumPy does, but that integers are cast to any float where floats are among the inputs.
    """
    import numpy

    given = [numpy.dtype(item) for item in items]
    kinds = {dtype.kind for dtype in given[:nin]}
    mixed = bool(kinds & {"i", "u"}) and bool(kinds & {"c", "f"})

    def casts(start: Any, end: Any, casting: Any) -> bool:
        if mixed and start.kind in "iu" and end.kind in "cf":
            return True
        return bool(numpy.can_cast(start, end, casting))

    for loop in loops:
        wanted = [numpy.dtype(item) for item in loop]
        if any(dtype.char == "e" for dtype in wanted[:nin]):
            continue
        inputs = all(
            one.kind == other.kind if {one.kind, other.kind} & {"m", "M"}
            else casts(one, other, "safe")
            for one, other in zip(given[:nin], wanted[:nin], strict=True)
        )  # fmt: skip
        outputs = all(
            one.kind in "mM" or casts(other, one, "same_kind")
            for one, other in zip(given[nin:], wanted[nin:], strict=False)
        )
        if inputs and outputs:
            return loop
    return None


# -- GUFunc --------------------------------------------------------------------------------------


class GUFuncPart(_UniversalPart):
    """head: (inputs, outputs, identity, signature, writable arguments, whether it compiles no more,
    whether it compiles when called); body: (options, those of its dispatcher, early loops, pickle
    of their signatures, later loops)."""

    def initialise(self, found: Any) -> None:
        self.nin = self.head[0]
        self.ufunc: Any = None
        self._addresses: list[int] = []

    @property
    def early(self) -> Any:
        return self.body[2]

    @property
    def later(self) -> Any:
        return self.body[4]

    def add(self, found: Any, loops: Iterable[tuple[Items, str, int]]) -> None:
        known = list(self.loops)
        for items, key, address in loops:
            known.append((items, key))
            self._addresses.append(address)
        nin, nout, identity, signature, writable, _, _ = self.head
        module = sys.modules[_MODULE]
        name, doc = self.py_func.__name__, self.py_func.__doc__
        numbers = [list(map(type_number, items)) for items, _ in known]
        nothing = [None] * len(numbers)
        self.ufunc = module.fromfunc(
            name, doc, list(self._addresses), numbers, nin, nout, nothing,
            [self, name, doc], _identity(identity, module), signature, tuple(writable),
        )  # fmt: skip
        self.loops = known  # last: another thread that finds a loop calls the ufunc

    def fits(self, found: Any, args: tuple[Any, ...]) -> bool:
        """Whether there is now a loop for a call with all operands."""
        items = tuple(map(_element_of, args))
        if None in items:
            return False
        if matching_loop([loop for loop, _ in self.loops], items, self.nin) is not None:
            return True
        return self.add_loop(found, lambda loop: loop == items)


_NUMBAS_OF_GUFUNC = frozenset(
    {
        "_compile_for_argtys", "_get_ewise_dtypes", "_get_function_type", "_initialize",
        "_install_cg", "_install_type", "_lower_me", "_num_args_match", "_rebuild",
        "_reduce_class", "_reduce_states", "_type_me", "add", "build_ufunc", "disable_compile",
        "expected_ndims", "find_ewise_function", "gufunc_builder", "match_signature",
    }
)  # fmt: skip


def _gufunc_class() -> Any:
    def of_head(index: int) -> Any:
        return property(lambda self: part_of(self).head[index])

    def of_ufunc(name: str) -> Any:
        return property(lambda self: getattr(self.ufunc, name))

    class GUFunc(abc.ABC):  # noqa: B024  (Numba's class has this base too)
        """What stands for Numba's class of this name until Numba is imported."""

        _pkgimage_numbas = _NUMBAS_OF_GUFUNC
        __getattr__, __dir__, __reduce_ex__ = getattr_of, dir_of, reduce_of

        nin, nout, nargs = of_ufunc("nin"), of_ufunc("nout"), of_ufunc("nargs")
        ntypes, types = of_ufunc("ntypes"), of_ufunc("types")
        identity, signature = of_ufunc("identity"), of_ufunc("signature")
        accumulate, at, outer = of_ufunc("accumulate"), of_ufunc("at"), of_ufunc("outer")
        reduce, reduceat = of_ufunc("reduce"), of_ufunc("reduceat")
        _identity, _frozen, _is_dynamic = of_head(2), of_head(5), of_head(6)
        is_dynamic = of_head(6)

        @property
        def ufunc(self) -> Any:
            part = part_of(self)
            if part is None or not part.make_ready(self):
                return self.__dict__["ufunc"]  # Numba's now
            return part.ufunc

        @property
        def _dispatcher(self) -> Any:
            callables.become_numbas(self)
            return self._dispatcher

        def __repr__(self) -> str:
            return f"<numba._GUFunc '{self.__name__}'>"  # type: ignore[attr-defined]

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            part = part_of(self)
            if part is not None and part.make_ready(self):
                nin, nout, _, _, _, frozen, dynamic = part.head
                if frozen or not dynamic:
                    if args and _is_wrapper(args[0]):
                        return args[0].__array_ufunc__(self, "__call__", *args, **kwargs)
                    return part.ufunc(*args, **kwargs)
                rest = dict(kwargs)
                operands = (*args, rest.pop("out")) if "out" in rest else args
                if len(operands) == nin + nout and part.fits(self, operands):
                    return self.ufunc(*operands, **rest)
            callables.become_numbas(self)
            return self(*args, **kwargs)

    GUFunc.__qualname__ = "GUFunc"
    return GUFunc


def _is_wrapper(value: Any) -> bool:
    """Whether Numba leaves a call to its argument: a lazy array that may pickle the function."""
    return (
        not isinstance(value, type)
        and hasattr(value, "__dask_graph__")
        and hasattr(value, "__array_ufunc__")
    )
