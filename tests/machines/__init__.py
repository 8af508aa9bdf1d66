"""Foreign machines, emulated on this one, on which tests run images of every platform.

`catalogue.MACHINES` names them; `fixtures` hands them to tests; `python -m tests.machines` prepares
them all. This package's `dylib` and `macos_names` also run on the machines themselves and need the
standard library only (`macos_names` llvmlite as well).
"""
