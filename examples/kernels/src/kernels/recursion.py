"""Functions that call themselves and each other, and a generator."""

import numpy as np
from numba import njit


@njit("int64(int64, int64)")
def ackermann(m, n):
    """Ackermann's function, for small arguments."""
    if m == 0:
        return n + 1
    if n == 0:
        return ackermann(m - 1, 1)
    return ackermann(m - 1, ackermann(m, n - 1))


@njit
def is_even(n):
    """Whether n >= 0 is even, found the long way."""
    return True if n == 0 else is_odd(n - 1)


@njit
def is_odd(n):
    """Whether n >= 0 is odd, found the long way."""
    return False if n == 0 else is_even(n - 1)


@njit
def primes_below(limit):
    """Yield the primes below a limit (sieve of Eratosthenes)."""
    composite = np.zeros(limit, dtype=np.bool_)
    for n in range(2, limit):
        if not composite[n]:
            yield n
            composite[n * n :: n] = True
