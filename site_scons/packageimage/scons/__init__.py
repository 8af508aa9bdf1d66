"""The parts of the SCons tool `pkgimage`. They run inside SCons; nothing else imports them."""
