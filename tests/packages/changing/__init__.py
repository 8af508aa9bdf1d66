"""Functions whose code is decided by what a program can change before it calls them."""

from . import plain as plain
