import numpy as np
from threaded import ufuncs

reals = np.arange(4.0)
ufuncs.product(reals, reals), ufuncs.scaled(reals), ufuncs.looked_up(np.arange(4))
ufuncs.shifted(reals, 1.0), ufuncs.add_into(reals, np.ones(2)), ufuncs.helper(1.0)
