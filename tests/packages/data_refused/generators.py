def outer():
    running = (x for x in "ab")

    def inner():
        return next(running)

    return inner


inner = outer()
expected = "inner.<cell running>", "TypeError: cannot pickle 'generator' object"
