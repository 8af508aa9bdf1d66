import ctypes


class Holder:
    handle = ctypes.pointer(ctypes.c_int(3))


expected = "Holder.handle", "a C pointer"
