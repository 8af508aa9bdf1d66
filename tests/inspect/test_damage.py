"""Damaged files: one PackageImageError of one line, in bounded time and memory."""

from __future__ import annotations

import struct
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_samples import CODE, HEADER, MACHO, PE, compiled, linked, patched, platform_named
from packageimage.inspect.clones import clones_in
from packageimage.inspect.coff_file import CoffSection, _imports, _Mapped
from packageimage.inspect.damage import Bytes, Damaged
from packageimage.inspect.images import image_facts
from packageimage.inspect.macho_exports import read_exports
from packageimage.inspect.macho_fixups import MappedSegment, opcode_fixups
from packageimage.inspect.macho_signature import read_signature
from packageimage.inspect.objects import undefined_symbols
from packageimage.inspect.references import referring_functions
from packageimage.inspect.verify import verify
from packageimage.model.errors import PackageImageError

IMAGES = ("linux-x86_64", "linux-riscv64", *MACHO, *PE, "macos-x86_64 opcodes")
OBJECTS = ("linux-x86_64", *MACHO, *PE)
MAGIC = (b"", b"\x7fELF\x02\x01", b"\xcf\xfa\xed\xfe", b"MZ", b"\x64\x86", b"\0\0\xff\xff")

quick = settings(
    max_examples=60,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def image(name):
    platform, _, opcodes = name.partition(" ")
    return linked(platform, add=("-no_fixup_chains",) if opcodes else ())


def judge(data):
    """Everything that reads images."""
    try:
        findings = verify(image_facts(data, "a\nb"), HEADER, platform_named("macos-arm64"))
    except PackageImageError as error:
        assert "\n" not in str(error)
        assert str(error).startswith("a\\nb: expected")
    else:
        assert not any("\n" in str(finding) for finding in findings)


def examine(data):
    """Everything that reads objects."""
    for read in (undefined_symbols, lambda d, n: referring_functions(d, "_NRT_Free", n)):
        try:
            read(data, "a\nb")
        except PackageImageError as error:
            assert "\n" not in str(error)
            assert str(error).startswith("a\\nb: expected")
    clones_in(data, 0)


@quick
@given(st.sampled_from(MAGIC), st.binary(max_size=2000))
def test_random_bytes(magic, data):
    judge(magic + data)
    examine(magic + data)


@pytest.mark.parametrize("name", IMAGES)
def test_truncated_images(name):
    whole = image(name)
    for size in [*range(0, 0x700, 13), *range(0x700, len(whole), 1 + len(whole) // 60)]:
        judge(whole[:size])


@pytest.mark.parametrize("name", OBJECTS)
def test_truncated_objects(name):
    whole = compiled(CODE, name)
    for size in range(0, len(whole), 7):
        examine(whole[:size])


def interesting(data):
    """Where a file's structure is: not in the zeros between its parts."""
    return [at for at in range(0, len(data) - 8, 4) if data[at : at + 4] != bytes(4)]


@pytest.mark.parametrize("name", IMAGES)
def test_flipped_bits_of_images(name):
    whole = image(name)

    @quick
    @given(st.data())
    def run(draw):
        changed = bytearray(whole)
        places = interesting(whole)
        for _ in range(draw.draw(st.integers(1, 3))):
            at = draw.draw(st.sampled_from(places)) + draw.draw(st.integers(0, 3))
            changed[at] ^= draw.draw(st.integers(1, 255))
        judge(bytes(changed))

    run()


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("value", [0, 0xFFFF_FFFF, 0x7FFF_FFFF, 0x0010_0000])
def test_huge_fields_of_images(name, value):
    whole = image(name)
    places = [at for at in interesting(whole) if at < 0x500 or at > len(whole) - 0x400]
    for at in places[:: 1 + len(places) // 80]:
        judge(patched(whole, at, struct.pack("<I", value)))


@pytest.mark.parametrize("name", OBJECTS)
def test_flipped_bytes_of_objects(name):
    whole = compiled(CODE, name)
    # pyelftools takes ten times as long as the others.
    for at in range(0, len(whole), 9 if name.startswith("linux") else 2):
        examine(patched(whole, at, bytes([whole[at] ^ (0x01, 0x80, 0xFF)[at % 3]])))


@pytest.mark.parametrize("name", OBJECTS)
def test_huge_fields_of_objects(name):
    whole = compiled(CODE, name)
    for at in range(0, len(whole) - 4, 12 if name.startswith("linux") else 4):
        examine(patched(whole, at, b"\xff\xff\xff\xff"))
        examine(patched(whole, at, b"\xff\xff\xff\x0f"))


def bounded(work):
    """Runs what must neither take long nor much memory."""
    tracemalloc.start()
    began = time.perf_counter()
    try:
        return work()
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert time.perf_counter() - began < 5
        assert most < 200 << 20


def test_an_export_trie_in_a_circle():
    # The root has one edge "a" that leads to itself.
    with pytest.raises(Damaged, match="twice"):
        read_exports(b"\0\x01a\0\0")


def test_an_export_trie_that_spells_out_gigabytes():
    # Node after node, each with an edge of 100 bytes to the next.
    node = 105
    trie = b"".join(
        b"\0\x01" + b"a" * 100 + b"\0" + bytes([n & 0x7F | 0x80, n >> 7 & 0x7F | 0x80, n >> 14])
        for n in range(node + 1, 900_000, node + 1)
    )
    with pytest.raises(Damaged, match="names of more than"):
        bounded(lambda: read_exports(trie))


def test_names_that_share_their_end():
    names = Bytes(b"a" * 100_000 + b"\0")
    with pytest.raises(Damaged, match="many times longer"):
        bounded(lambda: [names.text(at) for at in range(100_000)])


def test_many_sections_with_one_content():
    """Each section of 1 MB, all of them the same bytes, which macholib would copy for each."""
    count, size = 2000, 1 << 20
    section = struct.pack("<16s16sQQ8I", b"s", b"t", 0, size, 0, 0, 0, 0, 0, 0, 0, 0)
    segment = struct.pack("<II16sQQQQIIII", 0x19, 72 + 80 * count, b"", 0, 0, 0, 0, 7, 7, count, 0)
    commands = segment + section * count
    header = struct.pack("<8I", 0xFEEDFACF, 0x0100000C, 0, 1, 1, len(commands), 0, 0)
    data = (header + commands).ljust(size, b"\0")
    with pytest.raises(PackageImageError, match="sections of"):
        bounded(lambda: undefined_symbols(data))


def test_many_code_directories():
    """Each of which would hash the whole file."""
    size, count = 1 << 20, 40_000
    at = 12 + 8 * count
    pages = size >> 12
    directory = struct.pack(
        ">9I4B", 0xFADE0C02, 44, 0x20400, 2, 44, 44, 0, pages, size, 32, 2, 0, 12
    )
    blob = struct.pack(">III", 0xFADE0CC0, at + 44, count) + struct.pack(">II", 0, at) * count
    blob += directory + bytes(4)
    signature = bounded(lambda: read_signature(bytes(size) + blob, size, len(blob)))
    assert signature.problem == "expected one code directory, found 40000"


def test_imports_that_share_their_names():
    """Every DLL's list is the same long one."""
    descriptors, names = 2_000, 10_000
    lookup = 20 * (descriptors + 1)
    data = struct.pack("<5I", lookup, 0, 0, 4, lookup) * descriptors + bytes(20)
    data += struct.pack("<Q", 1 << 63 | 7) * names + bytes(8)
    # RVAs begin at 0x1000, since 0 means none.
    shifted = struct.pack("<5I", lookup + 0x1000, 0, 0, 0x1004, 0) * descriptors
    data = shifted + data[len(shifted) :]
    section = CoffSection(".idata", 0x1000, len(data), 0, len(data), 0)
    memory = _Mapped(data, (section,))
    with pytest.raises(Damaged, match="more imports than"):
        bounded(lambda: list(_imports(memory, 0x1000, 0)))


def test_rebases_without_end():
    """More pointers than the file can hold are refused before they are walked."""
    file = Bytes(bytes(0x1000))
    segments = [MappedSegment(file, 0, 0, 0x1000)]
    times = b"\x11\x20\x00\x60\xff\xff\xff\xff\x7f"  # pointers, segment 0, 2^35 times
    with pytest.raises(Damaged, match="more fixups"):
        bounded(lambda: opcode_fixups(times, [], segments))
    # Up and down again: 8 bytes on, skip -8 (as ULEB), over and over.
    back = b"\x11\x20\x00" + b"\x80\x10\xf8\xff\xff\xff\xff\xff\xff\xff\xff\x01" * 100
    with pytest.raises(Damaged, match="more fixups"):
        bounded(lambda: opcode_fixups(back, [], segments))


def test_fixup_chains_that_leave_their_page():
    data = linked("macos-arm64")
    at = data.index(b"PKGIMAGE") - 16  # the first pointer of __DATA_CONST
    assert data[at + 7] == 0
    (value,) = struct.unpack_from("<Q", data, at)
    changed = patched(data, at, struct.pack("<Q", value & ~(0xFFF << 51) | 0xFFF << 51))
    judge(changed)
    arm64e = data.index(struct.pack("<IHH", 24, 0x4000, 2))
    with pytest.raises(PackageImageError, match="chained pointers of format 1"):
        image_facts(patched(data, arm64e + 6, b"\x01"))
