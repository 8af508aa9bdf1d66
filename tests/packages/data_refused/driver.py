"""Runs when something asks for it: no module imports `late` by its source."""

import importlib

importlib.import_module("data_refused.late")
