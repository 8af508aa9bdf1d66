"""What the image of pymatting is to hold.

Every compiled function of pymatting has explicit signatures, so importing it is enough; the two
calls make sure that whatever runs between them is captured as well.
"""

import numpy as np
import pymatting

image = np.random.default_rng(0).random((12, 12, 3))
trimap = np.full((12, 12), 0.5)
trimap[:4] = 0.0
trimap[8:] = 1.0
alpha = pymatting.estimate_alpha_cf(image, trimap)
pymatting.estimate_foreground_ml(image, alpha)
