"""Names that the package uses too, for other things."""

from collections import namedtuple

STEP = 10
Pair = namedtuple("Pair", "y x")
