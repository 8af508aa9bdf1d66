"""Transcendental functions, complex numbers, integers, branches, recursion."""

import math

import numpy as np
from numba import guvectorize, njit, vectorize


@njit
def waves(values):
    out = np.empty_like(values)
    for i in range(len(values)):
        out[i] = math.exp(-values[i]) * math.sin(values[i]) + math.log1p(values[i])
    return out


@vectorize(["float64(float64, float64, float64)"])
def call_price(spot, strike, years):
    """The price of a call option (Black and Scholes), as a ufunc."""
    spread = 0.3 * math.sqrt(years)
    d1 = (math.log(spot / strike) + 0.045 * years) / spread
    normal1 = 0.5 * math.erfc(-d1 / math.sqrt(2.0))
    normal2 = 0.5 * math.erfc(-(d1 - spread) / math.sqrt(2.0))
    return spot * normal1 - strike * math.exp(-0.01 * years) * normal2


@guvectorize(["void(float64[:], float64[:])"], "(n)->(n)")
def softmax(values, out):
    largest = values[0]
    for value in values:
        largest = max(largest, value)
    total = 0.0
    for i in range(len(values)):
        out[i] = math.exp(values[i] - largest)
        total += out[i]
    for i in range(len(values)):
        out[i] /= total


@njit
def mandelbrot(size, limit):
    counts = np.zeros((size, size), dtype=np.int64)
    for row in range(size):
        for column in range(size):
            c = complex(-2.0 + 2.5 * column / size, -1.25 + 2.5 * row / size)
            z = 0j
            for step in range(limit):
                z = z * z + c
                if z.real * z.real + z.imag * z.imag > 4.0:
                    counts[row, column] = step
                    break
    return counts


@njit
def collatz(below):
    """The longest chain: branches that cannot be predicted."""
    best = 0
    for start in range(1, below):
        n, steps = start, 0
        while n != 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            steps += 1
        best = max(best, steps)
    return best


@njit
def hash_integers(values):
    """Mixing of 64-bit integers: multiplication, shifts, exclusive or."""
    out = np.empty_like(values)
    for i in range(len(values)):
        h = values[i]
        h = (h ^ (h >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
        h = (h ^ (h >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
        out[i] = h ^ (h >> np.uint64(33))
    return out


@njit
def sieve(limit):
    composite = np.zeros(limit, dtype=np.bool_)
    count = 0
    for n in range(2, limit):
        if not composite[n]:
            count += 1
            for multiple in range(n * n, limit, n):
                composite[multiple] = True
    return count


@njit
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
