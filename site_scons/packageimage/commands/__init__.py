"""The subcommands of `pkgimage`, one module each."""
