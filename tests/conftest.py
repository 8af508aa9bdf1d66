"""What holds for all tests."""

from hypothesis import settings

# A case may take any time: tests do not judge it, and other processes share the machine.
settings.register_profile("packageimage", deadline=None)
settings.load_profile("packageimage")
