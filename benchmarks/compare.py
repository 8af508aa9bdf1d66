"""Compare results of two runs: bit for bit, or within a few units in the last place."""

import numpy as np


def ulps_apart(a, b):
    """The largest distance of two arrays in units in the last place; equal bits and NaNs give 0.

    Floats of one sign are ordered as their bits are; both zeros count as one.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype.kind == "c":
        return max(ulps_apart(a.real, b.real), ulps_apart(a.imag, b.imag))
    bits = np.dtype(f"i{a.dtype.itemsize}")
    lines = []
    for values in (a, b):
        signed = np.ascontiguousarray(values).view(bits)
        # Python integers: the distance of two floats of opposite sign does not fit an int64.
        ordered = signed.astype(object)
        lines.append(np.where(signed < 0, np.iinfo(bits).min - ordered, ordered))
    both_nan = np.isnan(a) & np.isnan(b)
    apart = np.where(both_nan, 0, np.abs(lines[0] - lines[1]))
    return int(apart.max()) if apart.size else 0


def differences(expected, found, ulps=0, where="results"):
    """One line for each place where two results differ; empty when they agree.

    `ulps` is how far floats may be apart; everything else has to be equal.
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        if list(expected) != list(found):
            return [f"{where}: keys {list(expected)} against {list(found)}"]
        pairs = [(f"{where}[{key!r}]", expected[key], found[key]) for key in expected]
    elif isinstance(expected, tuple | list) and isinstance(found, tuple | list):
        if len(expected) != len(found):
            return [f"{where}: {len(expected)} parts against {len(found)}"]
        pairs = [(f"{where}[{i}]", a, b) for i, (a, b) in enumerate(zip(expected, found, strict=1))]
    else:
        return _leaf(expected, found, ulps, where)
    return [line for path, a, b in pairs for line in differences(a, b, ulps, path)]


def _leaf(expected, found, ulps, where):
    if type(expected) is not type(found):
        return [f"{where}: {type(expected).__name__} against {type(found).__name__}"]
    a, b = np.asarray(expected), np.asarray(found)
    if a.dtype != b.dtype or a.shape != b.shape:
        return [f"{where}: {a.dtype}{a.shape} against {b.dtype}{b.shape}"]
    if a.dtype.names:
        return [
            line
            for name in a.dtype.names
            for line in _leaf(a[name], b[name], ulps, f"{where}.{name}")
        ]
    if a.dtype == object:
        return differences(a.tolist(), b.tolist(), ulps, where)
    if a.tobytes() == b.tobytes():
        return []
    if a.dtype.kind in "fc":
        apart = ulps_apart(a, b)
        if apart <= ulps and (ulps or not np.any(np.signbit(a.real) != np.signbit(b.real))):
            return []
        return [f"{where}: {apart} units in the last place apart, {ulps} allowed"]
    return [f"{where}: {expected!r} against {found!r}"[:200]]
