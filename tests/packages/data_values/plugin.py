"""Fills a registry of an earlier module."""

from .registry import Plugin, register

FACTOR = 6


@register
def handle(x):
    return x * FACTOR


class Mine(Plugin):
    def factor(self):
        return FACTOR
