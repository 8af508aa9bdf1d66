"""Objects of the standard library's and built-in types."""
# ruff: noqa

import array
import collections
import datetime
import decimal
import fractions
import logging
import operator
import os
import os.path
import pathlib
import re
import sys
import types
import uuid
import weakref
from math import sin
from random import random as draw
from types import MappingProxyType, SimpleNamespace

try:
    import data_values_is_not_installed
except ImportError:
    data_values_is_not_installed = None

TEXTS = ["", "a", "ü\ud800", "long " * 100, "line\nline"]
NUMBERS = [
    0,
    1,
    -1,
    255,
    256,
    65535,
    65536,
    2**31 - 1,
    -(2**31),
    2**31,
    2**63,
    -(2**2100),
    10**3000,
]
FLOATS = [0.0, -0.0, 1.5, float("inf"), 1e308, 1j, complex(-0.0, 2)]
BYTES = [b"", b"a", b"x" * 300, bytearray(b"ab"), b"y" * 70000]
SINGLE = [None, True, False, ..., NotImplemented, type(None), type(...), object, type, int, len]
SLICES = [slice(1, 2, 3), range(0, 10, 2)]
view = memoryview(BYTES[3])
NESTED = {"list": [1, (2, [3])], "tuple": ((),), 3: {4: {5}}, (1, "a"): frozenset({"x", "y"})}
CYCLE = []
CYCLE.append((CYCLE, {"self": CYCLE}))
DEEP = None
for _ in range(5000):
    DEEP = [DEEP]
WIDE = list(range(2500))
WIDE_DICT = {str(i): i for i in range(1500)}
WIDE_SET = {f"e{i}" for i in range(1200)}

ordered = collections.OrderedDict([("b", 1), ("a", 2)])
counter = collections.Counter("abca")
default = collections.defaultdict(list, {"k": [1]})
queue = collections.deque([1, 2], maxlen=5)
chain = collections.ChainMap({"a": 1}, {"b": 2})
numbers = array.array("d", [1.0, 2.0])
pattern = re.compile(r"a+(b)", re.I)
path = pathlib.PurePosixPath("/a/b")
when = datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc)  # noqa: UP017
money = decimal.Decimal("1.10")
third = fractions.Fraction(1, 3)
ident = uuid.UUID(int=5)
proxy = MappingProxyType({"a": NESTED})
space = SimpleNamespace(a=1, b=[2])
log = logging.getLogger(__name__)
environ = os.environ
join = os.path.join
get_item = operator.itemgetter("a")
add = operator.add
out = sys.stdout
flags = sys.flags
method_of_class = str.upper
bound_from_keys = dict.fromkeys
weak = weakref.WeakKeyDictionary()


class Key:
    pass


key = Key()
weak[key] = "value"
generic = types.GenericAlias(list, (int,))
functions_set = {sin, draw, Key}
own_module = sys.modules[__name__]
submodule = os.path
