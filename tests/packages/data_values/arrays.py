"""Arrays of all kinds."""
# ruff: noqa

import numpy as np
from numpy import float32, sqrt

plain = np.arange(12.0)
same = plain
view = plain[2:8:2]
backwards = plain[::-1]
matrix = np.arange(6, dtype=np.int32).reshape(2, 3)
fortran = np.asfortranarray(np.arange(12.0).reshape(3, 4))
fortran_view = fortran[1:, ::2]
transposed = np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1).copy(order="K")
readonly = np.arange(3)
readonly.flags.writeable = False
scalar = np.array(5.0)
empty = np.zeros((0, 3), np.int16)
empty_strings = np.zeros(0, "U5")
structured = np.array([(1, 2.5, "a")], dtype=[("i", "i4"), ("f", "f8"), ("s", "U3")])
field = structured["f"]
aligned = np.zeros(2, np.dtype([("a", "u1"), ("b", "f8")], align=True))
dates = np.array(["2020-01-01", "2021-02-03"], dtype="M8[D]")
some_dates = dates[1:]
strings = np.array(["a", "bcd"])
raw = np.array([b"a", b"bcd"])
swapped = np.arange(3, dtype=">i4")
objects = np.empty((2, 2), dtype=object)
objects[:] = [[1, "a"], [plain, None]]
objects_f = np.asfortranarray(np.array([[1, 2, 3], [4, 5, 6]], dtype=object))
huge = np.arange(1_000_000)
piece = huge[10:13]
del huge
base = np.arange(100.0)
left, right, apart = base[:10], base[5:15], base[50:52]
del base
shared_bytes = bytearray(b"\0" * 16)
on_bytes = np.frombuffer(shared_bytes, dtype=np.int32, offset=4)
on_constant = np.frombuffer(b"abcd", dtype=np.uint8)
broadcast = np.broadcast_to(np.arange(3), (4, 3))
number = np.float64(2.5)
integer = np.int8(-3)
date = np.datetime64("2020-01-01")
dtype = np.dtype("f8")
record_dtype = structured.dtype
record = structured[0]
masked = np.ma.masked_array([1, 2, 3], mask=[0, 1, 0])
records = np.rec.array([(1, 2.0)], dtype=[("a", int), ("b", float)])
polynomial = np.polynomial.Polynomial([1, 2])
newaxis = np.newaxis
ufunc = np.add
reduce = np.add.reduce
kinds = [np.float64, np.int32, float32]


def norm(x, weights=plain):
    return sqrt((x * weights).sum())


class Sub(np.ndarray):
    def __array_finalize__(self, other):
        self.tag = getattr(other, "tag", "none")


sub = np.arange(3.0).view(Sub)
