"""Names that the package uses too, for other things."""

import enum
from collections import namedtuple

STEP = 10
Pair = namedtuple("Pair", "y x")


class Choice(enum.IntEnum):
    SECOND = 1
