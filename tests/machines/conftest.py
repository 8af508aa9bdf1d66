"""The machines, for the tests of this folder."""

from __future__ import annotations

from machines.fixtures import (  # noqa: F401
    haswell,
    kvm64,
    linux_aarch64,
    macos_arm64,
    macos_x86_64,
    nehalem,
    windows_x86_64,
)
