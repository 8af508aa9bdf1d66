"""Find a repeated shape and an anomaly in a time series, then go on as values stream in."""

import numpy as np
import stumpy

WINDOW = 32


def series():
    """Two regimes; a shape hidden at 100 and at 520, an anomaly at 300."""
    t = np.arange(720, dtype=np.int64)  # on Windows too, before NumPy 2
    values = np.where(t < 400, np.sin(t * 0.21), 0.6 * np.sin(t * 0.47) + 0.2 * np.cos(t * 0.11))
    values = values + 0.3 * (t * t * 7919 % 101) / 101
    shape = np.linspace(-1.0, 1.0, WINDOW) ** 3 * 2.0
    values[100 : 100 + WINDOW] = shape
    values[520 : 520 + WINDOW] = 1.1 * shape + 0.3
    values[520 : 520 + WINDOW] += 0.02 * np.sin(np.arange(WINDOW))
    values[300:308] += 1.5
    return values


def results():
    """Every result by name, as arrays."""
    values = series()
    profile = stumpy.stump(values, m=WINDOW)
    distances = profile[:, 0].astype(float)
    motif_distances, motif_starts = stumpy.motifs(values, distances, max_matches=2)
    stream = stumpy.stumpi(values[:400], m=WINDOW, egress=False)
    for value in values[400:420]:
        stream.update(value)
    return {
        "distances": distances,
        "neighbours": profile[:, 1].astype(int),
        "motifs": motif_starts,
        "motif distances": motif_distances,
        "shape found by mass": stumpy.mass(values[100 : 100 + WINDOW], values),
        "streamed distances": stream.P_,
    }


def main():
    found = results()
    distances = found["distances"]
    anomaly = int(np.argmax(distances))
    print(f"matrix profile      {distances.shape} mean {distances.mean():.6f}")
    print(f"best motif          at {found['motifs'][0].tolist()}")
    print(f"its distances       {np.round(found['motif distances'][0], 5).tolist()}")
    print(f"anomaly             at {anomaly}, distance {distances[anomaly]:.5f}")
    print(f"sum of distances    {found['shape found by mass'].sum():.5f}")
    print(f"streamed profile    mean {found['streamed distances'].mean():.6f}")


if __name__ == "__main__":
    main()
