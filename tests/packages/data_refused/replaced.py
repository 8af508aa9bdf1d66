import sys
from types import ModuleType


class Better(ModuleType):
    pass


sys.modules[__name__].__class__ = Better
expected = "", "it put something else in its place"
