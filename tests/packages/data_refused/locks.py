import threading


class Cache:
    def __init__(self):
        self.content = {"a": [0, threading.Lock()]}


CACHE = Cache()
expected = 'CACHE.content["a"][1]', "a lock"
