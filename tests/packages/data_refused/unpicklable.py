class Stubborn:
    def __reduce__(self):
        raise RuntimeError("no copies")


class Box:
    __slots__ = ("content",)


box = Box()
box.content = Stubborn()
expected = "box.content", "RuntimeError: no copies"
