"""A module with a constant."""

STEP = 1
