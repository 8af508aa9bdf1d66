"""What the image of `kernels` is to hold: each function, called for the types that users pass.

Only the types of the arguments count, so the data are as small as they can be. Functions with
explicit signatures need no call. A typed dictionary is read here too: doing so from Python runs
functions of Numba's own, which the image then holds as well.
"""

import kernels
import numpy as np

reals = np.arange(6.0)
rows = reals.reshape(2, 3)
integers = np.arange(6, dtype=np.int64)

kernels.running_total(reals)
kernels.moments(reals)
kernels.total_parallel(rows)
kernels.clip_soft(reals, 2.0)
kernels.clip_soft(integers, 2)
kernels.diffuse(rows, 1)
kernels.edge_energy(rows)
kernels.find_sorted(integers, 3)
kernels.mode_of(integers)
kernels.is_even(2)
list(kernels.primes_below(4))
kernels.trapezoid_of(1.0)
dict(kernels.count_words("two words"))
kernels.slug("Two Words")
