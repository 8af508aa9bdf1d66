"""Calls everything once and prints the results exactly; the tests compare outputs."""

import numpy as np
from everything import classes, functions, ufuncs
from numba.typed import List

a = np.arange(1.0, 9.0)
b = a[::-1].copy()


def show(name, value):
    if isinstance(value, np.ndarray):
        value = (str(value.dtype), value.shape, value.tobytes().hex())
    print(name, repr(value))


def error(name, function, *args):
    try:
        function(*args)
    except Exception as raised:
        print(name, type(raised).__name__, raised.args)


f = functions
show("lazy", f.lazy(a))
show("lazy float32", f.lazy(a.astype(np.float32)))
show("explicit", f.explicit(0.5, 2.0))
show("two signatures", (f.two_signatures(1.5), f.two_signatures(2)))
show("with cache", f.with_cache(1.0))
show("fast", f.fast(a, b))
show("parallel", f.parallel(a))
show("parallel array", f.parallel_array(a, b))
show("fibonacci", f.fibonacci(12))
show("mutual", (f.mutual_even(7), f.mutual_odd(7)))
show("generator", list(f.generator(4)))
show("sum of generator", f.sum_of_generator(5))
show("closures", (f.add_two(1), f.add_half(1)))
show("closure inside", f.closure_inside(a, 2.0))
show("overloaded", f.overloaded(6))
show("typed list", list(f.typed_list(3)))
values = List()
for item in (1.0, 2.0, 4.0):
    values.append(item)
show("sum list", f.sum_list(values))
words = List()
for word in ("a", "b", "a"):
    words.append(word)
show("typed dict", sorted(f.typed_dict(words).items()))
show("first class", f.apply_all((f.square, f.cube), 3.0))
show("dispatcher argument", f.apply(f.square, 5.0))
show("raises", f.raises(1))
error("raises", f.raises, 7)
error("zero", f.fast.py_func, a, b, 1)
show("bounds", f.bounds(a, 3))
show("object mode", f.with_object_mode(1.25))
show("large array", f.large_array(7))
show("c function", f.c_function(-9))
show("strings", f.strings("ab", "cd"))
show("tuples", f.tuples(f.Point(1.0, 2)))
record = np.array([(1, 2.5)], dtype=[("a", "i8"), ("b", "f8")])
show("records", (f.records(record[0]), record.tolist()))
show("enums", (f.enums(f.Color.BLUE), f.enums(f.Color.RED)))
show("optional", (f.optional(1), f.optional(-1)))
show("complex", f.complex_numbers(1 + 2j))
show("defaults", (f.default_argument(1), f.default_argument(1, 2), f.default_argument(1, 2, 3, 4)))
show("hash", f.hash_of("numba") == hash("numba"))
show("array result", f.array_result(6))
show("matrix", f.matrix(np.eye(3), np.arange(9.0).reshape(3, 3)))
show("random", f.random_sum(42))
show("stencil", f.average(a))
show("stencil inside", f.stencil_inside(a))
show("cfunc", f.callback.ctypes(2.0, 3.0))
show("ufunc", ufuncs.eager(a, b))
show("ufunc integers", ufuncs.eager(np.arange(3), np.arange(3)))
show("lazy ufunc", ufuncs.lazy(a, b))
show("parallel ufunc", ufuncs.parallel(a))
show("gufunc", ufuncs.running_sum(a))
show("parallel gufunc", ufuncs.plus(np.ones((3, 4)), 2.0))
out = np.zeros(())
ufuncs.dynamic(a, out)
show("dynamic gufunc", out)
counter = classes.Counter(1.0)
show("jitclass", (counter.add(2.0), classes.use(counter, 3), counter.value, counter.count))
made = classes.make(4.0)
show("made", (made.value, made.mean))
