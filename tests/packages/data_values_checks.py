"""What must be true of data_values, imported or restored."""
# ruff: noqa

import asyncio
import copy
import functools
import inspect
import pickle
import sys
import traceback
import typing
import warnings
from dataclasses import FrozenInstanceError, asdict, fields, replace
from pathlib import Path

import data_values
import numpy as np
from data_values import arrays, classes, functions, plugin, registry, sharing, standard

FOLDER = Path(__file__).parent / "data_values"


def raises(kind, function, *args):
    try:
        function(*args)
    except kind as error:
        return error
    raise AssertionError(f"{function} raised no {kind}")


def check_names():
    assert data_values.__version__ == "1.2"
    assert data_values.__doc__ == "A package of all kinds of objects."
    assert data_values.made_on_demand == "made"
    assert dir(data_values) == ["answer", "made_on_demand"]
    assert data_values.simple is functions.simple is functions.alias
    assert data_values.early is functions.up
    names = [name for name in vars(data_values) if not name.startswith("__")]
    assert names == ["functions", "classes", "standard", "arrays", "registry", "plugin", "sharing",
                     "simple", "answer", "early"], names  # fmt: skip
    assert list(vars(functions))[-6:] == [
        "bound", "wraps_a_class", "builtin_method", "default_cycle", "with_default", "pair"]  # fmt: skip
    assert functions.annotations.compiler_flag
    scope = {}
    exec("from data_values import *", scope)
    assert scope["answer"] == 42


def check_function():
    simple = functions.simple
    assert simple(1, x=2) == (1, 2, (), 3, {"x": 2})
    assert str(inspect.signature(simple)) == "(a, b=2, *rest, c: 'int' = 3, **more) -> 'tuple'"
    assert simple.__doc__ == "What it returns is what it got."
    assert simple.mark == ["of the function"]
    assert simple.__module__ == "data_values.functions" and simple.__qualname__ == "simple"
    assert simple.__globals__ is vars(functions)
    assert simple.__builtins__ is __builtins__ or simple.__builtins__["len"] is len
    assert pickle.loads(pickle.dumps(simple)) is simple
    assert repr(simple).startswith("<function simple at 0x")


def check_closures():
    before = functions.value()
    assert functions.up() == before + 1 == functions.value()
    assert sharing.again() == (before + 2, before + 2)
    raises(NameError, functions.unset)
    assert functions.factorial(10) == 3628800
    even, odd = functions.even_odd
    assert even(10) and odd(7)
    assert functions.factorial.__qualname__ == "make_factorial.<locals>.factorial"


def check_decorators():
    assert functions.scaled(1) == 6 and functions.scaled.__doc__ == "Scaled."
    assert functions.scaled.__wrapped__(1) == 2
    assert functions.scaled.cells[0] is functions.scaled.__closure__[0]
    assert sharing.everything["cell"] is functions.scaled.__closure__[0]
    with functions.context(3) as value:
        assert value == 3
    assert functions.context.__wrapped__.__module__ == "data_values.functions"
    functions.SCALE = 4
    assert functions.scaled(1) == 8
    functions.SCALE = 3


def check_caches():
    functions.cached.cache_clear()
    assert functions.cached(2) is functions.cached(2)
    assert functions.cached.cache_info().hits == 1
    assert functions.cached.cache_parameters() == {"maxsize": 7, "typed": False}
    assert functions.cached.__doc__ == "Cached." and functions.cached.note == "kept"
    assert functions.uncached_limit.cache_parameters()["maxsize"] is None
    assert functions.uncached_limit.__wrapped__ is functions.simple
    assert pickle.loads(pickle.dumps(functions.cached)) is functions.cached


