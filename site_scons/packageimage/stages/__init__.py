"""What each command of the SCons graph runs: argument parsing and wiring, no decisions."""
