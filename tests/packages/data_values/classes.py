"""Classes of all kinds and instances of them."""
# ruff: noqa

import abc
import collections
import enum
import typing
from dataclasses import MISSING, dataclass, field
from functools import cached_property, total_ordering

T = typing.TypeVar("T", bound="Plain")
UserId = typing.NewType("UserId", int)


class Plain:
    """Plain."""

    limit = 3
    items: typing.ClassVar[list] = []

    def __init__(self, x=1):
        self.x = x

    def me(self):
        return __class__

    @property
    def double(self):
        """Twice x."""
        return self.x * 2

    @double.setter
    def double(self, value):
        self.x = value // 2

    @classmethod
    def make(cls):
        return cls(9)

    @staticmethod
    def static(x):
        return x + 1

    @cached_property
    def cached(self):
        return [self.x]

    class Inner:
        def where(self):
            return type(self).__qualname__

    __private = 5

    def private(self):
        return self.__private


Plain.default = Plain()
Plain.itself = Plain
plain = Plain(4)
plain.loop = plain
plain.inner = Plain.Inner()


class Derived(Plain):
    def __init__(self):
        super().__init__(7)

    def me(self):
        return super().me(), __class__


derived = Derived()
made = []


class Registered:
    subclasses: typing.ClassVar[list] = []

    def __init_subclass__(cls, **options):
        super().__init_subclass__()
        cls.options = options
        Registered.subclasses.append(cls)

    def __set_name__(self, owner, name):
        made.append(name)


class First(Registered, option=1):
    attribute = Registered()


class Second(First):
    pass


class Meta(type):
    calls = 0

    def __new__(mcs, name, bases, body, **options):
        Meta.calls += 1
        cls = super().__new__(mcs, name, bases, body)
        cls.by_meta = name.lower()
        return cls

    def __call__(cls, *args):
        return super().__call__(*args)

    def __setattr__(cls, name, value):
        if name == "frozen":
            raise AttributeError(name)
        super().__setattr__(name, value)

    @property
    def title(cls):
        return cls.__name__.title()


class WithMeta(metaclass=Meta):
    frozen = "no"


class Slots:
    __slots__ = ("a", "__hidden", "b")

    def __init__(self):
        self.a = 1
        self.__hidden = 2

    def hidden(self):
        return self.__hidden


class MoreSlots(Slots):
    __slots__ = ("c", "__dict__", "__weakref__")

    def __init__(self):
        super().__init__()
        self.c = 3
        self.free = 4


class EmptySlots:
    __slots__ = ()


class FromEmptySlots(EmptySlots):
    pass


slots = Slots()
more_slots = MoreSlots()


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...

    @property
    @abc.abstractmethod
    def name(self): ...


class Square(Shape):
    name = "square"

    def area(self):
        return 4


@Shape.register
class Strange:
    pass


class Seq(collections.abc.Sequence):
    def __getitem__(self, index):
        return [1, 2][index]

    def __len__(self):
        return 2


@dataclass
class Point:
    x: int
    y: int = 2
    tags: list = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Frozen:
    a: int
    b: "str" = "b"

    def plus(self):
        return Frozen(a=self.a + 1)


point = Point(1, tags=[5])
frozen = Frozen(a=1)
by_frozen = {frozen: "found", Frozen(a=2): "two"}
missing = MISSING


class Color(enum.Enum):
    RED = 1
    GREEN = [2]
    CRIMSON = 1

    def shout(self):
        return self.name + "!"

    @classmethod
    def default(cls):
        return cls.RED


class Number(enum.IntEnum):
    ONE = 1
    TWO = enum.auto()


class Text(enum.StrEnum):
    HELLO = enum.auto()


class Bits(enum.Flag):
    A = 1
    B = 2
    C = 4


class IntBits(enum.IntFlag):
    X = 1
    Y = 2


class Planet(enum.Enum):
    EARTH = (5.9, 6.3)
    MARS = (0.6, 3.3)

    def __init__(self, mass, radius):
        self.mass = mass
        self.radius = radius


red = Color.RED
both = Bits.A | Bits.B
colors = {Color.RED: "r", Color.GREEN: "g"}
color_set = {Color.RED, Color.GREEN}


class Named(typing.NamedTuple):
    """Named."""

    a: int
    b: str = "b"

    def swapped(self):
        return self.b, self.a


Pair = collections.namedtuple("Pair", "left right", defaults=[0])
named = Named(1)
pair = Pair(1, named)


class Movie(typing.TypedDict, total=False):
    title: str
    year: int


class Box(typing.Generic[T]):
    def __init__(self, content: T):
        self.content = content


class IntBox(Box[int]):
    pass


@typing.runtime_checkable
class Sized(typing.Protocol):
    def size(self) -> int: ...


class HasSize:
    def size(self):
        return 1


class Explicit(Sized):
    pass


box = IntBox(3)
alias = list[Box[int]]
optional = typing.Optional[Plain]
union = Plain | int


class Trouble(ValueError):
    def __init__(self, code, more=None):
        super().__init__(f"trouble {code}")
        self.code = code


class Deep(Trouble, LookupError):
    pass


trouble = Deep(7)
absent_file = FileNotFoundError(2, "no such file", "name")


class Singleton:
    _instance = None

    def __new__(cls):
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance


single = Singleton()


class Reduced:
    def __init__(self, a):
        self.a = a
        self.handle = lambda: None

    def __reduce__(self):
        return type(self), (self.a,)


class Stated:
    def __init__(self):
        self.a, self.b = 1, 2

    def __getstate__(self):
        return {"a": self.a}

    def __setstate__(self, state):
        self.__dict__.update(state, b=helper())


def helper():
    return 2


reduced = Reduced([1])
stated = Stated()


class Greedy:
    """An instance has every attribute."""

    def __getattr__(self, name):
        return f"no {name}"

    def __setattr__(self, name, value):
        raise AttributeError("frozen")


greedy = Greedy()
vars(greedy)["kept"] = 1


class MyList(list):
    def append(self, item):
        raise TypeError("closed")

    extend = append


class MyDict(dict):
    def __setitem__(self, key, value):
        raise TypeError("closed")

    def __missing__(self, key):
        return "missing"


class MyInt(int):
    pass


class MyStr(str):
    __slots__ = ("extra",)


class MyTuple(tuple):
    pass


class MySet(set):
    pass


my_list = MyList([1, 2])
my_list.note = my_list
my_dict = MyDict({"a": 1})
my_int = MyInt(5)
my_int.note = "five"
my_str = MyStr("text")
my_str.extra = 1
my_tuple = MyTuple((1, my_list))
my_set = MySet({3, 1, 2})


@total_ordering
class Ordered:
    def __init__(self, key):
        self.key = key

    def __eq__(self, other):
        return self.key == other.key

    def __lt__(self, other):
        return self.key < other.key

    def __hash__(self):
        return hash((self.key, SEED))


SEED = "seed"
ordered = {Ordered("b"): 1, Ordered("a"): 2}
ordered_set = {Ordered("b"), Ordered("a")}


class Descriptor:
    def __init__(self):
        self.name = None

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner):
        return self.name


class Described:
    one = Descriptor()
    two = one
    slot = Slots.a


local_class = (lambda: type("Local", (Plain,), {"a": 1}))()
