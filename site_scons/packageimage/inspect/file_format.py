"""Which object format a file has, by its first bytes."""

from __future__ import annotations

from packageimage.model.errors import PackageImageError, one_line

_MAGIC = (
    (b"\x7fELF", "elf"),
    (b"\xcf\xfa\xed\xfe", "macho"),  # MH_MAGIC_64, little endian
    (b"MZ", "coff"),  # an image; a COFF object has no magic but begins with its machine
    (b"\x64\x86", "coff"),  # IMAGE_FILE_MACHINE_AMD64
    (b"\x64\xaa", "coff"),  # IMAGE_FILE_MACHINE_ARM64
    (b"\x00\x00\xff\xff", "coff"),  # an object with more sections than 16 bits count (bigobj)
)


def object_format(data: bytes, name: str = "file") -> str:
    """'elf', 'macho' or 'coff'. `name` is for the message.

    Raises PackageImageError when `data` begins like none of them.
    """
    for magic, found in _MAGIC:
        if data[: len(magic)] == magic:
            return found
    start = data[:4].hex() or "nothing"
    raise PackageImageError(
        f"{one_line(name)}: expected an ELF, Mach-O or COFF file, found one of {len(data)} bytes "
        f"that begins with {start}; build it again"
    )
