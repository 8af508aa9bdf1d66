import os

OPEN = {("x", 1): open(os.devnull)}  # noqa: SIM115
expected = 'OPEN[("x", 1)]', "an open file"