def check_callables():
    assert (
        functions.partial(b=5) == (1, 5, (), 7, {}) and functions.partial.func is functions.simple
    )
    assert [f(10) for f in functions.lambdas] == [10, 11, 12]
    assert functions.space["other"](1) == 12
    assert functions.executed.__globals__ is functions.space is sharing.everything["space"]
    assert functions.executed.__module__ == "elsewhere"
    assert eval(functions.compiled, {"SCALE": 1}) == 2
    assert list(functions.generator(3)) == [0, 1, 2]
    assert asyncio.run(functions.coroutine()) == 1
    assert functions.bound() is functions.bound.__self__
    assert functions.bound.__self__.method() is functions.bound.__self__
    assert functions.wraps_a_class().run() is not None
    assert functions.wraps_a_class.__wrapped__ is functions._Self
    assert vars(functions.wraps_a_class)["__dict__"] is vars(functions._Self)["__dict__"]
    functions.builtin_method(2)
    assert functions.builtin_method.__self__[:3] == [3, 1, 2]
    assert functions.with_default() is functions.default_cycle
    assert functions.default_cycle[0] is functions.with_default
    assert functions.pair[0].pair is functions.pair


def check_singledispatch():
    assert (
        functions.kind("") == "any" and functions.kind(3) == "int" and functions.kind([]) == "list"
    )
    functions.kind.register(dict)(lambda x: "dict")
    assert functions.kind({}) == "dict" and functions.kind(True) == "int"


def check_lines():
    source = (FOLDER / "functions.py").read_text().splitlines()
    frame = traceback.extract_tb(raises(ValueError, functions.fails, 1).__traceback__)[-1]
    assert frame.filename == str(FOLDER / "functions.py") == functions.__file__
    assert (
        "line of fails" in source[frame.lineno - 1]
        and frame.line == "raise ValueError(y)  # line of fails"
    )
    frame = traceback.extract_tb(raises(KeyError, functions.inner).__traceback__)[-1]
    assert frame.filename == functions.__file__ and frame.line == 'raise KeyError("inner")'
    assert inspect.getsource(functions.fails).startswith("def fails(x):\n    y = x + 1")
    assert inspect.getsource(functions.inner).strip().startswith("def inner():")
    assert inspect.getsource(classes.Plain.private).strip().startswith("def private(self):")
    assert inspect.getsource(classes.Derived).startswith("class Derived(Plain):")
    assert inspect.getsourcefile(plugin.handle) == str(FOLDER / "plugin.py")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        functions.warns()
    assert caught[0].filename == functions.__file__
    assert source[caught[0].lineno - 1].strip().startswith("warnings.warn")
    assert inspect.unwrap(functions.context).__code__.co_filename == functions.__file__
    import contextlib

    assert functions.context.__code__.co_filename == contextlib.__file__


def check_plain_class():
    Plain = classes.Plain
    assert Plain.__doc__ == "Plain." and Plain.__module__ == "data_values.classes"
    assert Plain().x == 1 and Plain.make().x == 9 and Plain.static(1) == 2
    one = Plain(2)
    one.double = 10
    assert one.x == 5 and one.double == 10 and Plain.double.__doc__ == "Twice x."
    assert one.cached is one.cached and one.cached == [5]
    assert one.me() is Plain and classes.derived.me() == (Plain, classes.Derived)
    assert classes.derived.x == 7 and isinstance(classes.derived, Plain)
    assert Plain.Inner().where() == "Plain.Inner" and one.private() == 5
    assert Plain.default.__class__ is Plain.itself is Plain
    assert classes.plain.loop is classes.plain and classes.plain.x == 4
    assert sharing.everything["inner"] is classes.plain.inner
    assert sharing.everything["items"] is Plain.items and sharing.instance is classes.plain
    assert sharing.Below.__mro__ == (sharing.Below, Plain, object)
    assert isinstance(sharing.Below(3).double, int)
    assert Plain.__subclasses__() == [classes.Derived, classes.local_class, sharing.Below]
    other = copy.deepcopy(classes.plain)
    assert other.loop is other is not classes.plain and other.inner is not classes.plain.inner
    assert pickle.loads(pickle.dumps(Plain(3))).x == 3
    assert pickle.loads(pickle.dumps(classes.Plain.Inner())).where() == "Plain.Inner"
    names = [name for name in vars(Plain) if name[:1] != "_"]
    assert names == ["limit", "items", "me", "double", "make", "static", "cached", "Inner", "private",
                     "default", "itself"], names  # fmt: skip
    assert "__dict__" in vars(Plain) and "__weakref__" in vars(Plain)
    assert classes.local_class.__bases__ == (Plain,) and classes.local_class.a == 1


