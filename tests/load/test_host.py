"""The CPU from a memo: LLVM's own answer, for the CPU that the process runs on and no other."""

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm
import packageimage
import pytest
from packageimage.load import host, installed, machine, other_machines
from packageimage.model import cpu_selection
from packageimage.model.platform import host_platform

LIBRARY = Path(packageimage.__file__).parents[1]
ARCH = host_platform().arch

PROGRAM = """
import json, sys
sys.path.insert(0, {library!r})
from packageimage.load import host
cpu = host.host_cpu({arch!r})
asked = "llvmlite" in sys.modules
name, features = host.ask_llvm()
print(json.dumps([cpu.name, sorted(cpu.features), asked, name, features]))
"""


def run(cache, *command):
    """Name and features that a process takes, whether it asked LLVM, and what LLVM says."""
    environ = {**os.environ, "XDG_CACHE_HOME": str(cache), "HOME": str(cache)}
    environ["LOCALAPPDATA"] = str(cache)
    environ["PYTHONPATH"] = str(Path(llvm.__file__).parents[2])
    program = PROGRAM.format(library=str(LIBRARY), arch=ARCH)
    command = command or (sys.executable,)
    done = subprocess.run([*command, "-c", program], capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stderr
    name, features, asked, llvms_name, llvms_features = json.loads(done.stdout)
    if ARCH == "x86_64":  # on arm64 the system's features come to LLVM's
        assert (name, features) == (llvms_name, llvms_features)
    return name, features, asked


def test_the_second_process_does_not_import_llvm(tmp_path):
    first, second = run(tmp_path), run(tmp_path)
    assert first[:2] == second[:2]
    assert first[2] is True
    assert second[2] == (machine.cpu_identity(ARCH) is None)


def test_a_process_that_has_llvm_asks_it(monkeypatch):
    monkeypatch.setattr(machine, "cpu_identity", lambda arch: pytest.fail("was asked"))
    assert host.host_cpu(ARCH).name == llvm.get_host_cpu_name()


@pytest.fixture
def cold(monkeypatch, tmp_path):
    """A process without llvmlite, on CPUs and with an LLVM of the test's making."""

    class Cold:
        identity, version, said, asked = "cpu 1", "0.50.0", ("haswell", ["avx2", "sse2"]), 0
        environ = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"), str(tmp_path))

        def cpu(self):
            return host.host_cpu("x86_64", self.environ)

        def ask(self):
            self.asked += 1
            return self.said

        def memos(self):
            return sorted(tmp_path.rglob("*.json"))

    made = Cold()
    monkeypatch.delitem(sys.modules, "llvmlite.binding")
    monkeypatch.setattr(machine, "cpu_identity", lambda arch: made.identity)
    monkeypatch.setattr(installed, "version", lambda package: made.version)
    monkeypatch.setattr(host, "ask_llvm", lambda: made.ask())
    return made


HASWELL = cpu_selection.HostCPU("haswell", frozenset({"avx2", "sse2"}))


def test_asked_once(cold):
    assert [cold.cpu(), cold.cpu(), cold.asked] == [HASWELL, HASWELL, 1]


@pytest.mark.parametrize("changes", [{"identity": "cpu 2"}, {"version": "0.51.0"}])
def test_another_cpu_or_llvm_is_asked(cold, changes):
    cold.cpu()
    vars(cold).update(changes, said=("nehalem", ["sse2"]))
    assert cold.cpu().name == "nehalem"
    assert cold.asked == 2


def test_keys_that_share_a_file_are_told_apart(cold):
    for number in range(600):  # of 256 files
        vars(cold).update(identity=f"cpu {number}", said=(f"name {number}", ["sse2"]))
        assert cold.cpu().name == f"name {number}"
    assert len(cold.memos()) <= 256
    vars(cold).update(identity="cpu 599", said=("none", []))
    assert cold.cpu().name == "name 599"


@pytest.mark.parametrize("identity", [None])
def test_a_cpu_that_cannot_be_told_is_asked_each_time(cold, identity):
    cold.identity = identity
    cold.cpu()
    cold.cpu()
    assert (cold.asked, cold.memos()) == (2, [])


@pytest.mark.parametrize(
    "changes", [{"name": 1}, {"features": None}, {"features": ["avx2", 1]}, {"key": "cpu 1"}]
)
def test_a_damaged_memo_is_not_believed(cold, changes):
    cold.cpu()
    (file,) = cold.memos()
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    assert [cold.cpu(), cold.asked] == [HASWELL, 2]


LEAVES = [[0x306C4, 0x00020800, 1, 2, 0, 0x00020800, 3, 4], [0, 0x3A9, 0, 0, 0, 0x328, 0, 0]]


def packed(rows):
    return [struct.pack("<8I", *row) for row in rows]


def leaves(row, at, value):
    changed = [list(words) for words in LEAVES]
    changed[row][at] = value
    return packed(changed)


def test_x86_64_is_known_by_all_that_cpuid_says():
    known = machine.linux_x86_64(packed(LEAVES), "cpu:type:x86,ven0000")
    for row in range(2):
        for at in range(8):
            if (row, at) != (0, 0):
                other = leaves(row, at, LEAVES[row][at] ^ 1)
                assert machine.linux_x86_64(other, "cpu:type:x86,ven0000") != known
    assert machine.linux_x86_64(packed(LEAVES), "cpu:type:x86,ven0002") != known
    assert machine.linux_x86_64(leaves(0, 0, 0xB00F21), "cpu:type:x86,ven0000") != known


def test_x86_64_is_the_same_on_every_core():
    other = leaves(0, 1, 0x17020800)
    assert machine.linux_x86_64(other, "") == machine.linux_x86_64(packed(LEAVES), "")


@pytest.mark.parametrize("rows", [[], leaves(0, 0, 0)])
def test_x86_64_without_cpuid_is_not_known(rows):
    assert machine.linux_x86_64(rows, "cpu:type:x86,ven0000") is None


def test_x86_64_of_one_run_of_the_machine(monkeypatch):
    """What the kernel says of the CPU is asked only where no run of the machine is known."""
    read = []
    monkeypatch.setattr(machine, "_glibc_leaves", lambda: packed(LEAVES))
    monkeypatch.setattr(machine, "_read", lambda path, size: read.append(path) or "ven0000")
    known = machine.cpu_identity("x86_64", "linux", same_run=True)
    assert read == []
    assert known == machine.linux_x86_64(packed(LEAVES), "")
    assert machine.cpu_identity("x86_64", "linux") == f"{known}ven0000"
    assert read == ["/sys/devices/system/cpu/modalias"]


CORE = """\
processor\t: {}
BogoMIPS\t: 50.00
Features\t: fp asimd sve
CPU implementer\t: 0x41
CPU part\t: {}

"""
CORES = CORE.format(0, "0xd0c") + CORE.format(1, "0xd0c")


def test_arm64_is_known_by_cores_and_hwcaps():
    known = other_machines.linux_aarch64([7, 1], CORES)
    assert known is not None
    assert other_machines.linux_aarch64([7, 1], CORES.replace("50.00", "60.00")) == known
    others = [
        other_machines.linux_aarch64([5, 1], CORES),  # emulated, with the host's cores in the file
        other_machines.linux_aarch64([7, 1], CORES.replace("sve", "")),
        other_machines.linux_aarch64([7, 1], CORES.replace("0x41", "0x48")),
        other_machines.linux_aarch64([7, 1], CORE.format(0, "0xd0c") + CORE.format(1, "0xd05")),
        other_machines.linux_aarch64([7, 1], CORE.format(0, "0xd05") + CORE.format(1, "0xd0c")),
    ]
    assert len({known, *others}) == 6


@pytest.mark.parametrize("text", ["", "vendor_id\t: AuthenticAMD\nflags\t: sse2\nCPU MHz\t: 1\n"])
def test_arm64_without_its_cores_is_not_known(text):
    assert other_machines.linux_aarch64([7, 1], text) is None


def test_macos_is_known_by_sysctl():
    values = {"hw.cpufamily": b"\x01\0\0\0", "machdep.cpu.brand_string": b"Apple M1\0"}
    known = other_machines.macos(values.get)
    assert known is not None
    for name in other_machines._SYSCTLS:
        assert other_machines.macos({**values, name: b"other"}.get) != known
    assert other_machines.macos({"machdep.cpu.brand_string": b"Apple M1\0"}.get) is None


def test_windows_is_always_asked():
    assert machine.cpu_identity("x86_64", "win32") is None


@pytest.mark.machines
def test_emulated_cpus_are_told_apart(tmp_path):
    """They share a cache and a /proc/cpuinfo with this machine."""
    qemu = shutil.which("qemu-x86_64")
    if qemu is None or sys.platform != "linux" or ARCH != "x86_64":
        pytest.skip("needs qemu-x86_64 on x86_64 Linux")
    python = os.path.realpath(sys.executable)
    here = run(tmp_path)
    for expected_asked in (True, False):
        for cpu in ("Haswell", "Nehalem"):
            name, features, asked = run(tmp_path, qemu, "-cpu", cpu, python)
            assert name == cpu.lower()
            assert ("avx2" in features) == (cpu == "Haswell")
            assert asked == (expected_asked or machine.cpu_identity(ARCH) is None)
    assert run(tmp_path)[:2] == here[:2]
