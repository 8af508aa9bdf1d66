"""The one exception that a user is meant to see, and the one warning."""

from __future__ import annotations


class PackageImageError(Exception):
    """A mistake of the user or of the machine, not of this project.

    The message is one line: what was expected, what was found, what to do. Commands print it
    as ``pkgimage: error: MESSAGE``; anything else that escapes is a bug of ours and keeps its
    traceback.
    """


class PackageImageWarning(UserWarning):
    """An image of an imported package was not used; the message says why."""


def one_line(text: object) -> str:
    """`text` with line breaks and other control characters made visible, for use in a message.

    Paths and names come from outside; a message stays one line whatever they hold.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in str(text)
    )