def check_subclass_hooks():
    assert classes.Registered.subclasses == [classes.First, classes.Second]
    assert classes.First.options == {"option": 1} and classes.Second.options == {}
    assert classes.made == ["attribute"]

    class Third(classes.First, more=2):
        again = classes.Registered()

    assert classes.Registered.subclasses.pop() is Third and Third.options == {"more": 2}
    assert classes.made.pop() == "again"
    assert type(vars(classes.Registered)["__init_subclass__"]) is classmethod
    assert classes.Described().one == "two" or classes.Described().one == "one"
    assert classes.Described.slot is vars(classes.Slots)["a"]


def check_metaclass():
    assert type(classes.WithMeta) is classes.Meta and classes.Meta.calls == 1
    assert classes.WithMeta.by_meta == "withmeta" and classes.WithMeta.title == "Withmeta"
    raises(AttributeError, setattr, classes.WithMeta, "frozen", 1)
    assert isinstance(classes.WithMeta(), classes.WithMeta) and classes.WithMeta.frozen == "no"


def check_slots():
    assert classes.slots.a == 1 and classes.slots.hidden() == 2
    raises(AttributeError, lambda: classes.slots.b)
    raises(AttributeError, setattr, classes.slots, "free", 1)
    assert classes.Slots.__slots__ == ("a", "__hidden", "b")
    more = classes.more_slots
    assert (more.a, more.c, more.free, more.hidden()) == (1, 3, 4, 2)
    assert vars(more) == {"free": 4} and not hasattr(classes.slots, "__dict__")
    assert classes.Slots.__basicsize__ == object.__basicsize__ + 24
    assert classes.FromEmptySlots.__base__ is classes.EmptySlots
    classes.FromEmptySlots().free = 1
    assert not hasattr(classes.EmptySlots(), "__dict__")
    assert copy.copy(more).free == 4


def check_abstract():
    raises(TypeError, classes.Shape)
    assert classes.Shape.__abstractmethods__ == {"area", "name"}
    assert classes.Square().area() == 4 and isinstance(classes.Square(), classes.Shape)
    assert issubclass(classes.Strange, classes.Shape) and not issubclass(int, classes.Shape)
    assert isinstance(classes.Strange(), classes.Shape)
    assert list(classes.Seq()) == [1, 2] and 2 in classes.Seq()
    match classes.Seq():
        case [first, *_]:
            assert first == 1
        case _:
            raise AssertionError("no sequence")

    @classes.Shape.register
    class Later:
        pass

    assert issubclass(Later, classes.Shape)
    raises(TypeError, type("Half", (classes.Shape,), {}))


def check_dataclasses():
    Point, Frozen = classes.Point, classes.Frozen
    assert repr(Point(1)) == "Point(x=1, y=2)" and Point(1) == Point(1, 2, [])
    assert Point(1).tags is not Point(1).tags and classes.point.tags == [5]
    assert [f.name for f in fields(Point)] == ["x", "y", "tags"]
    assert fields(Point)[0].default is classes.missing and asdict(classes.point)["tags"] == [5]
    raises(TypeError, Point)
    raises(FrozenInstanceError, setattr, Frozen(a=1), "a", 2)
    raises(TypeError, Frozen, 1)
    assert Frozen(a=1) < Frozen(a=2) and Frozen(a=1).plus() == Frozen(a=2)
    assert classes.by_frozen[Frozen(a=1)] == "found" and hash(classes.frozen) == hash(Frozen(a=1))
    assert replace(classes.frozen, b="c").b == "c"
    assert pickle.loads(pickle.dumps(classes.frozen)) == classes.frozen
    assert Point.__match_args__ == ("x", "y", "tags")
    assert inspect.signature(Point) == inspect.Signature.from_callable(Point.__init__).replace(
        parameters=list(inspect.signature(Point).parameters.values())
    )


