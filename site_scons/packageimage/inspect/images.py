"""Read a linked image of any platform on any host."""

from __future__ import annotations

from collections.abc import Callable

from packageimage.inspect import coff, elf, macho
from packageimage.inspect.facts import ImageFacts
from packageimage.inspect.file_format import object_format


def image_facts(data: bytes, name: str = "image") -> ImageFacts:
    """The facts of the image `data`. `name` is the file's name, for messages.

    An image that breaks our rules is read all the same (`verify.py` judges it). Raises
    PackageImageError for a damaged file and for one of no known format.
    """
    return _READERS[object_format(data, name)](data, name)


_READERS: dict[str, Callable[[bytes, str], ImageFacts]] = {
    "elf": elf.image_facts,
    "macho": macho.image_facts,
    "coff": coff.image_facts,
}
