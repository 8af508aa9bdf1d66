"""A constant that compiled code freezes, in a module of its own."""

FACTOR = 2.5
