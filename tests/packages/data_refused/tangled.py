import functools

loop = []
part = functools.reduce


class Same:
    def __init__(self, inner):
        self.inner = inner

    def __reduce__(self):
        return Same, (self.inner,)


one = Same(None)
one.inner = (one,)
expected = "one", "it is made of something that is made of it"
