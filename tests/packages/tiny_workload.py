import numpy as np
import tiny

print(tiny.total(np.arange(5.0)), tiny.scaled(2), tiny.squared(3.0))
