"""What the image of stumpy is to hold: the functions that the application uses.

stumpy's functions are compiled when they are first called, for the types they are called with.
"""

import numpy as np
import stumpy

t = np.arange(64, dtype=np.int64)
series = t % 16 * 0.1 + t**3 * 1e-6  # nearly repeats itself: there is a motif
profile = stumpy.stump(series, m=8)
distances = profile[:, 0].astype(float)
stumpy.motifs(series, distances, max_matches=2, cutoff=1.0, max_distance=1.0)
stumpy.mass(series[:8], series)
stream = stumpy.stumpi(series, m=8, egress=False)
stream.update(0.5)
