import threading

LOCAL = (1, threading.local())


def run(state=LOCAL):
    return state


expected = "LOCAL[1]", "data of a thread"
