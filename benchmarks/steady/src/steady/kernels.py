"""The list: every kernel with the arguments that make one call last 1 to 20 ms."""

import numpy as np

from steady import arrays, orders, scalars, threads

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa")


def _aligned(values):
    """A copy that begins at a multiple of 64 bytes, so that no process is lucky."""
    room = np.empty(values.nbytes + 64, dtype=np.uint8)
    start = -room.ctypes.data % 64
    copy = room[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy


def _uniform(seed, *shape):
    return _aligned(np.random.default_rng(seed).random(shape))


def cases():
    """(kernel, arguments) by name; made anew by each call, equal every time."""
    many = _uniform(1, 1_000_000)
    field = _uniform(2, 300, 300)
    a, b = _uniform(3, 256, 256), _uniform(4, 256, 256)
    integers = _aligned((_uniform(5, 100_000) * 1e9).astype(np.int64))
    particles = np.zeros(20_000, dtype=arrays.PARTICLE)
    for column, name in enumerate(("x", "y", "vx", "vy")):
        particles[name] = _uniform(6 + column, 20_000)
    single = _aligned(many[:20_000].astype(np.float32))
    text = " ".join(WORDS[i * i % 7] + WORDS[i % 10] for i in range(8_000))
    letters = "".join(WORDS[i * 7 % 10] for i in range(100))
    reverse = letters[::-1]
    return {
        "sum of squares": (arrays.sum_of_squares, (many,)),
        "dot (fastmath)": (arrays.dot_fast, (many[:20_000], many[20_000:40_000], 200)),
        "Kahan sum": (arrays.kahan, (many,)),
        "saxpy (float32)": (arrays.saxpy, (np.float32(0.5), single, single, 400)),
        "array expression": (arrays.expression, (many, many * 2.0, many + 1.0)),
        "stencil": (arrays.heat, (field, 20)),
        "matrix product": (arrays.matrix_product, (a, b)),
        "scan": (arrays.exponential_average, (many, 0.05)),
        "structured array": (arrays.move, (particles, 50)),
        "transcendental": (scalars.waves, (many[:200_000],)),
        "ufunc": (scalars.call_price, (many[:100_000] + 0.5, many[:100_000] + 0.6, 1.5)),
        "gufunc": (scalars.softmax, (field * 10.0,)),
        "complex": (scalars.mandelbrot, (120, 100)),
        "branches": (scalars.collatz, (20_000,)),
        "integer hash": (scalars.hash_integers, (np.arange(2_000_000, dtype=np.uint64),)),
        "sieve": (scalars.sieve, (1_000_000,)),
        "recursion": (scalars.fibonacci, (30,)),
        "sort": (orders.sort, (integers,)),
        "heap sort": (orders.heap_sort, (integers[:50_000],)),
        "binary search": (orders.search, (np.sort(integers), integers[:50_000])),
        "histogram": (orders.histogram, (many, 256)),
        "typed dictionary": (orders.count_keys, (integers % 1_000,)),
        "strings": (orders.edit_distance, (letters, reverse)),
        "words": (orders.count_words, (text,)),
        "parallel loop": (threads.nearest, (_uniform(11, 2_000, 2),)),
        "parallel reduction": (threads.parallel_sum, (many,)),
    }