def check_enums():
    Color, Bits = classes.Color, classes.Bits
    assert classes.red is Color.RED is Color(1) is Color["RED"] is Color.CRIMSON
    assert list(Color) == [Color.RED, Color.GREEN] and Color([2]) is Color.GREEN
    assert list(Color.__members__) == ["RED", "GREEN", "CRIMSON"]
    assert Color.RED.shout() == "RED!" and Color.default() is Color.RED
    assert repr(Color.RED) == "<Color.RED: 1>" and classes.colors[Color.GREEN] == "g"
    assert Color.GREEN in classes.color_set and sharing.everything["color"] is Color.GREEN.value
    assert pickle.loads(pickle.dumps(Color.GREEN)) is Color.GREEN is copy.deepcopy(Color.GREEN)
    raises(ValueError, Color, 9)
    raises(AttributeError, setattr, Color, "RED", 2)
    raises(TypeError, type(Color), "More", (Color,), {}) if False else None
    assert classes.Number.TWO == 2 and classes.Number(1) is classes.Number.ONE
    assert classes.Number.ONE + 1 == 2 and f"{classes.Text.HELLO}" == "hello"
    assert classes.both is Bits.A | Bits.B and Bits.A in classes.both and ~Bits.A == Bits.B | Bits.C
    assert list(classes.both) == [Bits.A, Bits.B] and Bits.A | Bits.C is Bits(5)
    assert classes.IntBits.X | classes.IntBits.Y == 3 and classes.IntBits(3).name == "X|Y"
    assert classes.Planet.EARTH.mass == 5.9 and classes.Planet((0.6, 3.3)) is classes.Planet.MARS
    assert isinstance(Color.RED, Color) and type(Color.RED) is Color and len(Color) == 2


def check_tuples():
    assert classes.named == (1, "b") and classes.named.swapped() == ("b", 1)
    assert repr(classes.pair) == "Pair(left=1, right=Named(a=1, b='b'))"
    assert classes.pair.right is classes.named and classes.Pair(3) == (3, 0)
    assert classes.Named._field_defaults == {"b": "b"} and classes.pair._replace(left=2).left == 2
    assert pickle.loads(pickle.dumps(classes.pair)) == classes.pair
    assert classes.Named.__doc__ == "Named." and classes.Named._fields == ("a", "b")


def check_typing():
    assert classes.Movie(title="t") == {"title": "t"} and classes.Movie.__total__ is False
    assert typing.get_type_hints(classes.Movie) == {"title": str, "year": int}
    assert typing.is_typeddict(classes.Movie)
    assert classes.box.content == 3 and classes.IntBox.__orig_bases__ == (classes.Box[int],)
    assert classes.Box.__parameters__ == (classes.T,) and classes.Box[int].__origin__ is classes.Box
    assert classes.T.__name__ == "T" and classes.T.__module__ == "data_values.classes"
    assert classes.T.__bound__ == typing.ForwardRef("Plain")
    assert pickle.loads(pickle.dumps(classes.T)) is classes.T
    assert classes.UserId(3) == 3 and classes.UserId.__supertype__ is int
    assert pickle.loads(pickle.dumps(classes.UserId)) is classes.UserId
    assert isinstance(classes.HasSize(), classes.Sized) and not isinstance(3, classes.Sized)
    raises(TypeError, classes.Sized)
    assert classes.Explicit().size() is None
    assert typing.get_args(classes.alias)[0].__origin__ is classes.Box
    assert typing.get_args(classes.optional) == (classes.Plain, type(None))
    assert isinstance(3, classes.union)


def check_exceptions():
    error = classes.trouble
    assert isinstance(error, LookupError) and str(error) == "trouble 7" and error.code == 7
    assert str(raises(ValueError, lambda: (_ for _ in ()).throw(error))) == "trouble 7"
    error.__traceback__ = None
    assert str(classes.Trouble(1)) == "trouble 1"
    assert classes.absent_file.errno == 2 and classes.absent_file.filename == "name"


def check_copying_protocols():
    assert classes.Singleton() is classes.single
    assert classes.reduced.a == [1] and classes.reduced.handle() is None
    assert (classes.stated.a, classes.stated.b) == (1, 2)
    assert classes.greedy.kept == 1 and classes.greedy.other == "no other"
    assert type(classes.my_list) is classes.MyList and classes.my_list == [1, 2]
    assert classes.my_list.note is classes.my_list
    raises(TypeError, classes.my_list.append, 1)
    assert classes.my_dict == {"a": 1} and classes.my_dict["b"] == "missing"
    assert classes.my_int == 5 and classes.my_int.note == "five"
    assert classes.my_str == "text" and classes.my_str.extra == 1
    assert type(classes.my_tuple) is classes.MyTuple and classes.my_tuple[1] is classes.my_list
    assert type(classes.my_set) is classes.MySet and classes.my_set == {1, 2, 3}
    assert classes.ordered[classes.Ordered("a")] == 2
    assert classes.Ordered("c") in classes.ordered_set or len(classes.ordered_set) == 2
    assert classes.Ordered("a") in classes.ordered_set and classes.Ordered("a") <= classes.Ordered(
        "b"
    )


