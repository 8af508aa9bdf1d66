"""A module with the same constant, of another value."""

STEP = 50
