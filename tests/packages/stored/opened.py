"""What cannot be stored is opened by `__pkgimage_init__`, also when the source runs."""

import threading

lock = None
calls = []


def __pkgimage_init__():
    global lock
    lock = threading.Lock()
    calls.append(1)


if __name__ != "stored.opened":
    raise AssertionError(__name__)
