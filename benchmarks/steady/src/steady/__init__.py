"""Kernels whose speed is measured when everything is loaded; see kernels.py for the list."""
