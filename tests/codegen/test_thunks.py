"""Images linked from the real parts and called through ctypes, as the loader will."""

import ctypes
import io
import math
import shutil
import struct
import subprocess
import sys

import pytest
from elftools.elf.elffile import ELFFile
from ir_samples import KERNEL_ENTRIES, KERNELS, bitcode
from packageimage.codegen.data_object import data_object, frame_bitcode
from packageimage.codegen.emit import emit_object
from packageimage.codegen.slots import clone_symbol
from packageimage.codegen.thunks import MAGIC, Table, slot_names, thunk_ir, thunk_object
from packageimage.inspect.objects import undefined_symbols
from packageimage.model.cpu_targets import parse_cpu_targets
from packageimage.model.flags import CacheFlags
from packageimage.model.platform import PLATFORMS, host_platform

FIELDS = (
    "magic", "version", "n_targets", "n_partitions", "n_slots", "header", "header_size", "slots",
    "entries", "methods", "methods_size", "bitcode", "bitcode_size",
)  # fmt: skip
TABLE = struct.Struct("<QIIII" + "Q" * 8)
# Once: what LLVM writes depends on what it has seen before in the process (metadata kinds).
BITCODE = bitcode(KERNELS)
SLOTS = ("NRT_Allocate", "NRT_Free", "_ZN08NumbaEnv4shift", "pkgimage.obj.PyExc_ValueError", "sin")


def lld():
    for name in ("ld.lld", "ld.lld-19"):
        if shutil.which(name):
            return [name]
    return [sys.executable, "-m", "ziglang", "ld.lld"]


def targets_for(platform):
    names = {"x86_64": "generic;haswell", "aarch64": "generic;cortex-a57"}
    return parse_cpu_targets(names[platform.arch], platform.arch)


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    platform = host_platform()
    if platform.object_format != "elf":
        pytest.skip("links and loads an ELF image")
    folder = tmp_path_factory.mktemp("image")
    targets = targets_for(platform)
    code = [
        emit_object(BITCODE, KERNEL_ENTRIES, 0, t, targets, platform, CacheFlags())
        for t in range(2)
    ]
    own = {clone_symbol(entry, t) for entry in KERNEL_ENTRIES for t in range(2)}
    slots = slot_names(set().union(*map(undefined_symbols, code)) - own)
    assert slots == SLOTS
    header, methods, framed = b"header", b"methods", frame_bitcode([BITCODE])
    table = Table(2, 1, len(header), len(methods), len(framed))
    objects = [
        *code,
        thunk_object(slots, table, platform),
        data_object(header, methods, framed, platform),
    ]
    names = []
    for number, data in enumerate(objects):
        names.append(folder / f"{number}.o")
        names[-1].write_bytes(data)
    output = folder / "image.pkgimage.so"
    subprocess.run(
        [*lld(), "-shared", "--build-id=none", "-z", "noexecstack", "--gc-sections", "-z", "defs",
         "-o", output, *names],
        check=True,
    )  # fmt: skip
    return output


@pytest.fixture(scope="module")
def loaded(image):
    library = ctypes.CDLL(str(image))
    raw = ctypes.string_at(ctypes.addressof(ctypes.c_char.in_dll(library, "pkgimage")), TABLE.size)
    table = dict(zip(FIELDS, TABLE.unpack(raw), strict=True))
    slots = (ctypes.c_void_p * table["n_slots"]).from_address(table["slots"])
    libc = ctypes.CDLL(None)
    libm = ctypes.CDLL("libm.so.6")
    for index, name in enumerate(SLOTS):
        if name == "sin":
            slots[index] = ctypes.cast(libm.sin, ctypes.c_void_p).value
        elif name == "NRT_Allocate":
            slots[index] = ctypes.cast(libc.malloc, ctypes.c_void_p).value
        elif name == "NRT_Free":
            slots[index] = ctypes.cast(libc.free, ctypes.c_void_p).value
        else:
            slots[index] = 0x1000 + index
    return library, table


def entry(table, target, name):
    tables = (ctypes.c_void_p * table["n_targets"]).from_address(table["entries"])
    entries = (ctypes.c_void_p * len(KERNEL_ENTRIES)).from_address(tables[target])
    return entries[KERNEL_ENTRIES.index(name)]


def test_one_export_and_nothing_wanted(image):
    elf = ELFFile(io.BytesIO(image.read_bytes()))
    symbols = list(elf.get_section_by_name(".dynsym").iter_symbols())[1:]
    assert [symbol.name for symbol in symbols] == ["pkgimage"]
    assert not list(elf.get_section_by_name(".dynamic").iter_tags("DT_NEEDED"))


def test_the_table(loaded):
    _, table = loaded
    assert table["magic"] == MAGIC
    assert MAGIC.to_bytes(8, "little") == b"PKGIMAGE"
    assert [table[n] for n in ("version", "n_targets", "n_partitions", "n_slots")] == [3, 2, 1, 5]
    assert ctypes.string_at(table["header"], table["header_size"]) == b"header"
    assert ctypes.string_at(table["methods"], table["methods_size"]) == b"methods"
    assert table["methods"] % 64 == 0
    framed = ctypes.string_at(table["bitcode"], table["bitcode_size"])
    assert framed == frame_bitcode([BITCODE])


def _can_run(target):
    if target == 0:
        return True
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        return "avx2" in info.read()


@pytest.mark.parametrize("target", [0, 1])
def test_a_loop(loaded, target):
    if not _can_run(target):
        pytest.skip("this CPU has no AVX2")
    count = 37
    source = (ctypes.c_double * count)(*range(count))
    result = (ctypes.c_double * count)()
    scale = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)(
        entry(loaded[1], target, "scale")
    )
    assert scale(ctypes.addressof(result), ctypes.addressof(source), count) == 0
    assert list(result) == [2.0 * x + 1.0 for x in range(count)]


def test_functions_through_thunks(loaded):
    call = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)
    assert call(entry(loaded[1], 0, "math (quoted)"))(0.5) == math.sin(0.5)


def test_variables_are_slots(loaded):
    shift = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int64)(entry(loaded[1], 0, "shift"))
    assert shift(0) == 0x1000 + SLOTS.index("_ZN08NumbaEnv4shift")
    assert shift(1) == 0x1000 + SLOTS.index("pkgimage.obj.PyExc_ValueError")


def test_what_is_not_cloned_is_the_bases_code(loaded):
    _, table = loaded
    assert entry(table, 0, "shift") == entry(table, 1, "shift")
    assert entry(table, 0, "scale") != entry(table, 1, "scale")


@pytest.mark.parametrize("platform", PLATFORMS.values(), ids=str)
def test_thunks_of_every_platform_are_the_same_twice(platform):
    table = Table(1, 1, 1, 1, 1)
    assert thunk_object(SLOTS, table, platform) == thunk_object(SLOTS, table, platform)


def test_slots_are_sorted_and_unique():
    assert slot_names(["b", "a", "b"]) == ("a", "b")


def test_odd_names_stay_inside_their_quotes():
    name = 'evil" = global i32 0 ; \\22\n'
    text = thunk_ir((name,), Table(1, 0, 0, 0, 0), PLATFORMS["linux-x86_64"])
    assert '@"evil\\22 = global i32 0 ; \\5C22\\0A"' in text
    thunk_object((name,), Table(1, 0, 0, 0, 0), PLATFORMS["linux-x86_64"])


def test_an_image_without_code():
    thunk_object((), Table(0, 0, 1, 1, 4), PLATFORMS["linux-x86_64"])
