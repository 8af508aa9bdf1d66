"""Cut a disc with a soft edge out of a picture and put it in front of another background."""

import numpy as np
from pymatting import blend, estimate_alpha_cf, estimate_foreground_ml

SIZE = 48


def picture():
    """A true alpha matte, the picture mixed with it, and the trimap that an artist would draw."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    distance = np.hypot(x - 0.5, y - 0.5)
    alpha = np.clip((0.35 - distance) / 0.1, 0.0, 1.0)
    subject = np.dstack([0.9 - 0.2 * x, 0.3 + 0.2 * y, 0.2 + 0.1 * x * y])
    background = np.dstack([0.1 + 0.1 * y, 0.2 + 0.3 * x, 0.6 - 0.2 * y])
    trimap = np.full((SIZE, SIZE), 0.5)
    trimap[distance < 0.23] = 1.0
    trimap[distance > 0.37] = 0.0
    return alpha, subject, blend(subject, background, alpha), trimap


def results():
    """Every result by name, as arrays."""
    truth, subject, image, trimap = picture()
    alpha = estimate_alpha_cf(image, trimap)
    foreground, background = estimate_foreground_ml(image, alpha, return_background=True)
    return {
        "alpha": alpha,
        "foreground": foreground,
        "background": background,
        "composite": blend(foreground, np.ones_like(image), alpha),
        "error of alpha": np.abs(alpha - truth),
        "error of foreground": np.abs(foreground - subject)[truth > 0.5],
    }


def main():
    for name, value in results().items():
        print(f"{name:20} {value.shape!s:12} mean {value.mean():.5f} largest {value.max():.4f}")


if __name__ == "__main__":
    main()
