"""Not restored, and holds something that another module takes from it."""

import threading

lock = threading.Lock()
NAMED = {"kept": 1}
HIDDEN = {"inner": [1]}


def function():
    return NAMED


expected = "lock", "a lock"
