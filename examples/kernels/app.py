"""Use every function of the package once, on data made here."""

import ctypes

import kernels
import numpy as np

TEXT = "the quick brown fox jumps over the lazy dog and the dog sleeps"


def results():
    """Every result by name: numbers, arrays, strings and dictionaries."""
    index = np.arange(600, dtype=np.int64)  # on Windows too, before NumPy 2
    wave = np.sin(index * 0.1) * 100.0
    field = (index * 7919 % 101).reshape(20, 30) / 101.0
    numbers = index * 7919 % 257
    ordered = kernels.shell_sort(numbers)
    callback = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(kernels.gaussian.address)
    try:
        kernels.find_sorted(numbers, 100)
        complaint = "none"
    except kernels.Unsorted as error:
        complaint = " ".join(str(part) for part in error.args)
    return {
        "running_total": kernels.running_total(wave),
        "moments": kernels.moments(wave),
        "total_parallel": kernels.total_parallel(field),
        "hypot3": kernels.hypot3(wave, wave + 1.0, 2.0),
        "hypot3 (float32)": kernels.hypot3(*np.arange(9, dtype=np.float32).reshape(3, 3)),
        "clip_soft": kernels.clip_soft(wave, 50.0),
        "clip_soft (integers)": kernels.clip_soft(numbers, 50),
        "window_mean": kernels.window_mean(field, 5),
        "diffuse": kernels.diffuse(field, 3),
        "edge_energy": kernels.edge_energy(field),
        "shell_sort": ordered,
        "find_sorted": kernels.find_sorted(ordered, 100),
        "find_sorted complains": complaint,
        "mode_of": kernels.mode_of(numbers),
        "ackermann": kernels.ackermann(2, 9),
        "is_even": kernels.is_even(100),
        "primes_below": list(kernels.primes_below(60)),
        "gaussian": callback(0.5),
        "trapezoid": kernels.trapezoid_of(2.0),
        "count_words": dict(kernels.count_words(TEXT)),
        "slug": kernels.slug("A Package, Compiled Once!"),
    }


def describe(value):
    """One line for a result; floats to nine digits, arrays by shape, sum and last element."""
    if isinstance(value, np.ndarray):
        total, last = value.sum(dtype=np.float64), value.flat[-1]
        return f"{value.dtype} {value.shape} sum {total:.9g} last {float(last):.6g}"
    if isinstance(value, tuple):
        return ", ".join(describe(part) for part in value)
    if isinstance(value, float):
        return f"{value:.9g}"
    return str(value)


def main():
    for name, value in results().items():
        print(f"{name:24} {describe(value)}")


if __name__ == "__main__":
    main()