def check_builtins():
    assert standard.TEXTS == ["", "a", "ü\ud800", "long " * 100, "line\nline"]
    assert standard.NUMBERS == [
        0, 1, -1, 255, 256, 65535, 65536, 2**31 - 1, -(2**31), 2**31, 2**63, -(2**2100), 10**3000
    ]  # fmt: skip
    assert list(map(repr, standard.FLOATS)) == [
        "0.0",
        "-0.0",
        "1.5",
        "inf",
        "1e+308",
        "1j",
        "(-0+2j)",
    ]
    assert [bytes(x) for x in standard.BYTES] == [b"", b"a", b"x" * 300, b"ab", b"y" * 70000]
    assert standard.view.obj is standard.BYTES[3]
    single = [None, True, False, ..., NotImplemented, type(None), type(...), object, type, int, len]
    assert all(a is b for a, b in zip(standard.SINGLE, single, strict=True))
    assert standard.SLICES == [slice(1, 2, 3), range(0, 10, 2)]
    assert standard.NESTED == {
        "list": [1, (2, [3])], "tuple": ((),), 3: {4: {5}}, (1, "a"): {"x", "y"}}  # fmt: skip
    cycle = standard.CYCLE
    assert cycle[0][0] is cycle is cycle[0][1]["self"]
    depth, deep = 0, standard.DEEP
    while deep:
        depth, deep = depth + 1, deep[0]
    assert depth == 5000
    assert standard.WIDE == list(range(2500)) and standard.WIDE_DICT["1499"] == 1499
    assert standard.WIDE_SET == {f"e{i}" for i in range(1200)}
    assert standard.data_values_is_not_installed is None


def check_standard():
    assert list(standard.ordered) == ["b", "a"] and standard.counter["a"] == 2
    assert standard.default["new"] == [] and standard.default["k"] == [1]
    assert standard.queue.maxlen == 5 and list(standard.queue) == [1, 2]
    assert standard.chain["b"] == 2 and standard.numbers.tolist() == [1.0, 2.0]
    assert standard.pattern.match("AAb") and str(standard.path) == "/a/b"
    assert standard.when.year == 2020 and str(standard.money) == "1.10" and standard.third * 3 == 1
    assert standard.ident.int == 5 and standard.proxy["a"] is standard.NESTED
    raises(TypeError, lambda: standard.proxy.update()) if False else None
    assert standard.space.b == [2]
    import logging
    import os
    import random

    assert standard.log is logging.getLogger("data_values.standard")
    assert standard.environ is os.environ and standard.join is os.path.join
    assert standard.get_item({"a": 3}) == 3 and standard.add(1, 2) == 3
    assert standard.out is sys.stdout and standard.flags is sys.flags
    assert standard.method_of_class("a") == "A" and standard.bound_from_keys("a") == {"a": None}
    assert standard.weak[standard.key] == "value" and len(standard.weak) == 1
    assert standard.draw is random.random and standard.draw in standard.functions_set
    assert standard.own_module is standard and standard.submodule is os.path
    assert standard.generic == list[int]


