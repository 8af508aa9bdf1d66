"""Modules with what no other process can be given; each says where it is and why."""

from . import (  # noqa: F401
    addresses,
    borrower,
    circle,
    driver,
    files,
    fine,
    generators,
    laden,
    libraries,
    locks,
    maps,
    overlapping,
    random_state,
    registry,
    replaced,
    tangled,
    threads,
    unpicklable,
    weak,
)
