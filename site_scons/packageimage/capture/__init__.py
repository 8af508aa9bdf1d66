"""Serialize: run a package in a clean worker process and write down what Numba compiled."""