def check_arrays():
    a = arrays
    assert a.same is a.plain is sharing.everything["array"] and a.plain.tolist() == list(range(12))
    assert a.view.base is a.plain and a.view.tolist() == [2.0, 4.0, 6.0]
    a.plain[4] = -1
    assert a.view[1] == -1 and a.backwards[7] == -1 and sharing.everything["view"][0] == -1
    a.plain[4] = 4
    assert a.matrix.tolist() == [[0, 1, 2], [3, 4, 5]] and a.matrix.dtype == np.int32
    assert a.fortran.flags.f_contiguous and not a.fortran.flags.c_contiguous
    assert a.fortran_view.tolist() == [[4, 6], [8, 10]] and np.shares_memory(
        a.fortran_view, a.fortran
    )
    assert a.transposed.tolist() == np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1).tolist()
    assert a.transposed.strides == np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1).strides
    raises(ValueError, a.readonly.__setitem__, 0, 1)
    assert a.scalar.shape == () and a.scalar[()] == 5 and a.scalar.flags.writeable
    assert a.empty.shape == (0, 3) and a.empty.dtype == np.int16 and a.empty_strings.dtype == "U5"
    assert a.structured[0].tolist() == (1, 2.5, "a") and np.shares_memory(a.field, a.structured)
    assert a.aligned.dtype.isalignedstruct and a.aligned.dtype.itemsize == 16
    assert a.dates.tolist() == [
        np.datetime64("2020-01-01").item(),
        np.datetime64("2021-02-03").item(),
    ]
    assert np.shares_memory(a.dates, a.some_dates) and a.some_dates[0] == np.datetime64(
        "2021-02-03"
    )
    assert a.strings.tolist() == ["a", "bcd"] and a.raw.tolist() == [b"a", b"bcd"]
    assert a.swapped.tolist() == [0, 1, 2] and a.swapped.dtype == ">i4"
    assert a.objects[1, 0] is a.plain and a.objects[0, 1] == "a" and a.objects[1, 1] is None
    assert a.objects_f.tolist() == [[1, 2, 3], [4, 5, 6]] and a.objects_f.flags.f_contiguous
    assert a.piece.tolist() == [10, 11, 12]
    a.left[5] = 77
    assert a.right[0] == 77 and a.right.tolist()[1:] == list(range(6, 15))
    a.left[8] = 55
    assert sharing.everything["part"][0] == 55 and a.apart.tolist() == [50, 51]
    a.left[8], a.left[5] = 8, 5
    a.shared_bytes[4] = 9
    assert a.on_bytes[0] == 9 and a.on_bytes.shape == (3,)
    assert a.on_constant.tolist() == [97, 98, 99, 100] and not a.on_constant.flags.writeable
    assert a.broadcast.tolist() == [[0, 1, 2]] * 4 and a.broadcast.strides[0] == 0
    assert a.norm(np.ones(12)) == np.sqrt(66) and a.norm.__defaults__[0] is a.plain


def check_numpy_objects():
    a = arrays
    assert a.number == 2.5 and type(a.number) is np.float64 and a.integer == np.int8(-3)
    assert a.date == np.datetime64("2020-01-01") and a.dtype is np.dtype("f8")
    assert a.plain.dtype is np.dtype("f8") and a.record_dtype is a.structured.dtype
    assert a.record.tolist() == (1, 2.5, "a") and a.records.a[0] == 1
    assert a.masked.tolist() == [1, None, 3] and a.polynomial(1) == 3
    assert a.ufunc is np.add and a.reduce([1, 2]) == 3 and a.newaxis is None and a.np is np
    assert a.kinds == [np.float64, np.int32, np.float32]
    assert type(a.sub) is a.Sub and a.sub.tolist() == [0, 1, 2] and a.sub.tag == "none"
    copied = pickle.loads(pickle.dumps(a.plain))
    assert copied.tolist() == a.plain.tolist() and copied.flags.owndata


def check_registry():
    assert registry.HANDLERS == {"handle": plugin.handle} and registry.HANDLERS["handle"](2) == 12
    assert registry.Plugin.known == {"Mine": plugin.Mine} and plugin.Mine().factor() == 6
    assert plugin.handle.__globals__ is vars(plugin)
    plugin.FACTOR = 7
    assert registry.HANDLERS["handle"](2) == 14
    plugin.FACTOR = 6


def check_modules():
    for name in ("functions", "classes", "standard", "arrays", "registry", "plugin", "sharing"):
        module = sys.modules[f"data_values.{name}"]
        assert getattr(data_values, name) is module
        assert module.__spec__.name == module.__name__ == f"data_values.{name}"
        assert module.__file__ == str(FOLDER / f"{name}.py")
        assert module.__package__ == "data_values" and module.__doc__
    assert functools.reduce(lambda x, y: x + y, [1, 2]) == 3
