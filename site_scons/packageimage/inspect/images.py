"""Read a linked image of any platform on any host."""

from __future__ import annotations

from collections.abc import Callable

from packageimage.inspect import elf
from packageimage.inspect.facts import ImageFacts
from packageimage.inspect.file_format import object_format
from packageimage.model.errors import PackageImageError, one_line


def image_facts(data: bytes, name: str = "image") -> ImageFacts:
    """The facts of the image `data`. `name` is the file's name, for messages.

    An image that breaks our rules is read all the same (`verify.py` judges it). Raises
    PackageImageError for a damaged file and for a format that cannot be read yet.
    """
    found = object_format(data, name)
    reader = _READERS.get(found)
    if reader is None:
        raise PackageImageError(
            f"{one_line(name)}: expected an image in one of the formats {', '.join(_READERS)}, "
            f"found {found}, which this version cannot read; build for a Linux platform"
        )
    return reader(data, name)


_READERS: dict[str, Callable[[bytes, str], ImageFacts]] = {"elf": elf.image_facts}
