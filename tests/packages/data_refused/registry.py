"""Holds something of a module that imports it and that it does not import."""

HANDLERS = {}
