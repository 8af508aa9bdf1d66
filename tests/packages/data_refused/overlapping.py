import numpy as np

objects = np.array([1, "a", None], dtype=object)
part = objects[1:]
expected = "part", "it shares the memory of Python objects with another array"
