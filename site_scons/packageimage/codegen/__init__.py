"""Turn a capture into relocatable objects: one CPU target at a time, plus thunks and data."""
